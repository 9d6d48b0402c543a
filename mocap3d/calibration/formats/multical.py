"""MultiCal's ``calibration.json``: lenses, and poses of two kinds: absolute, or '<camera>_to_<other>'.

Source: FORMAT.md and io/export_calib.py of oliver-batchelor/multical. Every pose takes points of the rig, or of the
other camera, into the camera's frame; lengths are in the unit of its board file, which the result does not state.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import coefficients, pose_numbers, refuse_moving
from mocap3d.calibration.formats.opencv_table import check_any, image_size, lens_from_opencv, numbers, rotation_matrix
from mocap3d.calibration.formats.units import in_metres, stated_unit
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig
from mocap3d.session.views import listed

COUNTS = (5, 8, 12, 14)
MODEL_OF_COUNT = {5: "standard", 8: "rational", 12: "thin_prism", 14: "tilted"}
TO = "_to_"
REMEDY = ' with --unit, or in the file as "length_unit": "mm"'


def is_multical(content: Content) -> bool:
    """JSON with cameras of K and dist."""
    cameras = content.tables.get("cameras")
    return (
        content.kind is Kind.JSON
        and isinstance(cameras, Mapping)
        and any(isinstance(camera, Mapping) and "K" in camera for camera in cameras.values())
    )


def read_multical(content: Content) -> CalibratedRig:
    """Cameras by their name; refuses a file in which one of them has no place in the rig."""
    path, cameras = content.path, {}
    table_of_poses = content.tables.get("camera_poses")
    if not isinstance(table_of_poses, Mapping):
        raise CalibrationError(f"{path} has lenses but no camera_poses. Run MultiCal's calibrate, not intrinsic.")
    names = list(content.tables["cameras"])
    poses = _resolved(table_of_poses, names, path)
    for name, table in content.tables["cameras"].items():
        cameras[name] = _camera(table, poses[name], f"{path}: camera '{name}'")
    check_any(cameras, path, "Needed is an entry of cameras per camera.")
    stated = stated_unit([content.tables])
    return CalibratedRig(in_metres(cameras, content, stated=stated, remedy=REMEDY), source=path)


def write_multical(rig: CalibratedRig, path: Path) -> None:
    """Absolute poses in metres, which length_unit says; 5, 8, 12 or 14 coefficients, and no fisheye."""
    cameras, poses = {}, {}
    for name, camera in rig.cameras.items():
        where = f"{path}: camera '{name}'"
        refuse_moving(camera, where)
        distortion = coefficients(camera, where, COUNTS)
        cameras[name] = {
            "model": MODEL_OF_COUNT[len(distortion)],
            "image_size": list(camera.size_px),
            "K": camera.lens.matrix().tolist(),
            "dist": [distortion.tolist()],
        }
        rotation, translation = pose_numbers(camera)
        poses[name] = {"R": rotation.tolist(), "T": translation.tolist()}
    content = {"length_unit": "m", "cameras": cameras, "camera_poses": poses}
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _camera(table: Mapping[str, Any], cam_from_world: Rigid, where: str) -> Camera:
    if missing := [key for key in ("K", "dist", "image_size") if key not in table]:
        raise CalibrationError(f"{where} has no {' and no '.join(missing)}. Export the calibration again.")
    if (model := table.get("model", "standard")) not in MODEL_OF_COUNT.values():
        raise CalibrationError(
            f"{where} has the lens model '{model}'; known are {listed(MODEL_OF_COUNT.values())}. Calibrate it with one."
        )
    matrix = numbers(table["K"], f"{where}: K", (3, 3))
    distortion = numbers(table["dist"], f"{where}: dist", None).ravel()
    return Camera(
        lens=lens_from_opencv(matrix, distortion, where),
        cam_from_world=cam_from_world,
        size_px=image_size(table["image_size"], f"{where}: image_size"),
    )


def _resolved(table: Mapping[str, Any], names: list[str], path: Path) -> dict[str, Rigid]:
    """cam_from_world by camera; relative poses are followed from absolute ones, in either direction, to the last."""
    placed = {key: _motion(table[key], f"{path}: pose '{key}'") for key in table if key in names}
    relative = {key: _motion(table[key], f"{path}: pose '{key}'") for key in table if key not in names}
    left = {_ends(key, names, path): cam_from_other for key, cam_from_other in relative.items()}
    while known := [ends for ends in left if ends[0] in placed or ends[1] in placed]:
        for cam, other in known:
            cam_from_other = left.pop((cam, other))
            if cam not in placed:
                placed[cam] = cam_from_other @ placed[other]
            elif other not in placed:
                placed[other] = cam_from_other.inverse() @ placed[cam]
    if lost := [name for name in names if name not in placed]:
        raise CalibrationError(
            f"{path}: no pose of {listed(lost)}, nor a chain of poses from another camera to it. Calibrate again with "
            "boards that these cameras see together with others."
        )
    return placed


def _ends(key: str, names: list[str], path: Path) -> tuple[str, str]:
    """The two cameras of '<camera>_to_<other>'; a name may itself hold '_to_'."""
    for start in range(len(key)):
        if key.startswith(TO, start) and key[:start] in names and key[start + len(TO) :] in names:
            return key[:start], key[start + len(TO) :]
    raise CalibrationError(f"{path}: the pose '{key}' is of no known camera; known are {listed(names)}.")


def _motion(pose: Mapping[str, Any], where: str) -> Rigid:
    rotation = rotation_matrix(pose.get("R"), f"{where}: R")
    translation = numbers(np.ravel(pose.get("T", [])), f"{where}: T", (3,))
    return Rigid(torch.from_numpy(rotation), torch.from_numpy(translation))
