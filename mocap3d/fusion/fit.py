"""Stage two: all keypoints of all instants together, with what is known about bodies and motion.

Maximum a posteriori over the whole sequence: robust reprojection, distances that stay constant, hinge limits, and an
acceleration prior per keypoint. Every scale in it is measured on the recording first (``noise``, ``motion``, ``body``);
then windows are solved independently, so cost is linear in instants and in views and memory is bounded.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import radians

import numpy as np

from mocap3d.fusion.model import SAMPLE, Evidence, measure_model
from mocap3d.fusion.noise import GATE, measure_noise
from mocap3d.fusion.packing import PackedRig, full_matrices, pack_rig, pack_tracks
from mocap3d.fusion.points import check_views
from mocap3d.fusion.presence import runs_of, up_to_the_ends
from mocap3d.fusion.solution import Solution
from mocap3d.fusion.start import without_leaps
from mocap3d.session.records import CalibratedRig, Person, Points3D, Provenance, Tracks2D
from mocap3d.solve import residuals

WINDOW = 512
OVERLAP = 24
"""Instants solved beyond a window on either side: the prior forgets within 8 to 16."""
_OPEN_END = 0.2
"""How much of the longest gap may be filled at an end of the recording, where nothing lies beyond to hold on to: 5 of
300 instants on, a wrist is 21 mm off at a stated 41, 15 on 170 at 57; in gaps of as many 8 and 9."""


@dataclass(frozen=True)
class FitOptions:
    """Settings of the whole-sequence fit. Everything else is measured on the recording."""

    covariance: bool = True
    """Compute the covariance of every point."""
    limb_sigma_m: float = 0.004
    """One sigma, at most, by which a limb's length may vary over time."""
    angle_sigma_deg: float = 3.0
    """Softness of joint-angle limits."""
    max_gap_s: float = 0.5
    """Longest stretch that the priors may bridge where fewer than two views agree; longer ones are missing.

    At the recording's ends a fifth of it.
    """
    smoothness: float = 1.0
    """Factor on the weight of the acceleration prior, which is measured."""
    threads: int = 0
    """Threads; 0 = one per processor."""

    def __post_init__(self):
        if self.smoothness == 0 and self.covariance:
            raise ValueError(
                "smoothness is 0, which leaves the acceleration prior out; no covariance can be told without it. Give "
                "more than 0, or covariance = false."
            )


def fit_sequence(
    tracks: Tracks2D,
    rig: CalibratedRig,
    points: Points3D,
    people: Mapping[str, Person] | None = None,
    options: FitOptions = FitOptions(),
) -> Points3D:
    """Whole-sequence positions from the 2D tracks, started at triangulated ``points``; people by name give heights.

    Raises FusionError for fewer than two calibrated views.
    """
    check_views(tracks, rig)
    packed = pack_rig(rig, tracks.views, len(tracks.t_s))
    out = Solution.empty(tracks)
    for person, name in enumerate(tracks.people):
        known = (people or {}).get(name)
        _fit_person(tracks, person, packed, points, known.height_m if known else None, options, out)
        origin = _provenance(out.n_views[:, person], round(options.max_gap_s * float(tracks.rate)))
        out.p_in_world[:, person][origin == Provenance.MISSING] = np.nan
        out.cov_m2[:, person][origin == Provenance.MISSING] = np.nan
        out.provenance[:, person] = origin
    return out.record(tracks, points.noise)


def _fit_person(
    tracks: Tracks2D,
    person: int,
    rig: PackedRig,
    points: Points3D,
    height_m: float | None,
    options: FitOptions,
    out: Solution,
) -> None:
    """Fill in one person; nothing is filled in where they were never triangulated."""
    noise = points.noise[person] if points.noise else measure_noise(tracks, person, rig)
    p_in_world = points.p_in_world.numpy()[:, person]
    triangulated = np.isfinite(p_in_world[..., 0])
    if not triangulated.any():
        return
    start = without_leaps(p_in_world, points.n_views.numpy()[:, person], float(tracks.rate))
    reach = max(OVERLAP, round(options.max_gap_s * float(tracks.rate)))
    runs = runs_of(np.any(triangulated, axis=1), bridged=2 * reach)
    model = measure_model(
        Evidence(tracks, person, rig, runs, start, triangulated, points.cov_m2.numpy()[:, person]),
        noise,
        height_m=height_m,
        limb_sigma_m=options.limb_sigma_m,
        angle_sigma_rad=radians(options.angle_sigma_deg),
    )
    model = replace(model, motion=replace(model.motion, weight=options.smoothness * model.motion.weight))
    # Who was there for a short time only has been solved once already.
    steps = 2 if sum(run.stop - run.start for run in runs) <= SAMPLE else 4

    def solve(run: slice, first: int) -> None:
        last = min(first + WINDOW, run.stop)
        wide = slice(max(run.start, first - OVERLAP), min(run.stop, last + OVERLAP))
        core = slice(first - wide.start, last - wide.start)
        poses = rig.poses_of(wide)
        obs = pack_tracks(tracks, person, wide, rig, model.noise.scale2.numpy())
        window = start[wide].copy()
        model.solve(poses, obs, window, steps=steps)
        out.p_in_world[first:last, person] = window[core].transpose(0, 2, 1)
        if options.covariance:
            out.cov_m2[first:last, person] = full_matrices(model.posterior(poses, obs, window)[core])
        inliers = np.empty((len(window), window.shape[2]), np.int8)
        residuals.count_inliers(poses, 0, obs, window, GATE**2, inliers)
        out.n_views[first:last, person] = np.where(triangulated.any(0), inliers[core], 0)

    with ThreadPoolExecutor(options.threads or os.cpu_count()) as pool:
        drawn_out = up_to_the_ends(runs, len(start), near=reach)
        windows = ((run, first) for run in drawn_out for first in range(run.start, run.stop, WINDOW))
        list(pool.map(solve, *zip(*windows, strict=True)))


def _provenance(inliers: np.ndarray, max_gap: int) -> np.ndarray:
    """Measured where two views agree; filled in gaps of at most ``max_gap`` instants, and little of open ends."""
    origin = np.where(inliers >= 2, Provenance.MEASURED, Provenance.MISSING).astype(np.int8)
    for k in range(origin.shape[1]):
        gap = np.flatnonzero(np.diff(np.r_[0, (origin[:, k] == Provenance.MISSING).astype(np.int8), 0]))
        for first, last in zip(gap[::2], gap[1::2], strict=True):
            is_open = first == 0 or last == len(origin)
            if last - first <= (_OPEN_END * max_gap if is_open else max_gap) and last - first < len(origin):
                origin[first:last, k] = Provenance.FILLED
    return origin
