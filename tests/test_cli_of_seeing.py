"""report, overlay, view, plot, init, plan, doctor and completion as a user meets them."""

import json
import shutil
import subprocess

import pytest
from clips import make_clip
from tiny_session import VIEWS, copy_of_tiny_session, run

from mocap3d.cli.app import COMMANDS
from mocap3d.session.session import load_session


@pytest.fixture
def root(tmp_path):
    return copy_of_tiny_session(tmp_path / "session")


def test_report_of_a_session(root, capsys):
    assert run("report", root, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] in ("good", "usable")
    assert (root / "results" / "report.html").read_text().startswith("<!doctype html>")


def test_overlay_refuses_a_view_that_is_not_there(root, capsys):
    assert run("overlay", root, "--views", "cam1x") == 2
    assert "has no view 'cam1x'. Did you mean 'cam01'?" in capsys.readouterr().err


def test_plot_and_view_of_results(root, capsys, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install mocap3d[plot]")
    assert run("reconstruct", root, "--quiet") == 0
    assert run("plot", root / "results", "--format", "svg", "--json") == 0
    names = [path.rsplit("/", 1)[-1] for path in json.loads(capsys.readouterr().out)["figures"]]
    assert names == ["P1_stick_figures.svg", "P1_angles.svg", "cameras.svg"]
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (root / "results" / "report.html").write_text("a page")
    assert run("view", root / "results") == 0
    assert str(root / "results" / "report.html") in capsys.readouterr().out


@pytest.mark.parametrize(("command", "found"), [("plot", "no points.npz in it"), ("view", "holds no report.html")])
def test_folders_without_results_are_refused(command, found, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    assert run(command, tmp_path) == 2
    assert found in capsys.readouterr().err


def test_init_of_an_empty_folder_makes_what_is_to_be_filled(tmp_path, capsys):
    assert run("init", tmp_path / "new") == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "calibration",
        "keypoints",
        "session.toml",
        "videos",
    ]
    assert run("init", tmp_path / "new") == 2
    assert "is there already" in capsys.readouterr().err


def test_init_states_what_it_finds_and_changes_nothing(root):
    """What is read with the written file is what was read without one."""
    shutil.rmtree(root / "keypoints")
    for view in (*VIEWS, "left side"):
        make_clip(root / "videos" / f"{view}.mp4", n=4, rate=60)
    (root / "session.toml").unlink()
    before = load_session(root)
    assert run("init", root, "--quiet") == 0
    after = load_session(root)
    assert (after.views, after.rate, after.calibration) == (before.views, before.rate, before.calibration)
    text = (root / "session.toml").read_text()
    assert "# cam01.mp4, 64x48, 4 frames, 60 Hz" in text
    assert '[views."left side"]' in text


def test_init_overwrites_a_broken_file_only_if_told_to(root):
    (root / "session.toml").write_text("broken = ")
    assert run("init", root) == 2
    assert (root / "session.toml").read_text() == "broken = "
    assert run("init", root, "--overwrite", "--quiet") == 0
    assert load_session(root).views == VIEWS


def test_plan_prints_numbers_and_draws(tmp_path, capsys):
    few = ("--step-m", "1.5", "--turns", "2", "--phases", "1")
    assert run("plan", "rigs/lab4.toml", "--out", tmp_path / "map.svg", *few, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert 10 < told["error_mm"] < 40
    assert (tmp_path / "map.svg").read_text().startswith("<svg")
    assert run("plan", "rigs/lab4.toml", "--out", tmp_path / "map.png", *few) == 2
    assert run("plan", tmp_path / "none.toml") == 2


def test_doctor_is_well_where_the_tests_run(capsys):
    assert run("doctor", "--json") == 0
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["torch"]["state"] == checks["device"]["state"] == checks["weights"]["state"] == "ok"


@pytest.mark.slow
def test_bash_completes_commands_and_flags(capsys, tmp_path):
    """In a real shell."""
    assert run("completion", "bash") == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    asked = f"source {script}; COMP_WORDS=(mocap3d {{}}); COMP_CWORD={{}}; _mocap3d; echo ${{{{COMPREPLY[@]}}}}"
    for words, place, wanted in (
        ("rec", 1, "reconstruct"),
        ("plan --sig", 2, "--sigma-px"),
        ("info --qui", 2, "--quick --quiet"),
    ):
        ended = subprocess.run(["bash", "-c", asked.format(words, place)], capture_output=True, text=True, check=True)
        assert set(ended.stdout.split()) == set(wanted.split())


@pytest.mark.parametrize(
    "command", sorted({"report", "overlay", "view", "plot", "init", "plan", "doctor", "completion"})
)
def test_help_has_examples(command, capsys):
    assert command in COMMANDS
    run(command, "--help")
    assert f"mocap3d {command}" in capsys.readouterr().out
