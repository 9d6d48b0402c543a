"""Names of views."""

from pathlib import Path
from random import Random

import pytest

from mocap3d.session.views import match_names, natural_key, view_of


def test_views_sort_naturally_whatever_the_order_of_the_folder():
    names = ["cam1", "cam01", "cam2", "Cam3", "cam10", "cam10b", "left", "right 2", "right 10", "7", "10"]
    expected = ["7", "10", "cam01", "cam1", "cam2", "Cam3", "cam10", "cam10b", "left", "right 2", "right 10"]
    for seed in range(20):
        Random(seed).shuffle(names)
        assert sorted(names, key=natural_key) == expected


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("cam1.mp4", "cam1"),
        ("cam1_json", "cam1"),
        ("cam1_keypoints.json", "cam1"),
        ("cam1_pose_keypoints.json", "cam1"),
        ("cam1-pose.npz", "cam1"),
        ("cam1.analysis.h5", "cam1"),
        ("cam1.predictions.analysis.h5", "cam1"),
        ("labels.v001.000_cam1.analysis.h5", "cam1"),
        ("cam1DLC_resnet50_gaitJan1shuffle1_50000.h5", "cam1"),
        ("left side.mov", "left side"),
        ("pose.mp4", "pose"),
        ("_json", "_json"),
        ("cam_1.mp4", "cam_1"),
    ],
)
def test_a_file_name_tells_its_view(name, view):
    assert view_of(Path(name)) == view


def test_a_folder_may_have_a_dot_in_its_name(tmp_path):
    (tmp_path / "cam1.left_json").mkdir()
    assert view_of(tmp_path / "cam1.left_json") == "cam1.left"


def test_names_match_in_spite_of_zeros_case_and_separators():
    assert match_names(["cam1", "cam2"], ["Cam_02", "cam01"]) == {"cam1": "cam01", "cam2": "Cam_02"}
    assert match_names(["cam1"], ["cam1", "cam01"]) == {"cam1": "cam1"}
    assert match_names(["cam1", "cam2"], ["left"]) == {}
    assert match_names(["cam1"], ["cam01", "cam_1"]) == {}  # which of the two is not for us to say
