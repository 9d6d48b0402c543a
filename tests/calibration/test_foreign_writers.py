"""What the writers write, taken apart by hand and projected by OpenCV; and what they refuse to write."""

import json
import logging
import pickle
import tomllib
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from foreign_camera import (
    CENTRE_M,
    DISTORTION,
    FISHEYE,
    MATRIX,
    POINTS_M,
    ROTATION,
    SIZE,
    TOLERANCE_PX,
    TRANSLATION_M,
    pixels,
    worst_px,
)

from mocap3d.calibration.formats import FORMATS, named_format, read_calibration
from mocap3d.errors import FormatError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig

FLIP = np.diag([1.0, -1.0, -1.0])
WRITABLE = [known.name for known in FORMATS if known.write]
COEFFICIENTS = {"pose2sim": 4, "kalibr": 4, "colmap": 4, "colmap-binary": 4}
NAMES = {"caliscope": "cam_0", "mc-calib": "camera_0", "kalibr": "cam0"}
FISHEYE_TOO = [
    "mocap3d",
    "caliscope",
    "freemocap",
    "anipose",
    "mc-calib",
    "kalibr",
    "colmap",
    "colmap-binary",
    "opencv",
]


def tensor(values):
    return torch.tensor(np.array(values), dtype=torch.float64)


def lens_of(distortion, *, fisheye=False):
    kind = Lens.kannala_brandt if fisheye else Lens.brown
    return kind(tensor(MATRIX.diagonal()[:2]), tensor(MATRIX[:2, 2]), tensor(distortion))


def camera(distortion=DISTORTION, *, fisheye=False):
    return Camera(lens_of(distortion, fisheye=fisheye), Rigid(tensor(ROTATION), tensor(TRANSLATION_M)), SIZE)


def write(name, tmp_path, rig):
    form = named_format(name)
    path = tmp_path / f"rig{form.ending}"
    form.write(rig, path)
    return path


# --- the files taken apart: matrix, distortion, rotation, translation (m), each by the format's definition ------------


def from_toml(path, *keys, metre=1.0):
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for key in keys:
        table = table[key]
    rotation = cv2.Rodrigues(np.array(table["rotation"]))[0]
    return np.array(table["matrix"]), table["distortions"], rotation, np.array(table["translation"]) * metre


def from_xml(path, *, units_per_px, is_centre):
    element = ElementTree.parse(path).getroot().find(".//camera")
    n = {k: float(v) for tag in ("transform", "intrinsic") for k, v in element.find(tag).attrib.items()}
    fu, fv, cu, cv = (n[k] / units_per_px for k in ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV"))
    rotation, xyz = np.array([[n[f"r{i}{j}"] for j in (1, 2, 3)] for i in (1, 2, 3)]), np.array([n[k] for k in "xyz"])
    if is_centre:
        rotation = FLIP @ rotation
        xyz = -rotation @ xyz
    names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    distortion = [n[name] for name in (*names, "radialDistortion3")]
    return np.array([[fu, 0, cu], [0, fv, cv], [0, 0, 1]]), distortion, rotation, xyz / 1000


def from_storage(path, *names, node=None):
    nodes = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    node = nodes.root() if node is None else nodes.getNode(node)
    return [node.getNode(name).mat() for name in names]


def from_easymocap(path):
    matrix, distortion = from_storage(path / "intri.yml", "K_left", "dist_left")
    vector, translation = from_storage(path / "extri.yml", "R_left", "T_left")
    return matrix, distortion, cv2.Rodrigues(vector)[0], translation


def from_mc_calib(path):
    names = "camera_matrix", "distortion_vector", "camera_pose_matrix"
    matrix, distortion, pose = from_storage(path, *names, node="camera_0")
    return matrix, distortion, pose[:3, :3].T, -pose[:3, :3].T @ pose[:3, 3]


def from_json(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    table, pose = content["cameras"]["left"], content["camera_poses"]["left"]
    return np.array(table["K"]), np.array(table["dist"]), np.array(pose["R"]), np.array(pose["T"])


def from_pickle(path):
    """In the world of an upright board: (x, y, z) of the world is (-x, -z, -y) of the board."""
    content = pickle.loads((path / "left" / "cameraIntrinsicsExtrinsics.pickle").read_bytes())
    board_from_world = np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]])
    rotation = content["rotation"] @ board_from_world
    return content["intrinsicMat"], content["distortion"], rotation, content["translation"] / 1000


def from_colmap(path):
    numbers = path.joinpath("cameras.txt").read_text(encoding="utf-8").splitlines()[-1].split()[4:]
    fx, fy, cx, cy, *distortion = map(float, numbers)
    w, x, y, z, *translation = map(
        float, path.joinpath("images.txt").read_text(encoding="utf-8").splitlines()[3].split()[1:8]
    )
    vector = 2 * np.arctan2(np.linalg.norm([x, y, z]), w) * np.array([x, y, z]) / np.linalg.norm([x, y, z])
    return (
        np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]]),
        distortion,
        cv2.Rodrigues(vector)[0],
        translation,
    )


