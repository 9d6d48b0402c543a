"""The examples run; the one on a real recording only where that is at hand."""

import importlib
import re
import runpy
import sys
import zipfile
from pathlib import Path

import cv2
import filmed_boards
import numpy as np
import pytest
from tiny_session import VIEWS, copy_of_tiny_session, run

from mocap3d.calibration.targets import load_target

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(name, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_the_python_interface(tmp_path, monkeypatch, capsys):
    root = copy_of_tiny_session(tmp_path / "session")
    run_example("reconstruct_session.py", monkeypatch, root)
    told = capsys.readouterr().out
    assert "right wrist" in told
    assert f"wrote {root / 'results' / 'P1.trc'}" in told


def test_arrays_of_a_detector_need_no_folder(tmp_path, monkeypatch, capsys):
    """Measured: median error 6.8 mm, in one second before four cameras; nothing is written."""
    monkeypatch.chdir(tmp_path)
    run_example("own_arrays.py", monkeypatch)
    told = capsys.readouterr().out
    assert float(told.split("median error ")[1].split()[0]) < 12
    assert not list(tmp_path.iterdir())


def test_the_demo_on_a_synthetic_scene(tmp_path, monkeypatch, capsys):
    """Twice: the second run takes the place of the first. Measured: mean error 5.5 mm in one second."""
    for _ in range(2):
        run_example("demo.py", monkeypatch, tmp_path, "--synthetic", "--seconds", "1")
    told = capsys.readouterr().out.rpartition("Against the truth")[2]
    assert float(told.split("mean error ")[1].split()[0]) < 12
    assert (tmp_path / "session" / "results" / "summary.json").exists()


def test_the_demo_without_a_network(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    run_example("demo.py", monkeypatch, tmp_path, "--seconds", "1")
    told = capsys.readouterr().out
    assert "could not be fetched" in told
    assert "Against the truth" in told


def test_only_what_is_wanted_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    demo_recording = importlib.import_module("demo_recording")
    wheel = tmp_path / "pose2sim.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member in (*demo_recording.WANTED, "Pose2Sim/__init__.py", "../outside"):
            archive.writestr(member, member)
    demo_recording.unpack(wheel, tmp_path / "recording")
    found = {path.relative_to(tmp_path / "recording").as_posix() for path in (tmp_path / "recording").rglob("*.*")}
    assert found == set(demo_recording.WANTED.values())
    assert demo_recording.fetch_recording(tmp_path / "recording") == tmp_path / "recording"  # no second download


def test_overlays_show_the_skeleton(tmp_path, monkeypatch):
    """Over grey images, all of a view links to one."""
    root = copy_of_tiny_session(tmp_path / "session")
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((1080, 1920, 3), 90, np.uint8))
    for view in VIEWS:
        (root / "videos" / view).mkdir(parents=True)
        for frame in range(30):
            (root / "videos" / view / f"{frame}.png").symlink_to(tmp_path / "grey.png")
    run_example("overlay.py", monkeypatch, root, tmp_path / "pictures")
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert len(pictures) == 3 * len(VIEWS)
    picture = cv2.imread(str(pictures[0]))
    assert (picture[..., 1].astype(int) - picture[..., 2] > 100).any()  # a green right side


@pytest.mark.slow
def test_a_board_gives_cameras(tmp_path, monkeypatch, capsys):
    """Two cameras, half a metre apart as drawn. Measured 1 mm off."""
    target, rig = load_target("charuco_a2"), filmed_boards.small_rig(2)
    poses = filmed_boards.in_hands(target, 14)
    for view, camera in rig.cameras.items():
        filmed_boards.write_images(tmp_path / "calibration" / view, filmed_boards.pictures(camera, target, poses))
    run_example("calibrate_session.py", monkeypatch, tmp_path, "charuco_a2")
    told = capsys.readouterr().out
    first, second = (np.array([float(x) for x in place.split(", ")]) for place in re.findall(r"at \((.*?)\) m", told))
    drawn_m, drawn_also_m = (camera.centre_in_world.numpy() for camera in rig.cameras.values())
    assert np.linalg.norm(second - first) == pytest.approx(np.linalg.norm(drawn_also_m - drawn_m), abs=0.01)
    assert (tmp_path / "calibration.toml").is_file()


def test_results_are_exported_and_evaluated(tmp_path, monkeypatch, capsys):
    """Against their own markers, which differ by nothing but the rounding of the file."""
    root = copy_of_tiny_session(tmp_path / "session")
    assert run("reconstruct", root, "--quiet") == 0
    run_example("export_results.py", monkeypatch, root, tmp_path / "more")
    assert re.search(r"P1: 1\.[0-9]+ m/s on average", capsys.readouterr().out)
    assert sorted(path.name for path in (tmp_path / "more").iterdir()) == ["P1.bvh", "P1.csv"]
    run_example("evaluate_results.py", monkeypatch, root, root / "results" / "P1.trc")
    told = capsys.readouterr().out
    assert "bone-length spread: " in told
    assert float(re.search(r"all: ([0-9.e-]+) mm", told)[1]) < 0.01


@pytest.mark.slow
def test_the_real_recording(real_data, tmp_path, monkeypatch, capsys):
    """Pose2Sim's balancing trial, with pictures."""
    demo = real_data / "01_pose2sim_4cam_human" / "S00_Demo_Session"
    run_example("real_recording.py", monkeypatch, demo, "--overlays", tmp_path)
    assert "median over keypoints" in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 12
