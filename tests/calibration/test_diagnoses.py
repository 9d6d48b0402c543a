"""What goes wrong when boards are filmed: every fault has its own name, and a sound recording none."""

from dataclasses import replace
from functools import cache
from math import radians
from pathlib import Path

import pytest
import torch

from mocap3d.calibration.calibrate import Calibration, calibrate_seen
from mocap3d.calibration.diagnoses import adjusted
from mocap3d.calibration.diagnoses.moved_cameras import Move
from mocap3d.calibration.diagnoses.refit import Start
from mocap3d.calibration.diagnoses.sizes import of_sizes
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.lens_kinds import LensKind
from mocap3d.calibration.look import ALONE, Seen
from mocap3d.calibration.options import Between, CalibrateOptions
from mocap3d.calibration.report.verdicts import verdicts
from mocap3d.errors import CalibrationError
from mocap3d.session.board_recordings import BoardRecordings
from mocap3d.session.records import CalibratedRig, TargetObservations, VideoInfo
from mocap3d.session.schema import SessionTable
from mocap3d.synthesis import board_faults
from mocap3d.synthesis.boards import (
    BoardScene,
    BoardSceneOptions,
    board_points,
    make_board_scene,
    ordinary_rig,
    shown,
)

BOARD, SMALL = board_points(7, 5, 0.08), board_points(7, 5, 0.04)
CARRIED = BoardSceneOptions(n_instants=300, seed=3, reach_m=(0.8, 0.8, 0.4))
OPTIONS = CalibrateOptions(lens=LensKind.BROWN5, per_view=30)
RIG = ordinary_rig(4, seed=3)
APART_M = float((RIG.cameras["cam01"].centre_in_world - RIG.cameras["cam02"].centre_in_world).norm())
MEASURED = replace(OPTIONS, between=Between(("cam01", "cam02"), APART_M))


@cache
def scene() -> BoardScene:
    return make_board_scene(RIG, BOARD, CARRIED)


def alone(rig: CalibratedRig) -> TargetObservations:
    """Each view for itself."""
    seen = board_faults.one_by_one(rig, SMALL)
    return replace(seen, name=seen.name + ALONE)


def before_a_row(*, depth_m: tuple[float, float], tilt_deg: float) -> Seen:
    poses = board_faults.held(SMALL, n_instants=60, depth_m=depth_m, tilt_rad=radians(tilt_deg))
    return Seen(shown(board_faults.side_by_side(), SMALL, poses).observations)


def named(seen: Seen, options: CalibrateOptions = OPTIONS) -> dict[str, tuple[str, ...]]:
    """The names of what is found, each with its views."""
    try:
        found: Calibration = calibrate_seen(seen, options)
    except CalibrationError as refused:
        return {str(refused).partition(":")[0]: ()}
    return {finding.code: tuple(v for each in found.findings if each.code == finding.code for v in each.views)
            for finding in found.findings}  # fmt: skip


@pytest.mark.slow
def test_a_sound_recording_has_no_fault():
    """Also with a measured distance, and lenses filmed apart."""
    assert named(Seen(scene().observations, alone(RIG)), MEASURED) == {}


def test_views_that_never_see_the_board_together():
    assert named(Seen(board_faults.apart(scene(), ["cam04"]).observations)) == {"no-common-view": ()}


@pytest.mark.slow
def test_squares_of_another_size():
    larger = replace(scene().observations, p_in_target=1.05 * BOARD)
    assert named(Seen(larger), MEASURED) == {"wrong-square-size": ("cam01", "cam02")}


def test_a_mirrored_video():
    assert named(Seen(board_faults.mirrored(scene(), "cam02").observations)) == {"mirrored": ()}


@pytest.mark.slow
def test_a_view_whose_clock_is_off():
    assert named(Seen(board_faults.late(scene(), CARRIED, "cam03", 0.06).observations)) == {
        "unsynchronised": ("cam03",)
    }


@pytest.mark.slow
def test_a_clock_that_is_so_far_off_that_no_cameras_explain_it():
    """Two looks late: refused, with the reason."""
    assert list(named(Seen(board_faults.late(scene(), CARRIED, "cam01", -0.2).observations))) == ["unsynchronised"]


