"""First poses of cameras: near the truth, whichever of a flat board's two poses looks likelier in one view."""

from dataclasses import replace

import board_scenes
import numpy as np
import pytest
import torch

from mocap3d.calibration.board_poses import board_poses, fixes_a_pose
from mocap3d.calibration.bundle import BundleOptions, bundle_adjust
from mocap3d.calibration.corners import corners_of
from mocap3d.calibration.extrinsics import Poses, first_poses
from mocap3d.errors import CalibrationError
from mocap3d.geometry.rigid import rotvec_from_rotation
from mocap3d.session.records import CalibratedRig
from mocap3d.synthesis.boards import BoardSceneOptions, board_points, make_board_scene, ordinary_rig, wand_points


def worst(poses: Poses, truth: CalibratedRig) -> tuple[float, float]:
    """Largest error of a camera relative to the first: degrees and metres."""
    first_from_world = next(iter(truth.cameras.values())).cam_from_world
    turn_deg, shift_m = [], []
    for view, camera in truth.cameras.items():
        cam_from_first = camera.cam_from_world @ first_from_world.inverse()
        found = poses.cam_from_world[view]
        turn_deg.append(float(rotvec_from_rotation(found.rotation @ cam_from_first.rotation.mT).norm().rad2deg()))
        shift_m.append(float((found.inverse().translation - cam_from_first.inverse().translation).norm()))
    return max(turn_deg), max(shift_m)


def test_eight_views_are_chained():
    """With the true lenses. Measured 0.3 deg and 34 mm."""
    scene = board_scenes.board_scene(n_views=8, n_instants=100)
    poses = first_poses([scene.observations], board_scenes.true_lenses(scene.rig))
    assert poses.islands == (tuple(scene.rig.cameras),)
    turn_deg, shift_m = worst(poses, scene.rig)
    assert turn_deg < 1.0
    assert shift_m < 0.12
    assert all(pair.n_agreeing <= pair.n_instants for pair in poses.shared.values())


def test_small_far_boards_with_two_poses_each():
    """12 cm boards at 4 m, 1 px of noise: often the wrong one of the two poses fits better; together they are told."""
    rig = ordinary_rig(3)
    options = BoardSceneOptions(n_instants=60, sigma_px=1.0, max_tilt_deg=180.0)
    scene = make_board_scene(rig, board_points(6, 4, 0.025), options)
    lenses = board_scenes.true_lenses(rig)
    found = board_poses(corners_of([scene.observations]), {v: (e.kind, e.lens) for v, e in lenses.items()})
    assert _n_flipped(found, scene) > 10, "the scene is too easy for this test"
    poses = first_poses([scene.observations], lenses)
    turn_deg, _ = worst(poses, rig)
    assert turn_deg < 6.0
    result = bundle_adjust([scene.observations], lenses, poses, BundleOptions(refine_lenses=False))
    assert result.rms_px < 1.1 * np.sqrt(2)


def _n_flipped(found, scene) -> int:
    """Sightings whose likelier pose is more than 15 degrees from the true one."""
    cameras, n = list(scene.rig.cameras.values()), 0
    corners = corners_of([scene.observations])
    for view, target, pose in zip(found.view_of, found.target_of, found.poses[:, 0], strict=True):
        instant = int(corners.target_instant[target])
        true = (cameras[view].cam_from_world @ scene.world_from_target[instant]).rotation
        turn = rotvec_from_rotation(torch.from_numpy(pose[:9].reshape(3, 3)) @ true.mT)
        n += float(turn.norm().rad2deg()) > 15
    return n


def test_boards_are_placed_where_they_are():
    scene = board_scenes.board_scene()
    poses = first_poses([scene.observations], board_scenes.true_lenses(scene.rig))
    first_from_world = scene.rig.cameras["cam01"].cam_from_world
    seen = scene.observations.uv_px.isfinite().all(-1).any(-1).any(0)
    off_m = (poses.world_from_target[0].translation - (first_from_world @ scene.world_from_target).translation).norm(
        dim=-1
    )
    assert off_m[seen].median() < 0.05
    assert off_m[~seen].isnan().all()


