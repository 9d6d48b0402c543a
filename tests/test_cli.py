"""The command line as a user meets it: what it prints where, which flags win, and what is left on disk."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from clips import make_clip
from tiny_session import VIEWS, copy_of_tiny_session, run

from mocap3d import batch
from mocap3d.cli.app import COMMANDS
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.export.npz import read_npz

HEAVY = {"torch", "numba", "scipy", "cv2", "numpy", "av", "h5py", "pyarrow", "tyro", "rich"}


@pytest.fixture
def root(tmp_path):
    return copy_of_tiny_session(tmp_path / "session")


def test_help_answers_at_once():
    """Best of three, on a machine that may be busy. Measured: 0.05 s, and no heavy import."""
    command = [sys.executable, "-c", "import sys; from mocap3d.cli import main; sys.exit(main(['--help']))"]
    times_s = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times_s.append(time.perf_counter() - start)
    assert min(times_s) < 0.5


def test_help_imports_nothing_heavy():
    code = f"import sys; from mocap3d.cli import main; main(['--help']); sys.exit(bool({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_names_that_a_console_cannot_show_are_escaped(tmp_path):
    """A Windows of Latin letters, its output sent to a file."""
    command = [sys.executable, "-m", "mocap3d", "info", str(tmp_path / "лаб")]
    narrow = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, check=False, capture_output=True, env=narrow)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"\\u043b\\u0430\\u0431" in done.stderr
    assert b"Traceback" not in done.stderr


def test_help_names_every_command(capsys):
    assert run("--help") == run() == run("help") == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_help(command, capsys):
    assert run(command, "--help") == 0
    assert "--json" in capsys.readouterr().out


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("mocap3d ")


def test_a_mistyped_command_is_guessed(capsys):
    assert run("reconstuct", "x") == 2
    assert capsys.readouterr().err == "error: there is no command 'reconstuct'. Did you mean 'reconstruct'?\n"


def test_reconstruct_tells_a_person(root, capsys):
    assert run("reconstruct", root) == 0
    told = capsys.readouterr()
    for words in ("30 frames (0.50 s at 60 Hz)", "1 person", "3 views", "bone lengths", "reprojection error"):
        assert words in told.out
    for words in ("detector noise", "Each point rests on", "oubtful", "P1.trc", str(root / "results")):
        assert words in told.out
    assert "triangulating" in told.err
    assert max(map(len, told.out.splitlines())) < 200


def test_json_is_alone_on_stdout(root, capsys):
    (root / "keypoints" / "cam03").rename(root / "keypoints" / "door")
    assert run("reconstruct", root, "--json") == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["n_frames"], summary["rate"], summary["results"]) == (30, "60", str(root / "results"))
    assert [view["name"] for view in summary["views"]] == ["cam01", "cam02"]
    assert {"reprojection_px", "agreeing", "noise_px"} < summary["views"][0].keys()
    assert "RHip-RKnee" in summary["people"][0]["limb_spread_mm"]
    assert ["door" in warning for warning in summary["warnings"]] == [True]
    assert "Its cameras 'cam03' have no view" in summary["warnings"][0]
    assert "warning: No camera" in told.err


def test_quiet_prints_nothing(root, capsys):
    assert run("reconstruct", root, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert (root / "results" / "P1.trc").exists()


def test_the_summary_file_and_the_json_agree(root, capsys):
    run("reconstruct", root, "--json")
    printed, written = (
        json.loads(capsys.readouterr().out),
        json.loads((root / "results/summary.json").read_text(encoding="utf-8")),
    )
    assert {key: printed[key] for key in written if key not in ("program", "files")} == {
        key: value for key, value in written.items() if key not in ("program", "files")
    }


def test_flags_overrule_session_toml_which_overrules_defaults(root, monkeypatch):
    used = []

    def reconstruct_session(*arguments, **named):
        used.append(arguments[1])
        return original(*arguments, **named)

    original = batch.reconstruct_session
    monkeypatch.setattr(batch, "reconstruct_session", reconstruct_session)
    with (root / "session.toml").open("a", encoding="utf-8") as file:
        file.write("\n[reconstruct.fit]\nmax_gap_s = 0.125\ncovariance = false\n")
    assert run("reconstruct", root, "--fit.max-gap-s", "0.25", "--formats", "trc", "--quiet") == 0
    (options,) = used
    assert (options.fit.max_gap_s, options.fit.covariance, options.fit.limb_sigma_m) == (0.25, False, 0.004)


def test_formats_and_folder_are_chosen(root, tmp_path):
    assert run("reconstruct", root, "--out", tmp_path / "a" / "b", "--formats", "csv", "npz", "--quiet") == 0
    names = ["P1.csv", "motion.npz", "points.npz", "report.html", "summary.json"]
    assert sorted(path.name for path in (tmp_path / "a/b").iterdir()) == names
    assert not (root / "results").exists()


def test_results_of_people_who_are_gone_are_removed(root):
    assert run("reconstruct", root, "--associate.people", "Ada Lovelace", "--quiet") == 0
    (root / "results" / "notes.txt").write_text("mine", encoding="utf-8")
    assert run("reconstruct", root, "--quiet") == 0
    names = {path.name for path in (root / "results").iterdir()}
    assert "P1.trc" in names
    assert "notes.txt" in names
    assert not any("Ada" in name for name in names)


@pytest.mark.parametrize("stage", ["batch.reconstruct_session", "cli.reconstruct.export_all"])
def test_interrupted_leaves_nothing(stage, root, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"mocap3d.{stage}", interrupt)
    assert run("reconstruct", root) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (root / "results").exists()


def test_interrupted_while_writing_leaves_the_old_results(root, monkeypatch):
    assert run("reconstruct", root, "--quiet") == 0
    before = {path: path.read_bytes() for path in (root / "results").iterdir()}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mocap3d.export.results.write_parquet", interrupt)
    assert run("reconstruct", root, "--associate.people", "Ada", "--quiet") == 130
    assert {path: path.read_bytes() for path in (root / "results").iterdir()} == before


def test_a_polite_kill_clears_up_like_ctrl_c():
    """What a cluster's scheduler sends before it kills."""
    code = "import os, signal, sys; from mocap3d.cli import app; "
    code += "app._dispatch = lambda _: os.kill(os.getpid(), signal.SIGTERM); sys.exit(app.main())"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "interrupted: nothing is left half written\n")


