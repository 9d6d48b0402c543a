"""Where the world of a calibrated rig is, by what the options say; and how that is told."""

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.bundle import BundleResult
from mocap3d.calibration.look import Seen
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.world import at_scene_points, level, moved, on_floor_board
from mocap3d.errors import CalibrationError
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import TargetObservations

PITCH_SHARE = 0.1
"""By how much less the cameras' downward tilt says of the vertical than their roll does."""
LOWEST = 0.01
"""Quantile of the corners' heights that is taken for the lowest corner."""


def placed(
    result: BundleResult, observations: list[TargetObservations], seen: Seen, options: CalibrateOptions
) -> tuple[BundleResult, str]:
    """The rig in its world, and which world that is, in words."""
    kind = options.world
    if kind == "auto":
        kind = "scene" if seen.scene is not None else "floor" if options.floor_at_s is not None else "level"
    if kind == "scene" and seen.scene is not None:
        return at_scene_points(result, observations, seen.scene.name), "that of the measured points of the scene"
    board = observations[0]
    if kind == "floor" and options.floor_at_s is not None:
        instant = _nearest(board, result, options.floor_at_s)
        world = on_floor_board(result, observations, board.name, instant)
        return world, f"the board as it lay on the floor {_when(board, instant)}: its lower left corner is the origin"
    up = cameras_up(result)
    cameras = result.rig.cameras
    upright = level(result, {view: camera.cam_from_world.rotation @ up for view, camera in cameras.items()})
    if kind == "board":
        return _at_first_board(upright, board)
    return _above_lowest(upright, observations)


def floor_instant(board: TargetObservations, at_s: float) -> int:
    """The instant nearest to a second of the recordings; of pictures, the number of the picture."""
    times = board.t_s if board.t_s.isfinite().any() else board.frame.amax(0).double()
    return int((times - at_s).abs().argmin())


def _nearest(board: TargetObservations, result: BundleResult, at_s: float) -> int:
    """At which the board could be placed; refused where that is more than a second away."""
    known = result.world_from_target[0].translation.isfinite().all(-1)
    instant = floor_instant(board, at_s)
    times = board.t_s if board.t_s.isfinite().any() else board.frame.amax(0).double()
    if not known[instant] or abs(float(times[instant]) - at_s) > 1:
        near = [f"{float(t):.4g}" for t, is_known in zip(times, known, strict=True) if is_known]
        raise CalibrationError(
            f"floor_at_s is {at_s:g}, but the board was not found within a second of that; it was from {near[0]} to "
            f"{near[-1]}. Give a moment at which it lies on the floor and is seen."
        )
    return instant


def cameras_up(result: BundleResult) -> Float[Tensor, "3"]:
    """The direction that is across every camera's picture as little as can be: tripods pan and tilt, but seldom roll.

    Where all look the same way, and that leaves it open, the pictures' own up decides.
    """
    turns = torch.stack([camera.cam_from_world.rotation for camera in result.rig.cameras.values()])
    across, down = turns[:, 0], turns[:, 1]
    _, axes = torch.linalg.eigh(PITCH_SHARE * down.mT @ down - across.mT @ across)
    up = axes[:, -1]
    return up if float((down @ up).sum()) < 0 else -up


def _when(board: TargetObservations, instant: int) -> str:
    t_s = float(board.t_s[instant])
    return f"at {t_s:.2f} s" if t_s == t_s else f"in picture {int(board.frame[:, instant].max())}"  # not NaN


def _at_first_board(upright: BundleResult, board: TargetObservations) -> tuple[BundleResult, str]:
    """Level, the origin at the board's own as it was first seen."""
    poses = upright.world_from_target[0].translation
    first = int(poses.isfinite().all(-1).nonzero()[0, 0])
    world = moved(upright, Rigid(torch.eye(3, dtype=torch.float64), -poses[first]))
    return world, f"level as the cameras are held; the origin is the board's {_when(board, first)}"


def _above_lowest(upright: BundleResult, observations: list[TargetObservations]) -> tuple[BundleResult, str]:
    """Level, the floor at the lowest corner, the origin below the middle of the cameras."""
    corners = torch.cat([_corners_in_world(upright, each, s) for s, each in enumerate(observations)])
    centres = torch.stack([camera.centre_in_world for camera in upright.rig.cameras.values()])
    origin = centres.mean(0)
    if len(corners):
        origin[2] = corners[:, 2].quantile(LOWEST)
    world = moved(upright, Rigid(torch.eye(3, dtype=torch.float64), -origin))
    return world, (
        "level as the cameras are held on average, its floor at the lowest place of the board: a guess. Lay the board "
        "on the floor before the cameras and say when with floor_at_s, or measure points of the scene"
    )


def _corners_in_world(result: BundleResult, each: TargetObservations, s: int) -> Float[Tensor, "n 3"]:
    """Of boards that two views or more see."""
    shared = each.uv_px.isfinite().all(-1).any(-1).sum(0) >= 2
    points = result.world_from_target[s][:, None].apply(each.p_in_target)[shared].reshape(-1, 3)
    return points[points.isfinite().all(-1)]
