"""Whole records through one filter: what a lab asks for that filters all its data alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.biomech.signals import CUTOFF_CORRECTION, gcv_spline, low_pass, residual_cutoff
from mocap3d.errors import FusionError
from mocap3d.session.records import Motion, Points3D
from mocap3d.skeletons.forward import posed


@dataclass(frozen=True, slots=True)
class TrackFilter:
    """A filter for tracks (t c) of one person."""

    smooth: Callable[[np.ndarray], np.ndarray]
    words: str
    """What it is, and where its cutoff comes from."""


@dataclass(frozen=True)
class FilterOptions:
    """A filter over time, zero-phase; gaps stay, nothing is carried across them."""

    filter: Literal["butterworth", "spline"] | None = None
    """Butterworth of order 4, or a spline by generalised cross-validation. The fit smooths already: none is needed."""
    cutoff_hz: float | None = None
    """Of Butterworth; by residual analysis of each person's keypoints (Winter) where it is not given."""

    def __post_init__(self):
        if self.cutoff_hz is not None and self.filter != "butterworth":
            raise ValueError("cutoff-hz is of the Butterworth filter: give filter butterworth with it.")
        if self.cutoff_hz is not None and not self.cutoff_hz > 0:
            raise ValueError(f"cutoff-hz is {self.cutoff_hz:g}; needed a frequency above 0.")


def track_filters(points: Points3D, options: FilterOptions) -> list[TrackFilter]:
    """Of each person."""
    rate_hz = float(points.rate)
    if options.filter == "spline":
        spline = TrackFilter(partial(gcv_spline, rate_hz=rate_hz), "spline by generalised cross-validation")
        return [spline] * len(points.people)
    highest_hz = CUTOFF_CORRECTION * rate_hz / 2
    if options.cutoff_hz is not None and options.cutoff_hz >= highest_hz:
        raise FusionError(
            f"cutoff-hz is {options.cutoff_hz:g}; at {rate_hz:g} Hz it must be below {highest_hz:.1f}. Give a lower "
            "one, or none: then it is found by residual analysis."
        )
    filters = []
    for who in range(len(points.people)):
        cutoff_hz = options.cutoff_hz or _cutoff_hz(points.p_in_world[:, who].numpy(), rate_hz)
        source = "as asked" if options.cutoff_hz else "by residual analysis"
        smooth = partial(low_pass, rate_hz=rate_hz, cutoff_hz=cutoff_hz)
        filters.append(TrackFilter(smooth, f"Butterworth of order 4, {cutoff_hz:.1f} Hz {source}"))
    return filters


def smoothed_points(points: Points3D, filters: list[TrackFilter]) -> Points3D:
    """Every keypoint by its person's filter; doubt and provenance stay those of the points that came in."""
    p_in_world = points.p_in_world.clone()
    for who, track in enumerate(filters):
        for k in range(p_in_world.shape[2]):
            p_in_world[:, who, k] = torch.from_numpy(track.smooth(p_in_world[:, who, k].numpy()))
    return replace(points, p_in_world=p_in_world)


def smoothed_motion(motion: Motion, filters: list[TrackFilter]) -> Motion:
    """Roots and turns by their person's filter, joints by forward kinematics from these: lengths stay constant."""
    root, turns, joints = motion.root_in_world.clone(), motion.parent_from_joint.clone(), motion.joint_in_world.clone()
    for who, (track, skeleton) in enumerate(zip(filters, motion.skeletons, strict=True)):
        root[:, who] = torch.from_numpy(track.smooth(root[:, who].numpy()))
        for j in range(turns.shape[2]):
            turns[:, who, j] = _smoothed_turns(turns[:, who, j], track)
        joints[:, who] = posed(skeleton, root[:, who], turns[:, who])[0]
    return replace(motion, root_in_world=root, parent_from_joint=turns, joint_in_world=joints)


def _smoothed_turns(turns: Float[Tensor, "t 3 3"], track: TrackFilter) -> Float[Tensor, "t 3 3"]:
    """Filtered entry by entry, then the nearest rotation (Moakher 2002): right for the small changes of a filter."""
    filtered = torch.from_numpy(track.smooth(turns.flatten(1).numpy())).unflatten(1, (3, 3))
    known = filtered.isfinite().all(-1).all(-1)
    u, _, vh = torch.linalg.svd(filtered[known])
    flip = torch.ones(len(u), 3, dtype=turns.dtype)
    flip[:, 2] = torch.linalg.det(u @ vh)
    filtered[known] = (u * flip[:, None]) @ vh
    return filtered


def _cutoff_hz(p_in_world: Float[np.ndarray, "t k 3"], rate_hz: float) -> float:
    """The highest of all keypoints that are mostly known: one filter, which leaves fast hands as they are."""
    mostly = np.isfinite(p_in_world).all(-1).mean(0) > 0.5
    cutoffs = [residual_cutoff(p_in_world[:, k], rate_hz) for k in np.flatnonzero(mostly)]
    return max(cutoffs, default=rate_hz / 4)