@pytest.mark.slow
def test_a_camera_that_moved():
    """By 21 px, after two fifths of the recording."""
    moved = board_faults.moved(scene(), CARRIED, "cam02", 0.02, after=0.4)
    assert named(Seen(moved.observations)) == {"moving-camera": ("cam02",)}


def test_where_everything_seems_to_move_nothing_did(monkeypatch):
    """A part of the recording that is too poor to place cameras by."""
    found = {f"cam0{n}": Move(shift_px, 0.2, 0.4) for n, shift_px in enumerate((11.0, 5.1, 9.1), 1)}
    monkeypatch.setattr(adjusted, "moves", lambda *_: found)
    start = Start({}, Poses({}, (), (), {}))
    assert not list(adjusted.moving(scene().observations, start))
    found["cam02"] = Move(0.4, 0.2, 0.4)
    assert [finding.views for finding in adjusted.moving(scene().observations, start)] == [("cam01",)]


def test_a_bent_board():
    """8 mm in the middle of 56 cm."""
    assert named(Seen(board_faults.bent(scene(), CARRIED, 0.008).observations)) == {"bent-board": ()}


@pytest.mark.slow
def test_a_lens_that_was_refocused():
    """By 3 % between the recording of each view alone and that of all."""
    seen = Seen(scene().observations, alone(board_faults.refocused(RIG, "cam03", 1.03)))
    assert named(seen) == {"focus-changed": ("cam03",)}


@pytest.mark.slow
def test_videos_under_each_others_names():
    rig = board_faults.refocused(board_faults.refocused(RIG, "cam01", 0.9), "cam04", 1.1)
    exchanged = board_faults.swapped(alone(rig), "cam01", "cam04")
    seen = Seen(make_board_scene(rig, BOARD, CARRIED).observations, exchanged)
    assert named(seen) == {"swapped-videos": ("cam01", "cam04")}


def test_boards_that_are_never_tilted():
    assert named(before_a_row(depth_m=(1.5, 4.0), tilt_deg=3)) == {"too-few-tilts": ("cam01", "cam02", "cam03")}


def test_boards_at_one_depth():
    assert named(before_a_row(depth_m=(3.4, 3.6), tilt_deg=24)) == {"one-depth": ("cam01", "cam02", "cam03")}


def test_boards_before_a_row_as_they_should_be():
    assert named(before_a_row(depth_m=(1.2, 3.5), tilt_deg=45)) == {}


def filmed_at(**sizes_px: tuple[int, int]) -> BoardRecordings:
    """Recordings of one camera: together, alone, trials."""
    videos = {kind: {"cam01": VideoInfo(Path(), size, None, torch.zeros(3).double())}
              for kind, size in sizes_px.items()}  # fmt: skip
    return BoardRecordings(
        Path(), videos["together"], videos.get("alone", {}), videos.get("trials", {}), SessionTable()
    )


@pytest.mark.parametrize(
    ("sizes_px", "names"),
    [
        ({"together": (1920, 1080), "alone": (1920, 1080), "trials": (1920, 1080)}, []),
        ({"together": (1920, 1080), "alone": (1080, 1920)}, ["rotated-video"]),
        ({"together": (1920, 1080), "trials": (1280, 720)}, ["mixed-resolution"]),
        ({"together": (1920, 1080), "alone": (1440, 1080)}, ["mixed-resolution"]),
    ],
)
def test_sizes_that_do_not_belong_together(sizes_px, names):
    assert [finding.code for finding in of_sizes(filmed_at(**sizes_px))] == names


@pytest.mark.slow
def test_corners_far_off_are_to_be_filmed_again():
    """Median above 3 px: as they are they are good enough, ten times as far off no camera is told by them."""
    found = calibrate_seen(Seen(scene().observations), OPTIONS)
    assert "film again" not in {each.grade for each in verdicts(found)}
    off_px = tuple(each * 10 for each in found.result.residual_px)
    worse = verdicts(replace(found, result=replace(found.result, residual_px=off_px)))
    assert {each.grade for each in worse} == {"film again"}
    assert all("px off: hold the board still" in each.reasons[-1] for each in worse)
