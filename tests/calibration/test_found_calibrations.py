"""Whatever calibration can be read is found in a session folder, in whichever of its files or folders it lies."""

import pytest
import torch

from mocap3d.calibration.formats import FORMATS, read_calibration
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.calibration_file import find_calibration
from mocap3d.session.records import CalibratedRig

FIRST = {"caliscope": "cam_0", "mc-calib": "camera_0", "kalibr": "cam0"}
SECOND = {"caliscope": "cam_1", "mc-calib": "camera_1", "kalibr": "cam1"}


def two_cameras(name: str) -> CalibratedRig:
    f_px, c_px = torch.tensor([900.0, 900.0]).double(), torch.tensor([319.5, 239.5]).double()
    lens = Lens.brown(f_px, c_px, torch.tensor([-0.1, 0.02, 0.0, 0.0]).double())
    shift = torch.tensor([0.5, 0.0, 2.0]).double()
    places = (Rigid.identity(), Rigid(torch.eye(3).double(), shift))
    names = FIRST.get(name, "cam01"), SECOND.get(name, "cam02")
    return CalibratedRig({view: Camera(lens, place, (640, 480)) for view, place in zip(names, places, strict=True)})


@pytest.mark.parametrize("where", [".", "calibration"])
@pytest.mark.parametrize("name", [known.name for known in FORMATS if known.write])
def test_every_format_is_found(name, where, tmp_path):
    known = next(known for known in FORMATS if known.name == name)
    folder = tmp_path / where
    folder.mkdir(exist_ok=True)
    known.write(two_cameras(name), folder / f"lab{known.ending}" if known.ending else folder)
    if name == "mocap3d":
        (folder / "lab.toml").rename(folder / "calibration.toml")
    found = find_calibration(tmp_path, None)
    assert found is not None
    assert len(read_calibration(found, unit="m").cameras) == 2


def test_other_files_are_no_calibration(tmp_path):
    (tmp_path / "calibration_report.json").write_text('{"cameras": {}}', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("the camera stood on the left", encoding="utf-8")
    (tmp_path / "Config.yml").write_text("cameras: 4\n", encoding="utf-8")
    (tmp_path / "lenses.toml").write_text(
        'format = "mocap3d calibration"\n[cameras.a]\nf_px = [1, 1]\n', encoding="utf-8"
    )
    assert find_calibration(tmp_path, None) is None
