"""``mocap3d calibrate`` from pictures on disk to files on disk, and what it says of what is not as it should be."""

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import filmed_boards
import pytest
import torch

from mocap3d.calibration.formats import read_calibration
from mocap3d.calibration.formats.native import write_calibration
from mocap3d.calibration.targets import load_target
from mocap3d.cli.app import main
from mocap3d.session.records import CalibratedRig

RIG = filmed_boards.small_rig(2)
SWAPPED = '[charuco]\ncolumns = 5\nrows = 7\nsquare_mm = 76.0\nmarker_mm = 57.0\ndictionary = "4x4_100"\n'


@pytest.fixture(scope="module")
def filmed(tmp_path_factory) -> Path:
    """A ChArUco board before two cameras, 14 pictures each."""
    root, target = tmp_path_factory.mktemp("filmed"), load_target("charuco_a2")
    poses = filmed_boards.in_hands(target, 14)
    for view, camera in RIG.cameras.items():
        filmed_boards.write_images(root / "calibration" / view, filmed_boards.pictures(camera, target, poses))
    return root


@pytest.fixture
def root(filmed, tmp_path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(filmed, tmp_path / "session"))


def run(root: Path, *options: str) -> int:
    return main(["calibrate", str(root), *options])


def baseline_m(rig: CalibratedRig) -> float:
    one, other = (camera.centre_in_world for camera in rig.cameras.values())
    return float((one - other).norm())


