"""Labels of rendered people: on the right pixel, on the right side, and seen or hidden as they should be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dolls import STUDIO, WHITE, at_rest, index, shot_of, standing, view_of, viewpoint

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.samples import Visibility
from mocap3d.synthesis.rendering.body import KEYPOINTS
from mocap3d.synthesis.rendering.camera import (
    HEIGHT,
    MARGIN,
    SCALE,
    WIDTH,
    Framing,
    framed,
    made_up_framing,
    made_up_viewpoint,
)
from mocap3d.synthesis.rendering.props import Paint, box, placed
from mocap3d.synthesis.rendering.scenes import still
from mocap3d.synthesis.rendering.shot import rasterised
from mocap3d.synthesis.rendering.turns import turn_x

AHEAD, BEHIND, LEFT = (0.0, -3.0), (0.0, 3.0), (3.0, 0.0)
"""Where a camera stands to a doll that faces -y."""


def seen(shot) -> dict[str, Visibility]:
    return {name: Visibility(value) for name, value in zip(KEYPOINTS, shot.visibility, strict=True)}


def hidden(shot) -> set[str]:
    return {name for name, value in seen(shot).items() if value == Visibility.HIDDEN}


def geometry_camera(view) -> Camera:
    """The same camera as the rest of the program has it."""
    lens = Lens.from_matrix(torch.from_numpy(view.matrix), torch.zeros(0, dtype=torch.float64))
    pose = torch.from_numpy(view.cam_from_world)
    return Camera(lens, Rigid(pose[:, :3], pose[:, 3]), (WIDTH, HEIGHT))


@pytest.mark.parametrize("seed", range(6))
def test_keypoints_are_where_the_geometry_puts_them(seed):
    """Through geometry.Camera, from the world. Measured: 4e-5 px worst."""
    rng = np.random.default_rng(seed)
    person = standing(yaw_rad=rng.uniform(0, 6))
    view = framed(made_up_viewpoint(np.array([0, 0, 1.0]), 0.0, rng), person.keypoints, made_up_framing(rng))
    shot = shot_of([person], view)
    uv_px = geometry_camera(view).project(torch.from_numpy(person.keypoints.astype(float)))
    assert np.abs(uv_px.numpy() - shot.uv_px).max() < 1e-3


def test_the_crop_is_the_box_of_the_keypoints_with_a_margin():
    person = standing()
    shot = shot_of([person], view_of(person, *AHEAD))
    low, high = shot.uv_px.min(axis=0), shot.uv_px.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, [(WIDTH - 1) / 2, (HEIGHT - 1) / 2], atol=0.01)
    fill = (high - low) * MARGIN / [WIDTH, HEIGHT]
    assert fill.max() == pytest.approx(1, abs=1e-4)


def test_framings_are_as_wide_as_said():
    framings = [made_up_framing(np.random.default_rng(seed)) for seed in range(500)]
    scales, shifts = np.array([f.scale for f in framings]), np.array([f.shift for f in framings])
    assert SCALE[0] <= scales.min() < scales.max() <= SCALE[1]
    assert 0.05 < (np.abs(shifts).max(axis=1) > 0.14).mean() < 0.15


@pytest.mark.parametrize(("camera", "left_is"), [(AHEAD, 1), (BEHIND, -1)])
def test_the_left_hand_of_who_faces_the_camera_is_on_the_right(camera, left_is):
    person = standing()
    shot = shot_of([person], view_of(person, *camera))
    for name in ("Wrist", "Shoulder", "Hip", "Ankle", "Eye", "Ear"):
        left, right = shot.uv_px[index(f"L{name}"), 0], shot.uv_px[index(f"R{name}"), 0]
        assert np.sign(left - right) == left_is, name


def test_a_camera_on_its_side_turns_the_picture():
    person = standing()
    upright = shot_of([person], view_of(person, *AHEAD))
    lying = replace(upright.view, rotation=np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]) @ upright.view.rotation)
    uv_px = shot_of([person], lying).uv_px
    head, ankles = uv_px[index("Head")], uv_px[[index("LAnkle"), index("RAnkle")]].mean(axis=0)
    assert abs(head[0] - ankles[0]) > 5 * abs(head[1] - ankles[1])


@pytest.mark.parametrize("seed", range(4))
def test_joints_lie_on_the_body(seed):
    """What the picture shows at each joint that is inside flesh is the doll."""
    rng = np.random.default_rng(seed)
    person = standing(yaw_rad=rng.uniform(0, 6), seed=seed)
    view = view_of(person, 3 * np.cos(seed), 3 * np.sin(seed))
    shot, (raster, _) = shot_of([person], view), rasterised(person.mesh, view)
    for name in ("Shoulder", "Elbow", "Hip", "Knee", "Ankle"):
        for side in "LR":
            column, row = np.round(shot.uv_px[index(side + name)] * 2 + 0.5).astype(int)
            assert raster.triangle[row, column] >= 0, side + name


def test_from_ahead_all_is_seen():
    person = standing()
    assert hidden(shot_of([person], view_of(person, *AHEAD))) <= {"LHeel", "RHeel"}


def test_from_behind_the_face_is_hidden_and_the_joints_are_seen():
    person = standing()
    unseen = hidden(shot_of([person], view_of(person, *BEHIND)))
    assert {"Nose", "LEye", "REye"} <= unseen
    assert not unseen & {"LHip", "RHip", "LShoulder", "RShoulder", "LElbow", "LKnee", "RAnkle", "Neck", "Hip", "Head"}


def test_from_the_left_the_right_is_hidden():
    person = standing()
    unseen = hidden(shot_of([person], view_of(person, *LEFT)))
    assert {"REar", "REye", "RHip", "RShoulder"} <= unseen
    assert not unseen & {"LEar", "LShoulder", "LKnee", "LAnkle", "Nose"}


def test_an_arm_hides_the_hip_behind_it():
    """The same hip is seen as soon as the arm, a few centimetres before it, is away."""
    pose = at_rest()
    pose.upper_arm[0] = turn_x(-0.35) @ np.array(
        [[np.cos(0.62), 0, np.sin(0.62)], [0, 1, 0], [-np.sin(0.62), 0, np.cos(0.62)]]
    )
    before, away = standing(pose), standing()
    hand = before.keypoints[index("LWrist")]
    hip = before.keypoints[index("LHip")]
    camera = hip + (hand - hip) * 20
    view = view_of(before, float(camera[0]), float(camera[1]), float(camera[2]))
    assert seen(shot_of([before], view))["LHip"] == Visibility.HIDDEN
    assert seen(shot_of([away], view))["LHip"] == Visibility.VISIBLE


@pytest.mark.parametrize(("y", "expected"), [(-1.0, Visibility.HIDDEN), (1.0, Visibility.VISIBLE)])
def test_a_thing_hides_only_what_is_behind_it(y, expected):
    person = standing()
    board = placed(box(Paint(np.random.default_rng(0)), (2.0, 0.05, 0.7), (0, 0, 0.35)), np.array([0, y, 0]), 0.0)
    shot = shot_of([person], view_of(person, *AHEAD, 0.6), things=[board])
    assert {seen(shot)[name] for name in ("LKnee", "RKnee", "LAnkle", "RAnkle")} == {expected}
    assert seen(shot)["Nose"] == Visibility.VISIBLE


@pytest.mark.parametrize(("y", "expected"), [(-0.8, Visibility.HIDDEN), (0.8, Visibility.VISIBLE)])
def test_another_person_hides_only_who_is_behind(y, expected):
    person, other = standing(), standing(seed=1).moved(np.array([0, y, 0.0]))
    shot = shot_of([person, other], view_of(person, *AHEAD))
    assert {seen(shot)[name] for name in ("Hip", "Neck", "LHip", "RHip", "Nose")} == {expected}
    np.testing.assert_allclose(shot.p_in_cam, shot_of([person], shot.view).p_in_cam)


def test_what_is_cut_off_is_unknown():
    person = standing()
    view = framed(viewpoint(*AHEAD), person.keypoints, Framing(0.5, (0.0, -0.4)))
    shot = shot_of([person], view)
    inside = ((shot.uv_px >= -0.5) & (shot.uv_px < np.array([WIDTH, HEIGHT]) - 0.5)).all(axis=1)
    assert 5 < inside.sum() < 21
    np.testing.assert_array_equal(shot.visibility == Visibility.UNKNOWN, ~inside)


def test_depth_is_that_of_the_skin():
    """Half a hand before the joint that is inside, and nothing where there is nothing."""
    person = standing()
    shot = shot_of([person], view_of(person, *AHEAD))
    for name in ("Hip", "LKnee", "RShoulder"):
        column, row = np.round(shot.uv_px[index(name)]).astype(int)
        before_m = shot.p_in_cam[index(name), 2] - 1 / shot.inverse_depth[row, column]
        assert 0.01 < before_m < 0.16, name
    assert shot.inverse_depth[0, 0] == 0


@pytest.mark.parametrize("seed", range(3))
def test_stills_are_whole_pictures_with_labels(seed):
    shot = still(STUDIO, WHITE, np.random.default_rng(seed))
    assert shot.picture.shape == (HEIGHT, WIDTH, 3)
    assert shot.picture.std() > 5
    assert np.isfinite(shot.uv_px).all()
    assert (shot.visibility == Visibility.VISIBLE).sum() >= 4
    assert (shot.p_in_cam[:, 2] > 0.3).all()