@pytest.mark.parametrize(
    ("file", "remedy", "is_of_a_display"),
    [
        ("libxcb.so.1", "apt-get install libxcb1", True),
        ("libGL.so.1", "apt-get install libgl1", True),
        ("libusb-1.0.so.0", "apt-get install libusb-1.0-0", False),
        ("libgomp.so.1", "apt-get install libgomp1", False),
        ("libfoo-2.so.7", "apt-file search libfoo-2.so.7", False),
    ],
)
def test_a_missing_library_of_the_system_is_named(file, remedy, is_of_a_display, monkeypatch, capsys):
    def without_library(_name):
        raise ImportError(f"{file}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("mocap3d.cli.app.import_module", without_library)
    assert run("info", "session") == 2
    told = capsys.readouterr().err
    assert f"{file} is missing" in told
    assert remedy in told
    assert ("opencv-contrib-python-headless" in told) == is_of_a_display


def test_an_import_that_is_a_defect_stays_one(monkeypatch):
    def broken(_name):
        raise ImportError("cannot import name 'x' from 'mocap3d.y'")

    monkeypatch.setattr("mocap3d.cli.app.import_module", broken)
    with pytest.raises(ImportError, match="cannot import name"):
        run("info", "session")


def test_of_several_sessions_one_that_fails_does_not_end_the_others(root, tmp_path, capsys):
    """Patterns are spelt out where the shell has not done so, in natural order; each session has its own warnings."""
    for number in (2, 10):
        shutil.copytree(root, tmp_path / f"walk_{number}")
    (tmp_path / "walk_2" / "calibration" / "Calib.qca.txt").unlink()
    (tmp_path / "walk_10" / "keypoints" / "cam03").rename(tmp_path / "walk_10" / "keypoints" / "door")
    assert run("reconstruct", tmp_path / "walk_*", root, "--formats", "trc", "--json") == 2
    told = capsys.readouterr()
    failed, left_out, whole = json.loads(told.out)["sessions"]
    assert [result["session"] for result in (failed, left_out, whole)] == [
        str(tmp_path / name) for name in ("walk_2", "walk_10", "session")
    ]
    assert "has no calibration" in failed["error"]
    assert "error: " in told.err
    assert ["door" in warning for warning in left_out["warnings"]] == [True]
    assert whole["warnings"] == []
    assert (tmp_path / "walk_10" / "results" / "P1.trc").exists()
    assert (root / "results" / "P1.trc").exists()


def test_several_sessions_end_with_a_line_each(root, tmp_path, capsys):
    assert run("reconstruct", root, tmp_path / "nowhere", "--formats", "trc") == 2
    told = capsys.readouterr().out
    first, second = told.splitlines()[-2:]
    assert first.startswith(f"{root} ")
    assert "P1: " in first
    assert second.startswith(f"{tmp_path / 'nowhere'} ")
    assert "FAILED: " in second


def test_a_narrow_terminal_cuts_no_name_and_no_number(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal has it
    Output(OutputOptions()).table({"Session": "left", "": "right"}, [["gait of Müller, second day", "12.3 mm"]])
    told = capsys.readouterr().out
    assert "gait of Müller, second day   12.3 mm" in told


@pytest.mark.parametrize(
    ("arguments", "words"), [((), "No session folder"), (("a", "b", "--out", "c"), "--out names one")]
)
def test_sessions_that_make_no_sense_are_refused(arguments, words, capsys):
    assert run("reconstruct", *arguments) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_info_shows_what_there_is(root, capsys):
    for view in VIEWS:
        make_clip(root / "videos" / f"{view}.mp4", n=30, rate=60)
    assert run("info", root) == 0
    told = capsys.readouterr().out
    for words in ("60 Hz", "halpe26", "Calib.qca.txt", "30 sightings in 30 frames", "videos/cam02.mp4: 64x48, 60 Hz"):
        assert words in told
    assert "missing: view 'cam01' was calibrated at 1920x1080" in told  # the clip shows something else


def test_info_says_what_is_missing_and_how_to_mend_it(root, capsys):
    shutil.rmtree(root / "calibration")
    (root / "session.toml").write_text('skeleton = "halpe26"\n', encoding="utf-8")
    assert run("info", root, "--json") == 0
    overview = json.loads(capsys.readouterr().out)
    missing = " ".join(overview["missing"])
    assert "has no calibration. Put a calibration file there" in missing
    assert "frame rate is not known. Write rate = 60" in missing
    assert [view["camera"] for view in overview["views"]] == [None, None, None]


def test_info_of_a_good_session_says_so(root, capsys):
    assert run("info", root) == run("info", root, "--quick") == 0
    assert capsys.readouterr().out.count(f"Ready: mocap3d reconstruct {root}") == 2


def test_a_command_to_copy_holds_for_paths_with_spaces(root, capsys):
    spaced = root.rename(root.with_name("trial 1"))
    assert run("info", spaced, "--quick") == 0
    assert f'Ready: mocap3d reconstruct "{spaced}"' in capsys.readouterr().out


@pytest.mark.parametrize("calibration", ["qualisys", "pose2sim", "native"])
def test_synth_makes_a_session_that_reconstructs(calibration, tmp_path, capsys):
    root = tmp_path / "new"
    scene = ("--rig", "rigs/stereo2.toml", "--duration-s", "0.25", "--rate", "30000/1001", "--noise.sigma-px", "1")
    if calibration == "pose2sim":
        scene = ("--rig", "rigs/lab4.toml", *scene[2:])
    assert run("synth", root, "--calibration", calibration, *scene, "--json") == 0
    assert json.loads(capsys.readouterr().out)["n_frames"] == 7
    assert run("reconstruct", root, "--quiet") == 0
    assert read_npz(root / "results" / "points.npz").rate.denominator == 1001


def test_a_folder_in_use_is_not_overwritten(root, capsys):
    assert run("synth", root) == 2
    assert "not empty" in capsys.readouterr().err
    assert (root / "truth.npz").exists()


def test_an_output_below_a_file_is_refused(root, capsys):
    assert run("reconstruct", root, "--out", root / "session.toml" / "x") == 2
    told = capsys.readouterr().err
    assert "cannot be written to" in told
    assert "triangulating" not in told  # what takes long has not begun