TAKEN_APART = {
    "theia": lambda path: from_xml(path, units_per_px=1, is_centre=False),
    "qualisys": lambda path: from_xml(path, units_per_px=64, is_centre=True),
    "caliscope": lambda path: from_toml(path, "cameras", "0"),
    "pose2sim": lambda path: from_toml(path, "left"),
    "freemocap": lambda path: from_toml(path, "cam_0", metre=0.001),
    "anipose": lambda path: from_toml(path, "cam_0"),
    "easymocap": from_easymocap,
    "mc-calib": from_mc_calib,
    "multical": from_json,
    "opencap": from_pickle,
    "colmap": from_colmap,
    "opencv": lambda path: from_storage(
        path / "left.yml", "camera_matrix", "distortion_coefficients", "rotation", "translation"
    ),
}


@pytest.mark.parametrize("name", TAKEN_APART)
def test_files_taken_apart_by_hand(tmp_path, name):
    """Measured 3e-13 px at worst."""
    distortion = DISTORTION[: COEFFICIENTS.get(name, 5)]
    path = write(name, tmp_path, CalibratedRig({"left": camera(distortion)}))
    matrix, found, rotation, translation = TAKEN_APART[name](path)
    seen = pixels(
        matrix=np.array(matrix), distortion=np.ravel(found), rotation=rotation, translation=np.ravel(translation)
    )
    assert np.abs(seen - pixels(distortion=distortion)).max() < TOLERANCE_PX


def test_freemocap_knows_where_a_camera_stands(tmp_path):
    path = write("freemocap", tmp_path, CalibratedRig({"left": camera()}))
    table = tomllib.loads(path.read_text(encoding="utf-8"))["cam_0"]
    assert np.allclose(table["world_position"], CENTRE_M * 1000, atol=1e-9)
    assert np.allclose(table["world_orientation"], ROTATION.T, atol=1e-15)


@pytest.mark.parametrize("name", WRITABLE)
def test_what_is_written_is_read_again(tmp_path, name, caplog):
    """Two cameras, so that chains are chains; in metres, without a word about units."""
    distortion = DISTORTION[: COEFFICIENTS.get(name, 5)]
    at_origin = Camera(lens_of(distortion), Rigid.identity(), SIZE)
    first, second = NAMES.get(name, "left"), NAMES.get(name, "left0").replace("0", "1")
    with caplog.at_level(logging.WARNING, "mocap3d"):
        path = write(name, tmp_path, CalibratedRig({first: at_origin, second: camera(distortion)}))
        rig = read_calibration(path, unit="m" if "colmap" in name else None)
    assert list(rig.cameras) == [first, second]
    assert rig.cameras[second].size_px == SIZE
    assert worst_px(rig.cameras[second], pixels(distortion=distortion)) < TOLERANCE_PX
    in_front = np.array([[0.1, -0.2, 3.0], [-0.4, 0.3, 4.0]])
    expected = pixels(in_front, distortion=distortion, rotation=np.eye(3), translation=np.zeros(3))
    assert worst_px(rig.cameras[first], expected, in_front) < TOLERANCE_PX
    assert not [record for record in caplog.records if name != "opencap"]


@pytest.mark.parametrize("name", WRITABLE)
def test_fisheyes_are_kept_or_refused(tmp_path, name):
    rig = CalibratedRig({NAMES.get(name, "left"): camera(FISHEYE, fisheye=True)})
    if name not in FISHEYE_TOO:
        with pytest.raises(FormatError, match="fisheye"):
            write(name, tmp_path, rig)
        return
    found = read_calibration(write(name, tmp_path, rig), unit="mm" if name == "freemocap" else "m")
    expected_px = pixels(distortion=FISHEYE, fisheye=True)
    if name == "kalibr":  # whose world is its first camera
        in_cam_m = POINTS_M @ ROTATION.T + TRANSLATION_M
        assert worst_px(found.cameras["cam0"], expected_px, in_cam_m) < TOLERANCE_PX
    else:
        assert worst_px(next(iter(found.cameras.values())), expected_px) < TOLERANCE_PX


@pytest.mark.parametrize("name", WRITABLE)
def test_twelve_coefficients_are_kept_or_refused(tmp_path, name):
    distortion = [*DISTORTION, 0.02, 0.01, -0.03, 0.001, -0.002, 0.003, -0.0005]
    rig = CalibratedRig({NAMES.get(name, "left"): camera(distortion)})
    if name in ("mocap3d", "multical", "opencv"):
        found = read_calibration(write(name, tmp_path, rig)).cameras["left"]
        assert worst_px(found, pixels(distortion=distortion)) < TOLERANCE_PX
    else:
        with pytest.raises(FormatError, match=r"coefficient number 12 .* calibration\.toml holds every lens"):
            write(name, tmp_path, rig)
        assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("name", [name for name in WRITABLE if name != "mocap3d"])
def test_moving_cameras_are_refused(tmp_path, name):
    moving = Camera(lens_of(DISTORTION[:4]), Rigid.identity(5), SIZE)
    with pytest.raises(FormatError, match="moves"):
        write(name, tmp_path, CalibratedRig({NAMES.get(name, "left"): moving}))


def test_the_chains_lost_world_and_new_names_are_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        write("kalibr", tmp_path, CalibratedRig({"left": camera(DISTORTION[:4])}))
    assert "'left' is cam0" in caplog.text
    assert "has no world" in caplog.text


@pytest.mark.parametrize("name", ["easymocap"])
def test_names_that_opencvs_yaml_cannot_hold_are_refused(tmp_path, name):
    with pytest.raises(FormatError, match="Rename that camera"):
        write(name, tmp_path, CalibratedRig({"left: one": camera()}))
