"""A session's keypoints, and what it says where there are none."""

import json
import logging

import pytest
import torch

from mocap3d.detection.detect import detect
from mocap3d.errors import DetectionError
from mocap3d.session.records import KeypointSource, Session, VideoInfo


def a_session(root, counts, *, frames=3, video_frames=None, views=None, skeleton=None):
    """Views with one person of ``counts[view]`` keypoints in every frame, and videos where their length is given."""
    keypoints, videos = {}, {}
    for view, count in counts.items():
        (root / view).mkdir()
        for frame in range(frames):
            people = [{"pose_keypoints_2d": [100.0 + frame, 200.0, 0.5] * count}]
            (root / view / f"{view}_{frame:06d}.json").write_text(json.dumps({"people": people}), encoding="utf-8")
        keypoints[view] = KeypointSource(root / view, "openpose")
        if video_frames:
            t_s = torch.arange(video_frames, dtype=torch.float64)
            videos[view] = VideoInfo(root / f"{view}.mp4", (1920, 1080), None, t_s)
    return Session(root, tuple(views or counts), videos, keypoints, None, None, skeleton=skeleton)


def test_every_view_in_the_sessions_order(tmp_path):
    found = detect(a_session(tmp_path, {"cam10": 26, "cam2": 26}, views=("cam2", "cam10")))
    assert list(found) == ["cam2", "cam10"]
    assert {d.view for d in found.values()} == {"cam2", "cam10"}


def test_the_sessions_skeleton_decides(tmp_path):
    assert detect(a_session(tmp_path, {"a": 25}, skeleton="body25b"))["a"].keypoint_set == "body25b"


def test_the_recording_is_as_long_as_its_video(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert detect(a_session(tmp_path, {"a": 26}, video_frames=9))["a"].n_frames == 9
    assert not caplog.records


def test_keypoints_beyond_the_video_are_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert detect(a_session(tmp_path, {"a": 26}, video_frames=2))["a"].n_frames == 3
    assert "keypoints up to frame 2 but its video" in caplog.text


def test_a_view_without_keypoints_is_left_out_aloud(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert list(detect(a_session(tmp_path, {"a": 26}, views=("a", "b")))) == ["a"]
    assert "No keypoints for the views 'b'" in caplog.text


def test_without_any_keypoints_it_says_where_they_belong(tmp_path):
    with pytest.raises(DetectionError, match=r"no keypoints found.*keypoints/<view>.*'a', 'b'.*OpenPose"):
        detect(a_session(tmp_path, {}, views=("a", "b")))


def test_views_must_agree_on_the_keypoint_set(tmp_path):
    with pytest.raises(DetectionError, match=r"different keypoint sets \(a: halpe26, b: coco17\)"):
        detect(a_session(tmp_path, {"a": 26, "b": 17}))
