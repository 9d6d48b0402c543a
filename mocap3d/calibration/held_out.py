"""How well the cameras explain instants that they were not fitted to."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.adjustment import held_out, unknowns_of
from mocap3d.calibration.bundle import BundleOptions, BundleResult, start_of
from mocap3d.calibration.corners import corners_of
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.session.records import TargetObservations, ViewId

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
    unknowns = unknowns_of(
        kinds,
        start.lenses,
        [corners.size_px[view] for view in corners.views],
        free_poses=np.arange(len(kinds)) > 0,
        free_lens=np.array([[options.refine_lenses and v not in options.fixed_lenses] * 18 for v in corners.views]),
        held_targets=np.zeros(corners_known.n_targets, bool),
    )
    off_px = np.full(len(corners_known.uv_px), np.nan)
    for number in range(N_FOLDS if corners_known.n_targets >= MIN_INSTANTS else 0):
        problem, state, _ = held_out(corners_known, kinds, unknowns, start, fold != number, fold == number,
                                     bend_px=options.bend_px, noise=result.noise)  # fmt: skip
        off_px[fold[corners_known.target_of] == number] = np.linalg.norm(problem.residuals_px(state), axis=1)
    full = np.full(len(corners.uv_px), np.nan)
    full[known_corners] = off_px
    return corners.per_set(full)
