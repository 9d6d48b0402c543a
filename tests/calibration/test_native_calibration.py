"""Our own calibration.toml gives back every bit, and says its conventions."""

import tomllib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap3d.calibration.formats import read_calibration
from mocap3d.calibration.formats.native import write_calibration
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig

F64 = torch.float64


def pair(a, b):
    return torch.tensor([a, b], dtype=F64)


LENSES = {
    "pinhole": Lens.pinhole(pair(1e3 / 3, 1000.1), pair(639.5, 0.1 + 0.2)),
    "brown": Lens.brown(pair(1e-300, 1e17), pair(-5.0, 7.25), torch.linspace(-0.3, 1e-9, 12, dtype=F64)),
    "fisheye": Lens.kannala_brandt(
        pair(400.0, 401.0), pair(640.0, 360.0), torch.tensor([0.1, -0.02, 3e-3, 0], dtype=F64)
    ),
}


def a_rig(lens, name="cam1", rotvec=(0.3, -1.2, 2.0), translation=(1 / 3, -2e-7, 12345.678)):
    pose = Rigid.from_rotvec(torch.tensor(rotvec, dtype=F64), torch.tensor(translation, dtype=F64))
    return CalibratedRig({name: Camera(lens, pose, (1920, 1080))}, Path("lab.qca.txt"))


def assert_same(a: Camera, b: Camera):
    assert (a.lens.model, a.size_px) == (b.lens.model, b.size_px)
    for x, y in [
        (a.lens.f_px, b.lens.f_px),
        (a.lens.c_px, b.lens.c_px),
        (a.lens.distortion, b.lens.distortion),
        (a.cam_from_world.rotation, b.cam_from_world.rotation),
        (a.cam_from_world.translation, b.cam_from_world.translation),
    ]:
        assert torch.equal(x, y)


@pytest.mark.parametrize("lens", LENSES)
def test_every_bit_comes_back(tmp_path, lens):
    rig = a_rig(LENSES[lens], name='left "A" ü')
    write_calibration(rig, tmp_path / "calibration.toml")
    back = read_calibration(tmp_path / "calibration.toml")
    assert list(back.cameras) == list(rig.cameras)
    assert_same(back.cameras['left "A" ü'], rig.cameras['left "A" ü'])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=6), st.floats(1e-3, 1e9))
def test_any_pose_comes_back(tmp_path_factory, numbers, f_px):
    path = tmp_path_factory.mktemp("rig") / "calibration.toml"
    rig = a_rig(
        Lens.pinhole(pair(f_px, f_px), pair(0.0, 1.0)), rotvec=tuple(numbers[:3]), translation=tuple(numbers[3:])
    )
    write_calibration(rig, path)
    assert_same(read_calibration(path).cameras["cam1"], rig.cameras["cam1"])


def test_the_file_states_world_units_and_pixels(tmp_path):
    write_calibration(a_rig(LENSES["brown"]), tmp_path / "calibration.toml")
    tables = tomllib.loads((tmp_path / "calibration.toml").read_text(encoding="utf-8"))
    assert tables["length_unit"] == "m"
    assert "Z up" in tables["world"]
    assert "centre of the top-left pixel" in tables["pixel"]
    assert tables["source"] == "lab.qca.txt"


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "calibration.toml"
    write_calibration(a_rig(LENSES["brown"]), path)
    before = path.read_bytes()
    moving = Camera(LENSES["brown"], Rigid.identity(5), (10, 10))
    with pytest.raises(CalibrationError, match="moves"):
        write_calibration(CalibratedRig({"a": moving}), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.toml"]


@pytest.mark.parametrize(
    ("old", "new", "needs"),
    [
        ("version = 1", "version = 2", "version 2"),
        ('"m"', '"mm"', "'mm'"),
        ('"brown"', '"barrel"', "unknown lens 'barrel'"),
        ("f_px", "g_px", "no f_px"),
        ("c_px = [-5.0, 7.25]", "c_px = [-5.0]", "shape"),
        ("rotation = [[", "rotation = [[7, 0, 0], [", "shape"),
        ("[1920, 1080]", "[1920, 0]", "whole pixels"),
    ],
)
def test_damage_is_found(tmp_path, old, new, needs):
    path = tmp_path / "calibration.toml"
    write_calibration(a_rig(LENSES["brown"]), path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CalibrationError, match=needs):
        read_calibration(path)
