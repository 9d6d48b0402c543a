"""The importers on real files: raw numbers of the file through OpenCV, and what the lab really looks like."""

import tomllib
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch

from mocap3d.calibration.formats import read_calibration

POINTS = np.array([[0.0, 0.0, 0.0], [0.4, -0.3, 1.0], [-0.5, 0.2, 1.7]])


@pytest.fixture(scope="module")
def lab(real_data) -> Path:
    return real_data / "01_pose2sim_4cam_human" / "S00_Demo_Session"


@pytest.fixture(scope="module")
def desk(real_data) -> Path:
    return real_data / "02_caliscope_4cam" / "sessions"


def test_qualisys_file_by_its_raw_numbers(lab):
    """Measured 2e-13 px over the four cameras."""
    path = lab / "S00_Calibration" / "Calib.qca.txt"
    rig = read_calibration(path)
    assert list(rig.cameras) == ["cam_01", "cam_02", "cam_03", "cam_04"]
    for element in ElementTree.parse(path).getroot().iter("camera"):
        numbers = {k: float(v) for tag in ("transform", "intrinsic") for k, v in element.find(tag).attrib.items()}
        fu, fv, cu, cv = (numbers[k] / 64 for k in ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV"))
        k1, k2, k3 = (numbers[f"radialDistortion{n}"] for n in (1, 2, 3))
        distortion = np.array([k1, k2, numbers["tangentalDistortion1"], numbers["tangentalDistortion2"], k3])
        to_camera = np.array([[numbers[f"r{i}{j}"] for j in (1, 2, 3)] for i in (1, 2, 3)]) * [[1], [-1], [-1]]
        in_camera = (POINTS - np.array([numbers[k] for k in "xyz"]) / 1000) @ to_camera.T
        matrix = np.array([[fu, 0, cu], [0, fv, cv], [0, 0, 1]])
        expected = cv2.projectPoints(in_camera[:, None], np.zeros(3), np.zeros(3), matrix, distortion)[0][:, 0]
        camera = rig.cameras[element.get("serial")]
        assert camera.size_px == (1088, 1920)
        assert np.abs(camera.project(torch.from_numpy(POINTS)).numpy() - expected).max() < 1e-9


def test_qualisys_cameras_stand_where_people_would_put_them(lab):
    """Above head height, around the volume, looking at its middle, upright."""
    for camera in read_calibration(lab / "S00_Calibration" / "Calib.qca.txt").cameras.values():
        centre = camera.centre_in_world.numpy()
        down_in_world, ahead_in_world = camera.cam_from_world.rotation.numpy()[1:]
        assert 1.5 < centre[2] < 2.5
        assert 2.0 < np.hypot(*centre[:2]) < 5.0
        assert -ahead_in_world[:2] @ centre[:2] / np.hypot(*centre[:2]) > 0.7
        assert down_in_world[2] < -0.8


@pytest.mark.parametrize("session", ["post_optimization", "4_cam_recording"])
@pytest.mark.parametrize("file", ["camera_array.toml", "config.toml"])
def test_caliscope_files_by_their_raw_numbers(desk, session, file):
    """Measured 1e-11 px; old and new layout hold the same cameras."""
    path = desk / session / file
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    tables = raw.get("cameras") or {k.removeprefix("cam_"): v for k, v in raw.items() if k.startswith("cam_")}
    rig = read_calibration(path)
    assert list(rig.cameras) == ["cam_0", "cam_1", "cam_2", "cam_3"]
    for key, table in tables.items():
        rotvec, _ = cv2.Rodrigues(np.array(table["rotation"]))
        to_camera, translation = cv2.Rodrigues(rotvec)[0], np.array(table["translation"])
        points = (np.array([[0.1, 0.05, 1.0], [-0.2, 0.1, 1.3]]) - translation) @ to_camera
        args = rotvec, translation, np.array(table["matrix"]), np.array(table["distortions"])
        expected = cv2.projectPoints(points[:, None], *args)[0][:, 0]
        camera = rig.cameras[f"cam_{key}"]
        assert np.abs(camera.project(torch.from_numpy(points)).numpy() - expected).max() < 1e-9


def test_pose2sims_own_conversion_of_the_same_lab_has_the_known_defect(lab):
    """The same cameras, but distortion / 64 and another pose convention: why the .qca.txt is to be read itself."""
    right = read_calibration(lab / "S00_Calibration" / "Calib.qca.txt")
    converted = read_calibration(lab / "S00_Calibration" / "Calib_qualisys.toml")
    for name, camera in right.cameras.items():
        other = converted.cameras[name]
        assert torch.allclose(camera.lens.f_px, other.lens.f_px, atol=1e-6)
        assert torch.allclose(camera.lens.distortion[:4], other.lens.distortion[:4] * 64, atol=1e-9)
