"""``mocap3d synchronise`` on a session folder, and ``mocap3d reconstruct`` after it."""

import json
import shutil
from pathlib import Path

import pytest
from scene import small_scene
from tiny_session import keypoint_files, run

from mocap3d.synthetic_session import synthesise

STARTS = {"cam01": 0, "cam02": 30, "cam03": 7}
"""Frames that each view has missed at 60 Hz."""


@pytest.fixture(scope="module")
def filmed(tmp_path_factory) -> Path:
    """Four seconds of walking, whose files say nothing of when they begin."""
    root = tmp_path_factory.mktemp("apart") / "session"
    synthesise(small_scene(n_views=3, duration_s=4.0), root)
    for view, start in STARTS.items():
        for n, path in enumerate(keypoint_files(root, view)):
            if n < start:
                path.unlink()
            else:
                path.rename(path.with_name(f"frame_{n - start:06}.json"))
    return root


@pytest.fixture
def root(filmed, tmp_path) -> Path:
    return Path(shutil.copytree(filmed, tmp_path / "session"))


def doubts(root: Path) -> str:
    return " ".join(json.loads((root / "results" / "summary.json").read_text(encoding="utf-8"))["doubtful"])


def test_offsets_are_written_and_then_used(root, capsys):
    assert run("reconstruct", root, "--quiet") == 0
    assert "`mocap3d synchronise` measures when each view was started" in doubts(root)
    assert run("synchronise", root, "--sync.max-offset-s", 1, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    for view, start in STARTS.items():
        assert told["views"][view]["offset_s"] == pytest.approx(start / 60, abs=2e-3)
        assert told["views"][view]["is_clear"]
    assert Path(told["written"]) == root / "synchronisation.toml"
    assert run("reconstruct", root, "--quiet") == 0
    assert "mocap3d synchronise" not in doubts(root)


def test_a_dry_run_writes_nothing(root, capsys):
    before = sorted(root.rglob("*"))
    assert run("synchronise", root, "--sync.max-offset-s", 1, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "cam02        +0.49" in told or "cam02        +0.50" in told
    assert sorted(root.rglob("*")) == before


def test_what_is_not_clear_is_not_kept(root, capsys):
    """The true offset of cam02 is farther away than what is looked at."""
    assert run("synchronise", root, "--sync.max-offset-s", 0.1) == 0
    told = capsys.readouterr()
    assert "view 'cam02': another offset would do nearly as well" in told.err
    text = (
        (root / "synchronisation.toml").read_text(encoding="utf-8") if (root / "synchronisation.toml").exists() else ""
    )
    assert "cam02" not in text


def test_a_session_without_calibration_is_refused(root, capsys):
    shutil.rmtree(root / "calibration")
    assert run("synchronise", root) == 2
    assert "calibration" in capsys.readouterr().err


def test_a_wrong_span_is_refused(root, capsys):
    assert run("synchronise", root, "--sync.max-offset-s", 0) == 2
    assert "max_offset_s is 0; needed more than 0" in capsys.readouterr().err
