"""A first guess of a lens, from pictures alone: the focal length whose undistorted targets look most rigid.

Every focal length on a ladder is tried on some pictures. That finds telephoto and fisheye lenses alike, and needs no
start of its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.board_poses import BoardPoses, board_poses
from mocap3d.calibration.corners import AT_CAMERA, Corners
from mocap3d.calibration.lens_kinds import LensKind, packed
from mocap3d.errors import CalibrationError
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.solve.bundle import State

N_PICTURES = 8
FOCAL_LENGTHS = np.geomspace(0.25, 8.0, 11)
"""In units of the longer side of the picture: fields of view from 127 to 7 degrees."""
AS_GOOD = 1.05
"""Errors within 5 % of the least tell no focal length from another."""


@dataclass(frozen=True, slots=True)
class FirstLens:
    """The lens and the targets' poses to start from."""

    state: State
    rms_px: float


def first_lens(corners: Corners, family: LensModel) -> FirstLens:
    """The best undistorted lens of a family (pinhole, or Kannala-Brandt: equidistant) for the one view there is."""
    (view,) = corners.views
    size_px = corners.size_px[view]
    few = np.zeros(corners.n_targets, bool)
    few[np.linspace(0, corners.n_targets - 1, N_PICTURES).round().astype(int)] = True
    some = corners.of_targets(few)
    errors = [_median_px(board_poses(some, {view: _plain(family, f, size_px)}), some) for f in FOCAL_LENGTHS]
    if not np.isfinite(errors).any():
        raise CalibrationError(
            f"view '{view}': in none of its {corners.n_targets} pictures could the target be placed before the camera. "
            "Check rows, columns and the order of its corners in its definition."
        )
    # Where the pictures do not tell the focal length, all are about as good: then an ordinary one is taken.
    good = np.array(errors) <= AS_GOOD * min(errors)
    ordinary = np.abs(np.log(FOCAL_LENGTHS)) + np.where(good, 0.0, np.inf)
    kind, lens = _plain(family, float(FOCAL_LENGTHS[int(np.argmin(ordinary))]), size_px)
    found = board_poses(corners, {view: (kind, lens)})
    poses = _all_poses(found, corners.n_targets)
    return FirstLens(State(packed(lens)[None], AT_CAMERA, poses), float(min(errors)))


def _plain(family: LensModel, f: float, size_px: tuple[int, int]) -> tuple[LensKind, Lens]:
    """An undistorted lens; ``f`` in units of the picture's longer side."""
    f_px = torch.full((2,), f * max(size_px), dtype=torch.float64)
    c_px = (torch.tensor(size_px, dtype=torch.float64) - 1) / 2
    if family is LensModel.KANNALA_BRANDT:
        return LensKind.KANNALA_BRANDT, Lens.kannala_brandt(f_px, c_px, torch.zeros(4, dtype=torch.float64))
    return LensKind.PINHOLE, Lens.pinhole(f_px, c_px)


def _median_px(found: BoardPoses, corners: Corners) -> float:
    """Of the pictures' errors; one in which the target cannot be placed has an infinite one."""
    errors = np.full(corners.n_targets, np.inf)
    errors[found.target_of] = found.rms_px[:, 0]
    return float(np.median(errors))


def _all_poses(found: BoardPoses, n_targets: int) -> Float[np.ndarray, "f 12"]:
    """The likelier pose of every target; a target that could not be placed stands 1 m before the camera."""
    poses = np.tile([1.0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1], (n_targets, 1))
    usable = np.isfinite(found.rms_px[:, 0])
    poses[found.target_of[usable]] = found.poses[usable, 0]
    return poses
