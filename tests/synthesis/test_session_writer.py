"""Sessions on disk: read back by the readers of foreign formats, which were written from other knowledge."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scene import small_scene

from mocap3d.calibration.formats import read_calibration
from mocap3d.calibration.formats.native import write_calibration
from mocap3d.detection.foreign import read_keypoints
from mocap3d.errors import FormatError, SessionError
from mocap3d.session.session import load_session
from mocap3d.synthesis.session_writer import CalibrationFile, write_session

NATIVE = CalibrationFile("calibration.toml", write_calibration)


@pytest.fixture(scope="module")
def scene():
    return small_scene(n_people=2, n_views=3, duration_s=0.3, rig="lab4")


@pytest.mark.parametrize("calibration", ["qualisys", "pose2sim", NATIVE])
def test_the_calibration_projects_as_the_rig_does(calibration, scene, tmp_path):
    """Measured 2e-12 px."""
    write_session(scene, tmp_path / "s", calibration=calibration)
    session = load_session(tmp_path / "s")
    assert session.calibration is not None
    rig = read_calibration(session.calibration)
    assert tuple(rig.cameras) == tuple(scene.rig.cameras)
    for view, camera in rig.cameras.items():
        ours = scene.rig.cameras[view]
        assert camera.size_px == ours.size_px
        assert (camera.project(scene.p_in_world) - ours.project(scene.p_in_world)).abs().max() < 1e-9


def test_keypoints_come_back(scene, tmp_path):
    """As precise as the files, 3 decimals of a pixel."""
    write_session(scene, tmp_path / "s")
    session = load_session(tmp_path / "s")
    assert session.views == tuple(scene.rig.cameras)
    assert (session.rate, session.skeleton) == (Fraction(60), "halpe26")
    for view, source in session.keypoints.items():
        found, written = read_keypoints(source, view, skeleton=session.skeleton), scene.detections[view]
        assert torch.equal(found.frame, written.frame)
        assert torch.equal(found.uv_px.isnan(), written.uv_px.isnan())
        assert (found.uv_px - written.uv_px).nan_to_num().abs().max() < 6e-4
        assert (found.log_weight.exp() - written.log_weight.exp()).abs().max() < 6e-5
        assert found.cov_px2.nan_to_num() == pytest.approx(written.cov_px2.nan_to_num(), rel=5e-3)
        assert found.n_frames == written.n_frames


def test_frames_without_people_have_files_too(scene, tmp_path):
    nobody = replace(scene.detections["cam01"], **{
        name: getattr(scene.detections["cam01"], name)[:1]
        for name in ("frame", "person", "box_px", "uv_px", "cov_px2", "log_weight")
    })  # fmt: skip
    write_session(replace(scene, detections={"cam01": nobody}), tmp_path / "s")
    assert len(list((tmp_path / "s/keypoints/cam01").glob("*.json"))) == 18


def test_the_truth_lies_beside(scene, tmp_path):
    write_session(scene, tmp_path / "s")
    with np.load(tmp_path / "s/truth.npz", allow_pickle=False) as truth:
        assert np.array_equal(truth["p_in_world"], scene.p_in_world.numpy())
        assert tuple(truth["keypoints"]) == scene.skeleton.keypoints
        assert np.array_equal(truth["outlier"], scene.outlier.numpy())


def test_only_somebody_alone_is_known_by_height(scene, tmp_path):
    write_session(scene, tmp_path / "two")
    write_session(small_scene(n_views=2, duration_s=0.2), tmp_path / "one")
    assert [person.height_m for person in load_session(tmp_path / "two").people] == [None, None]
    assert load_session(tmp_path / "one").people == small_scene(n_views=2, duration_s=0.2).people


def test_odd_rates_survive(scene, tmp_path):
    write_session(replace(scene, rate=Fraction(30000, 1001)), tmp_path / "s")
    assert load_session(tmp_path / "s").rate == Fraction(30000, 1001)


def test_a_folder_in_use_is_left_alone(scene, tmp_path):
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(SessionError, match="not empty"):
        write_session(scene, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_lens_the_format_cannot_hold_is_refused_and_nothing_left(tmp_path):
    fisheyes = small_scene(rig="action4", duration_s=0.1)
    with pytest.raises(FormatError, match=r"gopro1.*kannala-brandt.*Choose another"):
        write_session(fisheyes, tmp_path / "s")
    with pytest.raises(FormatError, match="holds 4 Brown-Conrady"):
        write_session(small_scene(rig="lab8", duration_s=0.1), tmp_path / "s", calibration="pose2sim")
    assert not list(tmp_path.iterdir())
