"""Folders of Pose2Sim, FreeMoCap and anipose: `init` states what lies there, errors and `info` point at it."""

import shutil
import tomllib
from fractions import Fraction

import pytest
from tiny_session import VIEWS, copy_of_tiny_session, run

from mocap3d.errors import SessionError
from mocap3d.session.elsewhere import found_elsewhere
from mocap3d.session.session import load_session


@pytest.fixture
def trial(tmp_path):
    """A trial of Pose2Sim: pose/ in it, the calibration two folders up, its source beside it."""
    trial = copy_of_tiny_session(tmp_path / "Gang Ü 1" / "P00" / "T01")
    (trial / "session.toml").unlink()
    (trial / "keypoints").rename(trial / "pose")
    for view in VIEWS:
        (trial / "pose" / view).rename(trial / "pose" / f"{view}_json")
    (trial / "calibration").rename(trial.parents[1] / "calibration")
    return trial


def test_init_states_what_pose2sim_keeps_elsewhere(trial):
    assert run("init", trial) == 0
    stated = tomllib.loads((trial / "session.toml").read_text(encoding="utf-8"))
    assert stated["keypoints"] == "pose"
    assert stated["calibration"] == "../../calibration/Calib.qca.txt"
    session = load_session(trial)
    assert session.views == VIEWS
    assert session.calibration.samefile(trial.parents[1] / "calibration" / "Calib.qca.txt")


@pytest.mark.parametrize(
    ("own", "above", "rate"),
    [
        ("", "frame_rate = 59.94", Fraction(60000, 1001)),
        ("frame_rate = 30", "frame_rate = 60", 30),
        ("frame_rate = 'auto'", "frame_rate = 60", None),
        ("frame_rate = -1", "not toml", None),
    ],
)
def test_init_states_the_rate_of_pose2sims_config(own, above, rate, trial):
    """The trial's file goes before its session's, and 'auto' leaves it to videos, which there are none."""
    (trial / "Config.toml").write_text(f"[project]\n{own}\n", encoding="utf-8")
    (trial.parents[1] / "Config.toml").write_text(f"[project]\n{above}\n", encoding="utf-8")
    assert run("init", trial) == 0
    assert load_session(trial).rate == rate


def test_what_pose2sim_has_put_in_step_comes_first_and_the_other_is_named(trial):
    shutil.copytree(trial / "pose", trial / "pose-sync")
    shutil.copy(trial.parents[1] / "calibration" / "Calib.qca.txt", trial.parents[1] / "calibration" / "Old.qca.txt")
    assert found_elsewhere(trial) == {
        "keypoints": ("pose-sync", "pose"),
        "calibration": ("../../calibration/Calib.qca.txt", "../../calibration/Old.qca.txt"),
    }
    assert run("init", trial) == 0
    assert '# keypoints = "pose"\n' in (trial / "session.toml").read_text(encoding="utf-8")


def test_what_is_in_its_usual_place_stays_what_is_used(tmp_path):
    root = copy_of_tiny_session(tmp_path / "session")
    shutil.copytree(root / "keypoints", root / "pose")
    shutil.copytree(root / "calibration", tmp_path / "calibration")
    assert found_elsewhere(root) == {}


def test_only_folders_called_like_a_calibration_are_looked_into(trial):
    above = trial.parents[1]
    (above / "calibration").rename(above / "not-calibration")
    assert "calibration" not in found_elsewhere(trial)
    (above / "not-calibration").rename(above / "Calib 2024")
    assert found_elsewhere(trial)["calibration"] == ("../../Calib 2024/Calib.qca.txt",)


def test_a_relative_path_is_looked_above_too(trial, monkeypatch):
    monkeypatch.chdir(trial)
    assert run("init", ".") == 0
    assert load_session(trial).calibration.exists()


def test_an_uninitialised_trial_is_told_of_init(trial):
    with pytest.raises(SessionError, match=r"`mocap3d init .*` writes a session.toml that names"):
        load_session(trial)


def test_a_folder_of_sessions_names_them(trial):
    with pytest.raises(SessionError, match=r"look like sessions: '.*T01'"):
        load_session(trial.parent)


def test_info_tells_what_is_not_used(trial, capsys):
    shutil.copytree(trial / "pose" / "cam01_json", trial / "keypoints" / "cam01")
    assert run("info", trial) == 0
    told = capsys.readouterr().out
    assert 'write calibration = "../../calibration/Calib.qca.txt" into session.toml' in told
    assert "write keypoints" not in told


def test_videos_of_freemocap_are_found(tmp_path):
    (tmp_path / "synchronized_videos").mkdir()
    (tmp_path / "synchronized_videos" / "cam1.mp4").touch()
    (tmp_path / "videos-raw").mkdir()
    assert found_elsewhere(tmp_path) == {"videos": ("synchronized_videos",)}