def test_a_wand_alone_places_cameras_whose_lenses_are_known():
    """No board: essential matrix, scale by the wand's length, then resection. Measured 0.02 deg and 3 mm, adjusted."""
    rig = ordinary_rig(5)
    options = BoardSceneOptions(n_instants=200, max_tilt_deg=180.0, min_corners=2)
    scene = make_board_scene(rig, wand_points(0.0, 0.2, 0.5), options)
    lenses = board_scenes.true_lenses(rig)
    poses = first_poses([scene.observations], lenses)
    assert len(poses.islands) == 1
    result = bundle_adjust([scene.observations], lenses, poses, BundleOptions(refine_lenses=False))
    adjusted = replace(poses, cam_from_world={v: c.cam_from_world for v, c in result.rig.cameras.items()})
    turn_deg, shift_m = worst(adjusted, rig)
    assert turn_deg < 0.1
    assert shift_m < 0.02
    assert result.rms_px < 0.3 * np.sqrt(2)


def test_a_single_moving_point_places_cameras_up_to_scale():
    rig = ordinary_rig(4)
    options = BoardSceneOptions(n_instants=300, max_tilt_deg=180.0, min_corners=1, missing=0.0)
    scene = make_board_scene(rig, wand_points(0.0), options)
    lenses = board_scenes.true_lenses(rig)
    poses = first_poses([scene.observations], lenses)
    result = bundle_adjust([scene.observations], lenses, poses, BundleOptions(refine_lenses=False))
    true, found = ([camera.centre_in_world for camera in each.cameras.values()] for each in (rig, result.rig))
    apart = [[float((a[i] - a[0]).norm()) for i in (1, 2, 3)] for a in (true, found)]
    ratio = np.array(apart[1]) / apart[0]
    assert ratio == pytest.approx(ratio.mean(), rel=0.005)


def test_a_view_that_never_shares_a_board_is_an_island():
    scene = board_scenes.board_scene()
    n = scene.observations.uv_px.shape[1]
    blind = board_scenes.without(scene, ("cam01", "cam02", "cam03"), slice(0, n // 4))
    blind = board_scenes.without(blind, ("cam04",), slice(n // 4, None))
    poses = first_poses([blind.observations], board_scenes.true_lenses(scene.rig))
    assert poses.islands == (("cam01", "cam02", "cam03"), ("cam04",))
    with pytest.raises(CalibrationError, match="never see a target at the same instant"):
        poses.check_connected()


def test_a_mirrored_view_agrees_with_nobody():
    """A selfie camera's video: its boards are found, in another order of columns, but its pose differs every time."""
    scene = board_scenes.board_scene(n_views=4, max_tilt_deg=180.0)
    uv_px = scene.observations.uv_px.clone()
    uv_px[1, :, :, 0] = 1919 - uv_px[1, :, :, 0]
    columns = torch.arange(24).reshape(4, 6).flip(1).flatten()  # as a detector of chessboards orders what it sees
    uv_px[1] = uv_px[1][:, columns]
    mirrored = replace(scene.observations, uv_px=uv_px)
    poses = first_poses([mirrored], board_scenes.true_lenses(scene.rig))
    share = {pair: shared.n_agreeing / shared.n_instants for pair, shared in poses.shared.items()}
    assert max(share[pair] for pair in share if "cam02" in pair) < 0.3
    assert min(share[pair] for pair in share if "cam02" not in pair) > 0.8


def test_points_on_a_line_fix_no_pose():
    assert not fixes_a_pose(wand_points(0.0, 0.1, 0.2, 0.3, 0.4).numpy())
    assert not fixes_a_pose(board_points()[:3].numpy())
    assert fixes_a_pose(board_points()[:8].numpy())
