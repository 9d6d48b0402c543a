"""How well the cameras explain instants that they were not fitted to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.adjustment import unknowns_of
from mocap3d.calibration.bundle import BundleOptions, BundleResult, start_of
from mocap3d.calibration.corners import corners_of
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_kinds import packed
from mocap3d.session.records import TargetObservations, ViewId
from mocap3d.solve.bundle import Problem, State

N_FOLDS, MIN_INSTANTS = 4, 6


def held_out_px(
    observations: Sequence[TargetObservations],
    result: BundleResult,
    options: BundleOptions,
    lenses: Mapping[ViewId, LensEstimate] | None = None,
) -> tuple[Float[Tensor, "_v _t _k"], ...]:
    """Distance of every corner from where cameras say that were fitted to the other three quarters of the instants.

    Only where the target is, is fitted to the corners themselves. NaN where a quarter is too little to go without.
    """
    lenses = lenses or result.lenses
    corners = corners_of(observations, list(lenses))
    cameras = {view: camera.cam_from_world for view, camera in result.rig.cameras.items()}
    start, known = start_of(corners, lenses, Poses(cameras, result.world_from_target, (), {}))
    known_corners = known[corners.target_of]
    corners_known = corners.of_targets(known)
    kinds = [lenses[view].kind for view in corners.views]
    fold = np.arange(corners_known.n_targets) % N_FOLDS
    off_px = np.full(len(corners_known.uv_px), np.nan)
    for number in range(N_FOLDS if corners_known.n_targets >= MIN_INSTANTS else 0):
        fitted, judged = (corners_known.of_targets(which) for which in (fold != number, fold == number))
        unknowns = unknowns_of(
            kinds,
            np.stack([packed(lenses[view].lens) for view in corners.views]),
            [corners.size_px[view] for view in corners.views],
            free_poses=np.arange(len(kinds)) > 0,
            free_lens=np.array([[options.refine_lenses and v not in options.fixed_lenses] * 18 for v in corners.views]),
            held_targets=np.zeros(fitted.n_targets, bool),
        )
        sigma = result.noise
        problem = Problem(fitted.observed(kinds, sigma), unknowns, options.bend_px)
        rest = problem.minimum(replace(start, poses=start.poses[fold != number]), tolerance=1e-6).x
        problem = replace(problem, observed=judged.observed(kinds, sigma))
        state, _ = problem.with_poses_refined(State(rest.lenses, rest.cameras, start.poses[fold == number]))
        mine = fold[corners_known.target_of] == number
        off_px[mine] = np.linalg.norm(problem.residuals_px(state), axis=1)
    full = np.full(len(corners.uv_px), np.nan)
    full[known_corners] = off_px
    return corners.per_set(full)
