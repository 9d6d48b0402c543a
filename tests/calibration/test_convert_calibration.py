"""``mocap3d convert-calibration``: what it writes, and what it will not."""

import json
from typing import get_args

import numpy as np
import pytest
import torch
from foreign_camera import DISTORTION, MATRIX, ROTATION, SIZE, TOLERANCE_PX, TRANSLATION_M, pixels, worst_px

from mocap3d.calibration.convert import ConvertOptions, FormatName, convert_calibration
from mocap3d.calibration.formats import FORMATS, read_calibration
from mocap3d.calibration.formats.native import write_calibration
from mocap3d.cli import main
from mocap3d.errors import CalibrationError, FormatError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig


@pytest.fixture
def ours(tmp_path):
    lens = Lens.from_matrix(torch.from_numpy(MATRIX), torch.tensor(DISTORTION, dtype=torch.float64))
    camera = Camera(lens, Rigid(torch.from_numpy(ROTATION), torch.from_numpy(TRANSLATION_M)), SIZE)
    write_calibration(CalibratedRig({"a": camera, "b": camera}), tmp_path / "ours.toml")
    return tmp_path / "ours.toml"


def test_the_command_line_knows_the_table_of_formats():
    assert list(get_args(FormatName)) == [known.name for known in FORMATS]


def test_there_and_back_on_the_command_line(ours, tmp_path, capsys):
    lab = tmp_path / "lab.qca.txt"
    assert main(["convert-calibration", str(ours), str(lab), "--to", "qualisys", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["cameras"]) == ["a", "b"]
    assert main(["convert-calibration", str(lab), str(tmp_path / "again.toml"), "--names", "x", "y"]) == 0
    camera = read_calibration(tmp_path / "again.toml").cameras["y"]
    assert worst_px(camera, pixels()) < TOLERANCE_PX
    assert "2 cameras" in capsys.readouterr().out


def test_turned_on_the_way(ours, tmp_path):
    options = ConvertOptions(clockwise_deg=90, turn=("b",))
    rig = convert_calibration(ours, tmp_path / "turned.toml", options)
    assert rig.cameras["a"].size_px == SIZE
    u, v = pixels().T
    assert worst_px(rig.cameras["b"], np.c_[SIZE[1] - 1 - v, u]) < TOLERANCE_PX
    found = read_calibration(tmp_path / "turned.toml").cameras["b"]
    assert torch.equal(found.cam_from_world.rotation, rig.cameras["b"].cam_from_world.rotation)


@pytest.mark.parametrize(
    ("target", "options", "error", "needs"),
    [
        ("lab.xcp", ConvertOptions(to="vicon"), FormatError, "cannot|not be written"),
        ("lab.txt", ConvertOptions(), FormatError, r"end in '\.toml'"),
        ("lab.toml", ConvertOptions(to="easymocap"), FormatError, "written as a folder"),
        ("ours.toml", ConvertOptions(), FormatError, "there already"),
        ("new.toml", ConvertOptions(names=("x",)), CalibrationError, "1 names"),
        ("new.toml", ConvertOptions(names=("x", "x")), CalibrationError, "a different name"),
        ("new.toml", ConvertOptions(clockwise_deg=90, turn=("c",)), CalibrationError, "no camera 'c'"),
    ],
)
def test_what_cannot_be_done_is_said(ours, tmp_path, target, options, error, needs):
    before = ours.read_bytes()
    with pytest.raises(error, match=needs):
        convert_calibration(ours, tmp_path / target, options)
    assert ours.read_bytes() == before
    assert list(tmp_path.iterdir()) == [ours]


def test_overwriting_is_asked_for(ours):
    convert_calibration(ours, ours, ConvertOptions(names=("x", "y"), overwrite=True))
    assert list(read_calibration(ours).cameras) == ["x", "y"]


def test_errors_are_messages(ours, tmp_path, capsys):
    assert main(["convert-calibration", str(tmp_path / "absent"), str(tmp_path / "b.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["convert-calibration", str(ours), str(tmp_path / "b.toml"), "--turn", "a"]) == 2
    assert "by how much" in capsys.readouterr().err
