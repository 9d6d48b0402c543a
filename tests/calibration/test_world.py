"""The world of a calibration: upright, in metres, and not a mirror image."""

from dataclasses import replace

import board_scenes
import pytest
import torch

from mocap3d.calibration.bundle import BundleOptions, BundleResult, bundle_adjust
from mocap3d.calibration.extrinsics import first_poses
from mocap3d.calibration.people_world import size_by_distance
from mocap3d.calibration.world import (
    at_scene_points,
    check_in_front,
    level,
    moved,
    on_floor_board,
    on_floor_points,
)
from mocap3d.errors import CalibrationError
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig, TargetObservations
from mocap3d.synthesis.boards import BoardSceneOptions, board_points, ordinary_rig, shown

SEEN_BY_ALL = BoardSceneOptions(max_tilt_deg=180.0, missing=0.0, min_corners=4, sigma_px=0.1)
ROOM = torch.tensor([[x, y, z] for x in (-1.0, 0.3, 1.2) for y in (-1.0, 1.0) for z in (0.0, 0.8)]).double()
FLOOR = ROOM * torch.tensor([1.0, 1.0, 0.0])


def vector(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def placed(rig: CalibratedRig, *sets: TargetObservations) -> BundleResult:
    """Calibrated with the true lenses."""
    lenses = board_scenes.true_lenses(rig)
    return bundle_adjust(sets, lenses, first_poses(sets, lenses), BundleOptions(refine_lenses=False))


def seen(rig: CalibratedRig, points: torch.Tensor, pose: Rigid | None = None, name: str = "room") -> TargetObservations:
    return shown(rig, points, pose or Rigid.identity(1), SEEN_BY_ALL, name=name).observations


def worst_m(result: BundleResult, truth: CalibratedRig) -> float:
    return max(float((result.rig.cameras[view].centre_in_world - camera.centre_in_world).norm())
               for view, camera in truth.cameras.items())  # fmt: skip


def test_scene_points_set_the_world():
    """12 points at 0.1 px. Measured 2 mm."""
    rig = ordinary_rig(4)
    room = seen(rig, ROOM)
    assert worst_m(at_scene_points(placed(rig, room), [room], "room"), rig) < 0.01


@pytest.mark.parametrize("face", ["up", "down"])
def test_a_board_on_the_floor_is_under_the_cameras(face):
    """Whichever side is printed; its x axis stays the world's."""
    rig, board = ordinary_rig(4), board_points(8, 5, 0.2)
    turn = rotation_from_rotvec(vector(torch.pi if face == "down" else 0.0, 0, 0))
    pose = Rigid(turn[None], vector(0.2, 0.1, 0.0)[None])
    floor = seen(rig, board, pose, "floor")
    result = on_floor_board(placed(rig, floor), [floor], "floor")
    shifted = replace(rig, cameras={view: replace(camera, cam_from_world=camera.cam_from_world @ Rigid(
        torch.eye(3).double(), vector(0.2, 0.1, 0.0))) for view, camera in rig.cameras.items()})  # fmt: skip
    assert worst_m(result, shifted) < 0.02


def test_mirrored_scene_points_are_refused_although_they_reproject():
    """On a plane, a left-handed frame fits exactly as well: with all cameras under the floor."""
    rig = ordinary_rig(4)
    room = seen(rig, FLOOR)
    mirrored = replace(room, p_in_target=FLOOR * vector(1, -1, 1))
    result = placed(rig, mirrored)
    assert result.rms_px < 0.2
    with pytest.raises(CalibrationError, match="stand below the floor, although everything reprojects well"):
        at_scene_points(result, [mirrored], "room")
    assert worst_m(at_scene_points(placed(rig, room), [room], "room"), rig) < 0.02


def test_a_solution_behind_the_cameras_is_refused():
    """Turned inside out, every point reprojects where it did, through the back of the camera."""
    rig = ordinary_rig(3)
    room = seen(rig, ROOM)
    result = at_scene_points(placed(rig, room), [room], "room")
    check_in_front(result.rig, [room], result)
    half_turn = torch.diag(vector(-1, -1, 1))
    inside_out = {view: replace(camera, cam_from_world=Rigid(
        half_turn @ camera.cam_from_world.rotation, -camera.cam_from_world.translation))
        for view, camera in result.rig.cameras.items()}  # fmt: skip
    with pytest.raises(CalibrationError, match="mirror image"):
        check_in_front(CalibratedRig(inside_out), [room], result)


def test_the_floor_is_where_feet_were():
    """300 steps, 1 cm of noise, and a fifth of the points lifted feet. Measured 2 mm and 0.1 deg."""
    rig = ordinary_rig(4)
    room = seen(rig, ROOM)
    away = Rigid(rotation_from_rotvec(vector(0.4, -1.0, 0.7)), vector(1.0, 2.0, 3.0))
    result = moved(at_scene_points(placed(rig, room), [room], "room"), away)
    random = torch.Generator().manual_seed(0)
    feet = torch.rand(300, 3, dtype=torch.float64, generator=random) * vector(4, 4, 0) - vector(2, 2, 0)
    feet[:, 2] = 0.01 * torch.randn(300, dtype=torch.float64, generator=random)
    feet[::5, 2] += 0.3 * torch.rand(60, dtype=torch.float64, generator=random)
    floor = on_floor_points(result, away.apply(feet))
    for view, camera in rig.cameras.items():
        assert float(floor.rig.cameras[view].centre_in_world[2]) == pytest.approx(
            float(camera.centre_in_world[2]), abs=0.03
        )
    with pytest.raises(CalibrationError, match="on one line"):
        on_floor_points(result, away.apply(feet[:50] * vector(1, 0, 0)))
    with pytest.raises(CalibrationError, match="2 points"):
        on_floor_points(result, feet[:2])


def test_gravity_sets_up():
    rig = ordinary_rig(4)
    room = seen(rig, ROOM)
    result = placed(rig, room)
    up_in_cam = {view: rig.cameras[view].cam_from_world.rotation @ vector(0, 0, 9.81) for view in ("cam01", "cam03")}
    found = level(result, up_in_cam)
    for view, camera in rig.cameras.items():
        tilt = found.rig.cameras[view].cam_from_world.rotation[:, 2] @ camera.cam_from_world.rotation[:, 2]
        assert float(tilt) == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(CalibrationError, match="disagree by up to"):
        level(result, up_in_cam | {"cam02": vector(0, 0, 1)})


def test_a_distance_sets_the_scale_of_everything():
    rig = ordinary_rig(4)
    room = seen(rig, ROOM)
    result = at_scene_points(placed(rig, room), [room], "room")
    apart = float((rig.cameras["cam01"].centre_in_world - rig.cameras["cam02"].centre_in_world).norm())
    twice = moved(result, Rigid.identity(), scale=size_by_distance(result, ("cam01", "cam02"), 2 * apart).factor)
    assert worst_m(moved(twice, Rigid.identity(), scale=0.5), rig) < 0.01
    assert twice.sigma("cam02.x") == pytest.approx(2 * result.sigma("cam02.x"), rel=0.01)
    with pytest.raises(CalibrationError, match="sets no scale"):
        size_by_distance(result, ("cam01", "cam01"), 1.0)


def test_doubt_turns_with_the_world():
    """A quarter turn about z makes x's doubt y's; lenses and turns keep theirs."""
    result = placed(ordinary_rig(3), seen(ordinary_rig(3), ROOM))
    quarter = moved(result, Rigid(rotation_from_rotvec(vector(0, 0, torch.pi / 2)), vector(1, 2, 3)))
    for view in ("cam02", "cam03"):
        assert quarter.sigma(f"{view}.y") == pytest.approx(result.sigma(f"{view}.x"), rel=1e-9)
        assert quarter.sigma(f"{view}.turn_x") == pytest.approx(result.sigma(f"{view}.turn_x"), rel=1e-12)


def test_a_view_that_was_not_calibrated_is_not_asked():
    rig = ordinary_rig(3)
    room = seen(rig, ROOM)
    result = placed(rig, room)
    fewer = replace(rig, cameras={view: result.rig.cameras[view] for view in ("cam01", "cam02")})
    check_in_front(fewer, [room], result)


def test_an_unknown_or_unseen_target_is_named():
    rig = ordinary_rig(3)
    room = seen(rig, ROOM)
    result = placed(rig, room)
    with pytest.raises(CalibrationError, match="'flor', but the targets seen are room"):
        on_floor_board(result, [room], "flor")
    with pytest.raises(CalibrationError, match="instant 7"):
        on_floor_board(result, [room], "room", 7)
