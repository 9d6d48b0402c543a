"""Rig files: every one of ours loads, cameras look where they are told, and mistakes are named."""

from math import radians, tan
from pathlib import Path

import pytest
import torch

from mocap3d.errors import CalibrationError
from mocap3d.geometry.lens import LensModel
from mocap3d.session.rig import CameraTable, LensTable, read_rig

RIGS = sorted((Path(__file__).parents[2] / "rigs").glob("*.toml"))
MIDDLE = torch.tensor([959.5, 539.5], dtype=torch.float64)


def camera(**changes):
    table = {"name": "cam", "position_m": (4.0, 0.0, 1.0), "size_px": (1920, 1080), "focal_px": 1000.0}
    if "rotation" not in changes:
        table["look_at_m"] = (0.0, 0.0, 1.0)
    return CameraTable(**(table | changes)).camera()


def at(*p: float) -> torch.Tensor:
    return torch.tensor(p, dtype=torch.float64)


@pytest.mark.parametrize("path", RIGS, ids=lambda path: path.stem)
def test_our_rigs_look_into_their_volumes(path):
    table = read_rig(path)
    middle = (at(*table.volume.min_m) + at(*table.volume.max_m)) / 2
    for view, seen_by in table.calibrated(path).cameras.items():
        assert seen_by.contains(seen_by.project(middle)), view
        assert seen_by.centre_in_world == pytest.approx(
            at(*next(c.position_m for c in table.cameras if c.name == view))
        )


def test_a_camera_looks_at_its_target_and_stands_level():
    """Left of the camera's way is left in its picture, and up is up."""
    cam = camera()
    assert torch.allclose(cam.project(at(0, 0, 1)), MIDDLE)
    left, up = cam.project(at(0, -1, 1)) - MIDDLE, cam.project(at(0, 0, 2)) - MIDDLE
    assert torch.allclose(left, at(-250, 0))
    assert torch.allclose(up, at(0, -250))


def test_a_roll_to_the_right_tilts_the_picture_to_the_left():
    up = camera(roll_deg=90.0).project(at(0, 0, 2)) - MIDDLE
    assert torch.allclose(up, at(-250, 0))


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_straight_down_and_up_have_a_picture_too(direction):
    cam = camera(position_m=(0.0, 0.0, 2.0), look_at_m=(0.0, 0.0, 2.0 - direction))
    assert torch.allclose(cam.project(at(0, 0, 2 - direction)), MIDDLE)
    assert torch.allclose(cam.project(at(0, 0.5, 2 - direction)) - MIDDLE, at(0, -500))


def test_a_rotation_is_opencvs_rvec():
    cam = camera(rotation=(0.0, 0.0, 0.0), position_m=(0.0, 0.0, 0.0))
    assert torch.allclose(cam.project(at(0.1, 0.2, 1.0)) - MIDDLE, at(100, 200))


def test_the_angle_of_view_spans_the_picture():
    half = radians(35.0)
    plain = camera(focal_px=None, hfov_deg=70.0)
    edge = plain.lens.project(at(tan(half), 0, 1))
    assert edge[0] == pytest.approx(1919.5)
    fisheye = LensTable(LensModel.KANNALA_BRANDT, (0.0, 0.0, 0.0, 0.0))
    wide = camera(focal_px=None, hfov_deg=200.0, lens=fisheye)
    assert wide.lens.project(at(1.0, 0.0, 0.0))[0] == pytest.approx(959.5 + 960 * 90 / 100)


TOML = """
[[cameras]]
name = "cam10"
position_m = [4, 0, 1]
look_at_m = [0, 0, 1]
size_px = [1920, 1080]
focal_px = 1000

[[cameras]]
name = "cam2"
position_m = [0, 4, 1]
look_at_m = [0, 0, 1]
size_px = [1920, 1080]
hfov_deg = 60
"""


def test_views_come_in_natural_order(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(TOML, encoding="utf-8")
    assert list(read_rig(path).calibrated().cameras) == ["cam2", "cam10"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "look_at_m = [0, 0, 1]\nsize_px = [1920, 1080]\nfocal",
            "size_px = [1920, 1080]\nfocal",
            "look_at_m or rotation",
        ),
        ("focal_px = 1000", "focal_px = 1000\nhfov_deg = 60", "focal_px or hfov_deg"),
        ("focal_px", "focal_xp", "Did you mean 'focal_px'"),
        ('"cam2"', '"cam10"', "two cameras are called 'cam10'"),
        ("hfov_deg = 60", "hfov_deg = 190", "needs a kannala-brandt lens"),
        ("hfov_deg = 60", 'hfov_deg = 60\nlens = { model = "brown", distortion = [0.1] }', "4 or 5 or 8 or 12"),
        ("position_m = [0, 4, 1]", "position_m = [0, 0, 1]", "where it stands"),
        ("position_m = [0, 4, 1]", "position_m = [0, 4]", "position_m"),
        ("[[cameras]]", "[volume]\nmin_m = [0, 0, 0]\nmax_m = [1, 1, 0]\n[[cameras]]", "must lie below"),
    ],
)
def test_mistakes_are_named(old, new, message, tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"rig\.toml") as caught:
        read_rig(path)
    assert message in str(caught.value)


def test_an_empty_rig_is_refused(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text("cameras = []", encoding="utf-8")
    with pytest.raises(CalibrationError, match="no \\[\\[cameras\\]\\]"):
        read_rig(path)
