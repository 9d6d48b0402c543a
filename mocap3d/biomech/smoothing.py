"""Whole records through one filter: what a lab asks for that filters all its data alike."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.biomech.signals import gcv_spline, low_pass, residual_cutoff
from mocap3d.session.records import Motion, Points3D
from mocap3d.skeletons.forward import posed

log = logging.getLogger("mocap3d")

Track = Callable[[np.ndarray], np.ndarray]


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


def track_filters(points: Points3D, options: FilterOptions) -> list[Track]:
    """The filter for tracks (t c) of each person; a cutoff that is not given is said in the log."""
    rate_hz = float(points.rate)
    if options.filter == "spline":
        return [lambda track: gcv_spline(track, rate_hz)] * len(points.people)
    filters: list[Track] = []
    for who, person in enumerate(points.people):
        cutoff_hz = options.cutoff_hz or _cutoff_hz(points.p_in_world[:, who].numpy(), rate_hz)
        if options.cutoff_hz is None:
            log.info("%s: low-passed at %.1f Hz, by residual analysis", person, cutoff_hz)
        filters.append(lambda track, cutoff_hz=cutoff_hz: low_pass(track, rate_hz, cutoff_hz))
    return filters


def smoothed_points(points: Points3D, filters: list[Track]) -> Points3D:
    """Every keypoint by its person's filter; doubt and provenance stay those of the points that came in."""
    p_in_world = points.p_in_world.clone()
    for who, smooth in enumerate(filters):
        for k in range(p_in_world.shape[2]):
            p_in_world[:, who, k] = torch.from_numpy(smooth(p_in_world[:, who, k].numpy()))
    return replace(points, p_in_world=p_in_world)


def smoothed_motion(motion: Motion, filters: list[Track]) -> Motion:
    """Roots and turns by their person's filter, joints by forward kinematics from these: lengths stay constant."""
    root, turns, joints = motion.root_in_world.clone(), motion.parent_from_joint.clone(), motion.joint_in_world.clone()
    for who, (smooth, skeleton) in enumerate(zip(filters, motion.skeletons, strict=True)):
        root[:, who] = torch.from_numpy(smooth(root[:, who].numpy()))
        for j in range(turns.shape[2]):
            turns[:, who, j] = _smoothed_turns(turns[:, who, j], smooth)
        joints[:, who] = posed(skeleton, root[:, who], turns[:, who])[0]
    return replace(motion, root_in_world=root, parent_from_joint=turns, joint_in_world=joints)


def _smoothed_turns(turns: Float[Tensor, "t 3 3"], smooth: Track) -> Float[Tensor, "t 3 3"]:
    """Filtered entry by entry, then the nearest rotation (Moakher 2002): right for the small changes of a filter."""
    filtered = torch.from_numpy(smooth(turns.flatten(1).numpy())).unflatten(1, (3, 3))
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