def test_pictures_become_cameras_and_a_report(root, capsys):
    """Measured: baseline 1 mm, focal lengths 0.1 % off."""
    assert run(root, "--target", "charuco_a2", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    rig = read_calibration(root / "calibration.toml")
    assert baseline_m(rig) == pytest.approx(baseline_m(RIG), abs=0.004)
    for view, camera in RIG.cameras.items():
        assert torch.allclose(rig.cameras[view].lens.f_px, camera.lens.f_px, rtol=0.005)
        assert rig.cameras[view].centre_in_world[2] > 0
        assert said["cameras"][view]["held_out_rms_px"] < 0.15
    assert said["findings"] == []
    report = json.loads((root / "calibration_report.json").read_text(encoding="utf-8"))
    assert {key: said[key] for key in report} == report
    page = (root / "calibration_report.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page
    assert page.count("<svg") == 2 * len(RIG.cameras) + 2
    assert f"{report['held_out_rms_px']:.2f} px RMS" in page


@pytest.mark.slow
def test_the_same_again_gives_the_same_bytes_and_something_else_keeps_the_old(root):
    assert run(root, "--target", "charuco_a2", "--quiet") == 0
    files = ("calibration.toml", "calibration_report.html", "calibration_report.json")
    first = {name: (root / name).read_bytes() for name in files}
    assert run(root, "--target", "charuco_a2", "--threads", "1", "--quiet") == 0
    assert {name: (root / name).read_bytes() for name in files} == first
    assert not (root / "calibration.1.toml").exists()
    assert run(root, "--target", "charuco_a2", "--lens", "pinhole", "--quiet") == 0
    assert (root / "calibration.1.toml").read_bytes() == first["calibration.toml"]
    assert (
        tomllib.loads((root / "calibration.toml").read_text(encoding="utf-8"))["cameras"]["cam01"]["lens"] == "pinhole"
    )


@pytest.mark.slow
def test_options_may_stand_in_session_toml_and_videos_do_as_well(tmp_path):
    target = load_target("chessboard_a3")
    poses = filmed_boards.in_hands(target, 14, depth_m=(1.0, 1.6))
    for view, camera in RIG.cameras.items():
        shots = filmed_boards.pictures(camera, target, poses)
        filmed_boards.write_clip(tmp_path / "calibration" / "extrinsics" / f"{view}.mp4", shots)
    (tmp_path / "session.toml").write_text('[calibrate]\ntarget = "chessboard_a3"\nlens = "brown2"\n', encoding="utf-8")
    assert run(tmp_path, "--quiet") == 0
    assert baseline_m(read_calibration(tmp_path / "calibration.toml")) == pytest.approx(baseline_m(RIG), abs=0.01)


@pytest.mark.slow
def test_a_wand_places_cameras_whose_lenses_a_board_tells(filmed, tmp_path):
    """500 mm wand. Measured: baseline 2 mm off."""
    shutil.copytree(filmed / "calibration", tmp_path / "calibration" / "intrinsics")
    wand = load_target("wand_500")
    poses = filmed_boards.in_hands(wand, 40, seed=5, depth_m=(1.2, 2.5))
    for view, camera in RIG.cameras.items():
        shots = filmed_boards.pictures(camera, wand, poses)
        filmed_boards.write_images(tmp_path / "calibration" / "extrinsics" / view, shots)
    assert run(tmp_path, "--target", "wand_500", "--lens-target", "charuco_a2", "--quiet") == 0
    assert baseline_m(read_calibration(tmp_path / "calibration.toml")) == pytest.approx(baseline_m(RIG), abs=0.01)


def test_the_lens_of_a_single_camera(root, capsys):
    shutil.rmtree(root / "calibration" / "cam02")
    assert run(root, "--target", "charuco_a2", "--lenses-only") == 0
    assert "Focal length known to" in capsys.readouterr().out
    lens = read_calibration(root / "lenses.toml").cameras["cam01"].lens
    assert torch.allclose(lens.f_px, RIG.cameras["cam01"].lens.f_px, rtol=0.01)


def test_lenses_that_are_given_stay(root):
    given = replace(RIG, cameras={view: replace(camera, lens=replace(camera.lens, f_px=camera.lens.f_px * 1.001))
                                  for view, camera in RIG.cameras.items()})  # fmt: skip
    write_calibration(given, root / "lenses.toml")
    assert run(root, "--target", "charuco_a2", "--lenses", "lenses.toml", "--quiet") == 0
    for view, camera in read_calibration(root / "calibration.toml").cameras.items():
        assert torch.equal(camera.lens.f_px, given.cameras[view].lens.f_px)


def test_swapped_rows_and_columns_have_a_name(root, capsys):
    (root / "board.toml").write_text(SWAPPED, encoding="utf-8")
    assert run(root, "--target", "board.toml") == 2
    assert "swapped-rows-columns: 'board' was not found in 'cam01', 'cam02'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_board_with_more_corners_than_stated_has_a_name(tmp_path, capsys):
    target = load_target("chessboard_a3")
    poses = filmed_boards.in_hands(target, 6, depth_m=(1.0, 1.4))
    for view, camera in RIG.cameras.items():
        shots = filmed_boards.pictures(camera, target, poses)
        filmed_boards.write_images(tmp_path / "calibration" / view, shots)
    pattern = target.pattern
    table = f"[chessboard]\ncolumns = {pattern.columns - 2}\nrows = {pattern.rows - 1}\nsquare_mm = 30.0\n"
    (tmp_path / "board.toml").write_text(table, encoding="utf-8")
    assert run(tmp_path, "--target", "board.toml") == 2
    assert f"wrong-pattern: The board in the pictures has {pattern.columns} x {pattern.rows}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "options", "complaint"),
    [
        ("", (), "which board was filmed is not said. Give --target"),
        ('[calibrate]\ntargt = "x"', (), "unknown key 'calibrate.targt'. Did you mean 'target'?"),
        ("", ("--target", "charuco_a9"), "there is no board 'charuco_a9'. Did you mean"),
        pytest.param(
            "",
            ("--target", "aprilgrid_a3"),
            "never-seen: 'aprilgrid_a3' was not found in any of 28 frames",
            marks=pytest.mark.slow,
        ),
        ("[calibrate]\nfloor_at_s = nan", (), "'calibrate.floor_at_s' is nan; needed a number"),
        ("", ("--floor-at-s", "nan"), "floor_at_s is nan; needed seconds of the recording"),
        ("", ("--target", "charuco_a2", "--lenses", "none.toml"), "none.toml cannot be read"),
        ("", ("--target", "charuco_a2", "--between.views", "cam01", "cam9", "--between.metres", "1"), "names 'cam9'"),
        pytest.param(
            "",
            ("--target", "charuco_a2", "--floor-at-s", "99"),
            "not found within a second of that",
            marks=pytest.mark.slow,
        ),
        ("", ("--target", "charuco_a2", "--scene", "charuco_a2"), "it is a board. Give it as --target"),
        ("", ("--per-view", "0"), "per_view must be at least 1"),
        ("", ("--threads", "-3"), "threads is -3; needed a number of threads"),
    ],
)
def test_wrong_options_are_named(root, capsys, toml, options, complaint):
    (root / "session.toml").write_text(toml, encoding="utf-8")
    assert run(root, *options) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())


def test_wrong_folders_are_named(root, tmp_path, capsys):
    assert run(tmp_path / "nowhere") == 2
    assert "nowhere is not a folder. Needed: a session folder with calibration/<view>.mp4" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", "--target", "charuco_a2") == 2
    assert "calibration holds no recordings of a board" in capsys.readouterr().err
    (root / "calibration" / "cam03.mp4").write_bytes(b"no video")
    assert run(root, "--target", "charuco_a2") == 2
    assert "cam03.mp4" in capsys.readouterr().err


def test_one_camera_is_too_few(root, capsys):
    shutil.rmtree(root / "calibration" / "cam02")
    assert run(root, "--target", "charuco_a2") == 2
    assert "of the views 'cam01' only 1 saw the target" in capsys.readouterr().err


def test_points_of_the_scene_that_are_no_numbers(root, capsys):
    (root / "room.toml").write_text("[scene.points_m]\na = [0.0, nan, 0.0]\n", encoding="utf-8")
    assert run(root, "--target", "charuco_a2", "--scene", "room.toml") == 2
    assert "room.toml: 'scene.points_m.a[1]' is nan; needed a number" in capsys.readouterr().err
