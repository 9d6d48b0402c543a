"""The world of a calibration: Z up, metres, the floor at 0; and whether the cameras stand in it the right way up.

An adjustment knows the cameras only relative to one of them. What says where the world is: a board on the floor,
points of the scene, where feet were, gravity, or one known distance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.bundle import BundleResult
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig, TargetObservations, ViewId

FLOOR_SIGMA_M = 0.02
"""Feet within this of the plane count fully: soles are that thick, and heels rise."""


def on_floor_board(
    result: BundleResult, observations: Sequence[TargetObservations], name: str, instant: int = 0
) -> BundleResult:
    """The world of a board that lies on the floor at one instant: its origin, its x axis, and Z up.

    Which side of a board is printed is not known for certain, so the cameras say which way is up: they stand above.
    """
    world_from_board = _pose_of(result, observations, name, instant)
    placed = moved(result, world_from_board.inverse())
    if _n_below(placed.rig) > len(placed.rig.cameras) / 2:
        over = rotation_from_rotvec(torch.tensor([torch.pi, 0, 0], dtype=torch.float64))
        placed = moved(placed, Rigid(over, torch.zeros(3, dtype=torch.float64)))
    _check_above(placed, f"the board '{name}' on the floor")
    return placed


def at_scene_points(result: BundleResult, observations: Sequence[TargetObservations], name: str) -> BundleResult:
    """The world in which points of the scene were measured. Refused where that puts the cameras under the floor."""
    placed = moved(result, _pose_of(result, observations, name, 0).inverse())
    _check_above(placed, f"the scene points '{name}'")
    return placed


def on_floor_points(result: BundleResult, p_in_world: Float[Tensor, "n 3"]) -> BundleResult:
    """The world whose floor is where feet (or anything else) touched it: the plane that most points lie in.

    Its origin is below the middle of the cameras, its x axis that of the world before, laid flat.
    """
    points = p_in_world[p_in_world.isfinite().all(-1)]
    if len(points) < 3:
        raise CalibrationError(
            f"{len(points)} points on the floor are known; needed are at least 3 that are not on one line. Let someone "
            "walk about the volume."
        )
    middle, up = _plane(points)
    centres = torch.stack([camera.centre_in_world for camera in result.rig.cameras.values()])
    if ((centres - middle) @ up).median() < 0:
        up = -up
    floor_from_world = _standing(up)
    below = centres.mean(0) - ((centres.mean(0) - middle) @ up) * up
    placed = moved(result, Rigid(floor_from_world, -(floor_from_world @ below)))
    _check_above(placed, "the points on the floor")
    return placed


def level(result: BundleResult, up_in_cam: Mapping[ViewId, Float[Tensor, "3"]]) -> BundleResult:
    """The world turned so that Z is up, by the direction away from gravity as some cameras know it (an accelerometer,
    a plumb line)."""
    directions = torch.stack([result.rig.cameras[view].cam_from_world.rotation.mT @ (up / up.norm())
                              for view, up in up_in_cam.items()])  # fmt: skip
    up = directions.sum(0)
    spread = float((directions @ (up / up.norm())).clamp(-1, 1).arccos().rad2deg().max())
    if not spread < 20:
        raise CalibrationError(
            f"the cameras' directions of gravity disagree by up to {spread:.0f} degrees; needed is one direction. "
            "Check that each belongs to its camera, in its frame: x right, y down, z forward."
        )
    return moved(result, Rigid(_standing(up / up.norm()), torch.zeros(3, dtype=torch.float64)))


def moved(result: BundleResult, new_from_world: Rigid, *, scale: float = 1.0) -> BundleResult:
    """The same calibration in another world: p_new = new_from_world.apply(scale p)."""
    rig = replace(result.rig, cameras={view: _camera(camera, new_from_world, scale)
                                       for view, camera in result.rig.cameras.items()})  # fmt: skip
    targets = tuple(new_from_world @ Rigid(pose.rotation, scale * pose.translation)
                    for pose in result.world_from_target)  # fmt: skip
    turn = torch.eye(len(result.names), dtype=torch.float64)
    for row, name in enumerate(result.names):
        if name.endswith(".x"):  # x, y and z stand together; the turns are in the camera's own frame
            turn[row : row + 3, row : row + 3] = scale * new_from_world.rotation
    return replace(
        result, rig=rig, world_from_target=targets, cov=turn @ result.cov @ turn.mT,
        rigidity_m=scale * result.rigidity_m, scale=scale * result.scale,
    )  # fmt: skip


def check_in_front(rig: CalibratedRig, observations: Sequence[TargetObservations], result: BundleResult) -> None:
    """Refuses a solution in which a camera sees what is behind it: the mirror image of the true one."""
    for each, world_from_target in zip(observations, result.world_from_target, strict=True):
        p_in_world = world_from_target[:, None].apply(each.p_in_target)
        for view in (view for view in each.views if view in rig.cameras):
            seen = each.uv_px[each.views.index(view)].isfinite().all(-1) & p_in_world.isfinite().all(-1)
            p_in_cam = rig.cameras[view].cam_from_world.apply(p_in_world[seen])
            behind = ~rig.cameras[view].lens.sees(p_in_cam)
            if len(behind) and behind.double().mean() > 0.01:
                raise CalibrationError(
                    f"view '{view}': {int(behind.sum())} of {len(behind)} corners of '{each.name}' come out behind the "
                    "camera or beyond its lens. The solution is a mirror image of the true one, however well it "
                    "reprojects: check that no video is mirrored, and the order of the target's points."
                )


def _camera(camera: Camera, new_from_world: Rigid, scale: float) -> Camera:
    scaled = Rigid(camera.cam_from_world.rotation, scale * camera.cam_from_world.translation)
    return replace(camera, cam_from_world=scaled @ new_from_world.inverse())


def _pose_of(result: BundleResult, observations: Sequence[TargetObservations], name: str, instant: int) -> Rigid:
    """World_from_target of a target at one instant."""
    names = [each.name for each in observations]
    if name not in names:
        raise CalibrationError(f"the world is to be set by '{name}', but the targets seen are {', '.join(names)}.")
    poses = result.world_from_target[names.index(name)]
    if not 0 <= instant < len(poses.translation) or poses.translation[instant].isnan().any():
        raise CalibrationError(
            f"the world is to be set by '{name}' at instant {instant}, but no camera found it there. Choose an instant "
            "at which it is seen, best by several cameras."
        )
    return poses[instant]


def _n_below(rig: CalibratedRig) -> int:
    return sum(float(camera.centre_in_world[2]) < 0 for camera in rig.cameras.values())


def _check_above(placed: BundleResult, by: str) -> None:
    """Refuses a world that most cameras would be buried in."""
    below = [view for view, camera in placed.rig.cameras.items() if float(camera.centre_in_world[2]) < 0]
    if len(below) > len(placed.rig.cameras) / 2:
        raise CalibrationError(
            f"by {by}, the cameras {', '.join(below)} stand below the floor, although everything reprojects well "
            f"({placed.rms_px:.2f} px). The points' coordinates are a mirror image: seen from above, y must be to the "
            "left of x (turned anticlockwise), and Z must be up. Change the sign of their y (or swap x and y), and "
            "calibrate again."
        )


def _plane(points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    """A point of the plane that most points lie in, and its normal: least squares with Cauchy's weights."""
    weights = torch.ones_like(points[:, 0])
    middle, normal = points.mean(0), torch.zeros(3, dtype=points.dtype)
    for n in range(50):
        middle = (weights[:, None] * points).sum(0) / weights.sum()
        centred = points - middle
        spread, axes = torch.linalg.eigh((weights[:, None] * centred).mT @ centred)
        if spread[1] < 1e-6 * spread[2]:
            raise CalibrationError(
                f"the {len(points)} points on the floor lie on one line, which fixes no plane. Let someone walk about "
                "the volume, not to and fro."
            )
        normal = axes[:, 0]
        distance = (centred @ normal).abs()
        # From wide to narrow: at first every point has a say.
        width = max(FLOOR_SIGMA_M, float(distance.median())) if n < 20 else FLOOR_SIGMA_M
        weights = 1 / (1 + (distance / width) ** 2)
    return middle, normal


def _standing(up: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The rotation that takes ``up`` to z, and keeps the old x axis as well as can be."""
    x = torch.tensor([1.0, 0, 0], dtype=up.dtype)
    if abs(float(up[0])) > 0.9:
        x = torch.tensor([0, 0, 1.0], dtype=up.dtype)
    x = x - (x @ up) * up
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(up, x), up])
