"""report, overlay, view, plot, init, plan, doctor and completion as a user meets them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from urllib.request import urlopen

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
    assert (root / "results" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_overlay_refuses_a_view_that_is_not_there(root, capsys):
    assert run("overlay", root, "--views", "cam1x") == 2
    assert "has no view 'cam1x'. Did you mean 'cam01'?" in capsys.readouterr().err


def test_plot_of_results(root, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install mocap3d[plot]")
    assert run("reconstruct", root, "--quiet") == 0
    assert run("plot", root / "results", "--format", "svg", "--json") == 0
    names = [path.rsplit("/", 1)[-1] for path in json.loads(capsys.readouterr().out)["figures"]]
    assert names == ["P1_stick_figures.svg", "P1_angles.svg", "cameras.svg"]


def test_without_a_display_the_report_is_served_and_told_where(tmp_path):
    """As its own program, until it is asked to end; the files beside it are served, too."""
    (tmp_path / "report.html").write_text("a page", encoding="utf-8")
    (tmp_path / "P1.trc").write_text("markers", encoding="utf-8")
    screenless = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "mocap3d", "view", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, env=screenless, stdout=subprocess.PIPE, text=True, bufsize=1) as program:
        try:
            assert str(tmp_path / "report.html") in program.stdout.readline()
            address = program.stdout.readline().split()[-1]
            assert urlopen(address).read() == b"a page"
            assert urlopen(address.replace("report.html", "P1.trc")).read() == b"markers"
            program.send_signal(signal.SIGTERM)  # Ctrl-C's is ignored by what a shell starts in the background
            assert program.wait(60) == 0
        finally:
            program.kill()


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
    text = (root / "session.toml").read_text(encoding="utf-8")
    assert "# cam01.mp4, 64x48, 4 frames, 60 Hz" in text
    assert '[views."left side"]' in text


def test_init_takes_videos_that_lie_in_the_folder_itself(tmp_path):
    for view in ("left", 'the "far" one'):
        make_clip(tmp_path / f"{view}.mp4", n=4, rate=60)
    assert run("init", tmp_path, "--quiet") == 0
    assert sorted(load_session(tmp_path).videos) == ["left", 'the "far" one']
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.mp4", "session.toml", 'the "far" one.mp4']
    (tmp_path / "left.mp4").write_bytes(b"no video")
    before = (tmp_path / "session.toml").read_text(encoding="utf-8")
    assert run("init", tmp_path, "--overwrite") == 2
    assert (tmp_path / "session.toml").read_text(encoding="utf-8") == before


def test_init_overwrites_a_broken_file_only_if_told_to(root):
    (root / "session.toml").write_text("broken = ", encoding="utf-8")
    assert run("init", root) == 2
    assert (root / "session.toml").read_text(encoding="utf-8") == "broken = "
    assert run("init", root, "--overwrite", "--quiet") == 0
    assert load_session(root).views == VIEWS


def test_what_init_comments_out_may_be_taken_in(root):
    """In any combination: keys of the session come before its first table."""
    (root / "session.toml").unlink()
    assert run("init", root, "--quiet") == 0
    path = root / "session.toml"
    text = path.read_text(encoding="utf-8")
    for line in ("rate = 60", 'skeleton = "body25"', "[[people]]", 'name = "P1"'):
        assert f"\n# {line}" in text
        text = text.replace(f"\n# {line}", f"\n{line}")
    path.write_text(text, encoding="utf-8")
    session = load_session(root)
    assert (session.rate, session.skeleton, session.people[0].name) == (60, "body25", "P1")


def test_plan_prints_numbers_and_draws(tmp_path, capsys):
    few = ("--step-m", "1.5", "--turns", "2", "--phases", "1")
    assert run("plan", "rigs/lab4.toml", "--out", tmp_path / "map.svg", *few, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert 10 < told["error_mm"] < 40
    assert (tmp_path / "map.svg").read_text(encoding="utf-8").startswith("<svg")
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
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    asked = f"source {script}; COMP_WORDS=(mocap3d {{}}); COMP_CWORD={{}}; _mocap3d; echo ${{{{COMPREPLY[@]}}}}"
    for words, place, wanted in (
        ("rec", 1, "reconstruct"),
        ("plan --sig", 2, "--sigma-px"),
        ("info --qui", 2, "--quick --quiet"),
    ):
        ended = subprocess.run(["bash", "-c", asked.format(words, place)], capture_output=True, text=True, check=True)
        assert set(ended.stdout.split()) == set(wanted.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_on_lines_of_their_own(command, capsys):
    run(command, "--help")
    examples = [line for line in capsys.readouterr().out.splitlines() if line.startswith("$ ")]
    assert examples
    assert all(line.count("mocap3d ") == 1 and f"mocap3d {command}" in line for line in examples)
