"""Many sessions: which they are, and that one that fails says so instead of ending the rest."""

import json

from tiny_session import copy_of_tiny_session, run

from mocap3d import batch
from mocap3d.batch import Done, Failed, attempt, session_roots
from mocap3d.errors import CalibrationError
from mocap3d.export.results import RESULTS
from mocap3d.writing import export_all


def test_patterns_stand_for_folders_in_natural_order(tmp_path):
    """As PowerShell hands them on; files do not count, and what does not exist stays, to be complained of by name."""
    for name in ("walk_10", "walk_2", "rest"):
        (tmp_path / name).mkdir()
    (tmp_path / "walk_1.txt").write_text("", encoding="utf-8")
    roots = session_roots([tmp_path / "rest", tmp_path / "walk_*", tmp_path / "run_*"])
    assert [root.name for root in roots] == ["rest", "walk_2", "walk_10", "run_*"]


def test_a_session_is_done_or_says_why_not(tmp_path):
    whole, broken = (copy_of_tiny_session(tmp_path / name) for name in ("whole", "broken"))
    (broken / "calibration" / "Calib.qca.txt").unlink()
    done, failed = (attempt(root, lambda found: export_all(found, formats=["csv"])) for root in (whole, broken))
    assert isinstance(done, Done)
    assert whole / RESULTS / "P1.csv" in done.files
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, CalibrationError)
    assert not (broken / RESULTS).exists()


def test_a_defect_in_one_session_does_not_end_the_others(tmp_path, monkeypatch, capsys):
    """It is told with its traceback and the exit code of a defect, after the last of them."""
    bad, good = (copy_of_tiny_session(tmp_path / name) for name in ("bad", "good"))
    reconstruct = batch.reconstruct_session

    def sometimes(session, *arguments, **more):
        return 1 / 0 if session.root == bad else reconstruct(session, *arguments, **more)

    monkeypatch.setattr(batch, "reconstruct_session", sometimes)
    assert run("reconstruct", bad, good, "--formats", "trc", "--json") == 1
    told = capsys.readouterr()
    failed, done = json.loads(told.out)["sessions"]
    assert "a defect of mocap3d (ZeroDivisionError" in failed["error"]
    assert "Traceback" in told.err
    assert "P1.trc" in done["files"]
