"""A session's cameras: found by name, restricted to its views, fitted to the size of its videos."""

import logging
from pathlib import Path

import pytest
import torch

from mocap3d.calibration.formats.native import write_calibration
from mocap3d.calibration.load import load_calibration
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, Session, VideoInfo

F64 = torch.float64


def a_camera(size_px):
    lens = Lens.brown(
        torch.tensor([1000.0, 1100.0], dtype=F64),
        torch.tensor([500.0, 300.0], dtype=F64),
        torch.tensor([-0.1, 0.01, 0.001, 0.002], dtype=F64),
    )
    pose = Rigid(torch.eye(3, dtype=F64), torch.tensor([0.1, 0.2, 3.0], dtype=F64))
    return Camera(lens, pose, size_px)


def a_session(root: Path, cameras, video_sizes, views=None, **kwargs):
    path = root / "calibration.toml"
    if cameras:
        write_calibration(CalibratedRig(cameras), path)
    videos = {
        view: VideoInfo(root / f"{view}.mp4", size, None, torch.zeros(1, dtype=F64))
        for view, size in video_sizes.items()
    }
    views = tuple(views or videos)
    return Session(root, views, videos, {}, path if cameras else None, None, **kwargs)


def rig_for(tmp_path, size_px, video_px):
    cameras = {"a": a_camera(size_px), "b": a_camera(size_px)}
    return load_calibration(a_session(tmp_path, cameras, {"a": video_px, "b": size_px}))


def test_views_find_their_cameras_across_spelling(tmp_path):
    cameras = {name: a_camera((1920, 1080)) for name in ("cam_01", "cam_02", "cam_10", "roof")}
    session = a_session(tmp_path, cameras, {}, views=("cam1", "Cam02", "cam_10"))
    rig = load_calibration(session)
    assert list(rig.cameras) == ["cam1", "Cam02", "cam_10"]
    assert rig.source == tmp_path / "calibration.toml"


def test_a_view_without_camera_is_left_out_aloud(tmp_path, caplog):
    session = a_session(tmp_path, {"a": a_camera((9, 9)), "b": a_camera((9, 9))}, {}, views=("a", "b", "c"))
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert list(load_calibration(session).cameras) == ["a", "b"]
    assert "'c'" in caplog.text


def test_two_calibrated_views_are_needed(tmp_path):
    session = a_session(tmp_path, {"a": a_camera((9, 9)), "x": a_camera((9, 9))}, {}, views=("a", "b"))
    with pytest.raises(CalibrationError, match="needed: at least 2") as error:
        load_calibration(session)
    assert all(name in str(error.value) for name in ("'a'", "'b'", "'x'", "calibration.toml"))


def test_no_calibration_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(CalibrationError, match=r"Put a calibration file.*Qualisys"):
        load_calibration(a_session(tmp_path, {}, {}, views=("a", "b")))


def test_the_same_size_changes_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = rig_for(tmp_path, (1920, 1080), (1920, 1080)).cameras["a"]
    assert torch.equal(camera.lens.c_px, torch.tensor([500.0, 300.0], dtype=F64))
    assert not caplog.records


@pytest.mark.parametrize("video_px", [(1080, 1920), (1104, 1920), (1088, 1904)])
def test_a_codecs_padding_keeps_the_calibration(tmp_path, video_px, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = rig_for(tmp_path, (1088, 1920), video_px).cameras["a"]
    assert camera.size_px == (1088, 1920)
    assert torch.equal(camera.lens.c_px, torch.tensor([500.0, 300.0], dtype=F64))
    assert f"1088x1920 but its video is {video_px[0]}x{video_px[1]}" in caplog.text


@pytest.mark.parametrize("video_px", [(1280, 720), (3840, 2160), (854, 480)])
def test_another_size_of_the_same_shape_rescales(tmp_path, video_px, caplog):
    """The picture's outer edge, half a pixel beyond the first centre, is where scaling leaves points alone."""
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = rig_for(tmp_path, (1920, 1080), video_px).cameras["a"]
    points = torch.tensor([[0.2, -0.3, 1.0], [-0.5, 0.2, 0.5]], dtype=F64)
    edge_px = a_camera((1920, 1080)).project(points) + 0.5
    scale = torch.tensor([video_px[0] / 1920, video_px[1] / 1080], dtype=F64)
    assert (camera.project(points) + 0.5 - edge_px * scale).abs().max() < 1e-9
    assert camera.size_px == video_px
    assert "rescaled" in caplog.text


@pytest.mark.parametrize("video_px", [(1080, 1920), (720, 1280), (1088, 1920)])
def test_a_turned_video_is_refused(tmp_path, video_px):
    with pytest.raises(CalibrationError, match="turned by 90 degrees"):
        rig_for(tmp_path, (1920, 1080), video_px)


def test_another_shape_is_refused_with_both_sizes(tmp_path):
    with pytest.raises(CalibrationError, match=r"view 'a' .*1920x1080 .*640x480.*Film at"):
        rig_for(tmp_path, (1920, 1080), (640, 480))


def test_what_holds_for_several_views_is_said_once(tmp_path, caplog):
    """Of four cameras, three films are padded alike and one is smaller: two warnings, not four."""
    cameras = {view: a_camera((1920, 1080)) for view in "abcd"}
    sizes = dict.fromkeys("abc", (1920, 1088)) | {"d": (1280, 720)}
    with caplog.at_level(logging.WARNING, "mocap3d"):
        rig = load_calibration(a_session(tmp_path, cameras, sizes))
    assert [camera.size_px for camera in rig.cameras.values()] == [(1920, 1080)] * 3 + [(1280, 720)]
    padded, smaller = caplog.messages
    assert padded.startswith("views 'a', 'b', 'c' were calibrated at 1920x1080 but their videos are 1920x1088.")
    assert smaller.startswith("view 'd' was calibrated at 1920x1080 but its video is 1280x720.")


def test_files_that_are_no_calibration_are_named(tmp_path):
    """A calibration that was cut off while it was copied is not 'no calibration' to whoever put it there."""
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "Calib.toml").write_text("[cam_01]\nmatrix = [[1000.0, 0.0,", "utf-8")
    (tmp_path / "calibration" / ".DS_Store").touch()
    with pytest.raises(CalibrationError, match=r"none of them is one that is known, and whole: Calib\.toml\."):
        load_calibration(a_session(tmp_path, {}, {}, views=("a", "b")))
