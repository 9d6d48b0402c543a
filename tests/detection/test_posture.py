"""Crops turn with people who lie or hang, and stay upright for those who lean a little or are folded."""

import math

import numpy as np
import pytest
import torch

from mocap3d.detection.boxes import PersonBox, box_of_keypoints
from mocap3d.detection.crops import along
from mocap3d.detection.posture import BodyAxis
from mocap3d.detection.tracking import Tracker
from mocap3d.skeletons.skeleton import load_skeleton, skeleton_names

NAMES = load_skeleton("halpe26").keypoints
AXIS = BodyAxis.of("halpe26")
AT = {"Shoulder": (20, -60), "Hip": (12, 0), "Ankle": (12, 90), "Knee": (12, 45), "Elbow": (30, -20), "Wrist": (30, 10)}


def _person(tilt_deg=0.0, centre=(400.0, 300.0), **moved):
    """Keypoints of somebody who stands, turned clockwise in the image; the others are not known."""
    uv_px = np.full((len(NAMES), 2), np.nan)
    for part, (right, down) in (AT | moved).items():
        for side, sign in (("L", 1), ("R", -1)):
            uv_px[NAMES.index(side + part)] = sign * right, down
    cos, sin = math.cos(math.radians(tilt_deg)), math.sin(math.radians(tilt_deg))
    return uv_px @ np.array([[cos, sin], [-sin, cos]]) + centre


@pytest.mark.parametrize("tilt_deg", [-170.0, -90.0, -35.0, 35.0, 90.0, 179.0])
def test_the_crop_of_somebody_turned_shows_them_standing(tilt_deg):
    uv_px = _person(tilt_deg)
    tilt = AXIS.tilt_rad(uv_px)
    assert math.degrees(tilt) == pytest.approx(tilt_deg, abs=1e-9)
    box = box_of_keypoints(uv_px, tilt_rad=tilt)
    seen = along([box], (192, 256)).to_crop(torch.from_numpy(uv_px[None]))[0].numpy()
    upright = along([box_of_keypoints(_person())], (192, 256)).to_crop(torch.from_numpy(_person()[None]))[0].numpy()
    np.testing.assert_allclose(seen, upright, atol=1e-9)


@pytest.mark.parametrize(
    "uv_px",
    [
        _person(),
        _person(8.0),  # leans
        _person(Shoulder=(20, 50)),  # touches the toes: shoulders below the hips
        _person(90.0, Ankle=(12, np.nan)),  # legs not seen
        np.full((26, 2), np.nan),
    ],
)
def test_all_others_have_upright_crops(uv_px):
    assert AXIS.tilt_rad(uv_px) == 0


def test_what_is_hardly_seen_turns_nothing():
    confidence = np.ones(26)
    confidence[[NAMES.index("LAnkle"), NAMES.index("RAnkle")]] = 0.1
    assert AXIS.tilt_rad(_person(90.0), confidence) == 0
    assert AXIS.tilt_rad(_person(90.0), np.ones(26)) != 0


@pytest.mark.parametrize("name", skeleton_names())
def test_every_keypoint_set_with_a_whole_body_has_an_axis(name):
    assert (BodyAxis.of(name) is None) == ("LAnkle" not in load_skeleton(name).keypoints)


def test_a_turned_box_tells_the_rectangle_around_it():
    box = PersonBox((100.0, 50.0), (30.0, 40.0), tilt_rad=math.pi / 2)
    assert box.corners_px == pytest.approx((80.0, 35.0, 120.0, 65.0))


def test_somebody_followed_while_falling_keeps_a_tight_crop():
    """From standing to lying in ten frames: the box turns with the body and does not grow to hold it crosswise."""
    tracker, sure = Tracker(axis=AXIS), np.ones(26)
    heights = []
    for frame in range(11):
        uv_px = _person(9.0 * frame)
        (box,) = tracker.boxes([box_of_keypoints(uv_px)] if tracker.wants_search else None).values()
        seen = tracker.observe({0: (uv_px, sure)})
        heights.append(box.size_px[1])
        assert seen == {0}
    assert max(heights) < 1.45 * heights[0]
    assert math.degrees(tracker.tracks[0].box.tilt_rad) == pytest.approx(90.0)
    assert tracker.tracks[0].box.size_px[1] == pytest.approx(heights[0])
