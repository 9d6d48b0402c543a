"""MC-Calib's ``calibrated_cameras_data.yml``: an OpenCV file storage with one map per camera.

The world is the reference camera, and lengths are in whatever unit its configuration gave the squares of the board.
camera_pose_matrix places the camera in that world (world_from_cam), as MC-Calib's source inverts it before writing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import lens_numbers, numbered
from mocap3d.calibration.formats.opencv_table import (
    check_any,
    image_size,
    lens_from_opencv,
    motion_from_matrix,
    numbers,
)
from mocap3d.calibration.formats.storage import storage_text
from mocap3d.calibration.formats.units import in_metres, stated_unit
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

COUNTS = (5,)
PREFIX = "camera_"
PERSPECTIVE, FISHEYE = 0, 1
KEYS = ("camera_matrix", "distortion_vector", "distortion_type", "img_width", "img_height", "camera_pose_matrix")
REMEDY = ' with --unit, or in the file as length_unit: "mm"'


def is_mc_calib(content: Content) -> bool:
    """A storage that counts its cameras and holds the first map."""
    return content.kind is Kind.STORAGE and "nb_camera" in content.tables and bool(_tables(content.tables))


def read_mc_calib(content: Content) -> CalibratedRig:
    """Cameras by their key, ``camera_<number>``, counted from 0; all must belong to one group."""
    path, tables = content.path, _tables(content.tables)
    cameras = {name: _camera(table, f"{path}: {name}") for name, table in tables.items()}
    groups = {int(table.get("camera_group", 0)) for table in tables.values()}
    if len(groups) > 1:
        raise CalibrationError(
            f"{path} holds {len(groups)} groups of cameras whose places to each other are unknown; needed is one. "
            "Calibrate again with views that connect them."
        )
    check_any(cameras, path, "Needed is a map camera_<number> per camera.")
    stated = stated_unit([content.tables])
    return CalibratedRig(in_metres(cameras, content, stated=stated, remedy=REMEDY), source=path)


def write_mc_calib(rig: CalibratedRig, path: Path) -> None:
    """In metres, which length_unit says; in the rig's own world, which need not be a camera's."""
    cameras = numbered(rig, PREFIX, path)
    tables: dict[str, Any] = {"nb_camera": len(cameras), "length_unit": "m"}
    for name, camera in cameras.items():
        distortion, is_fisheye = lens_numbers(camera, f"{path}: {name}", COUNTS)
        width, height = camera.size_px
        world_from_cam = camera.cam_from_world.inverse()
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = world_from_cam.rotation.numpy(), world_from_cam.translation.numpy()
        lens = {"camera_matrix": camera.lens.matrix().numpy(), "distortion_vector": distortion[None]}
        kind = {"distortion_type": FISHEYE if is_fisheye else PERSPECTIVE, "camera_group": 0}
        tables[name] = {**lens, **kind, "img_width": width, "img_height": height, "camera_pose_matrix": matrix}
    write_text(path, storage_text(tables))


def _tables(tables: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {key: table for key, table in tables.items() if key.startswith(PREFIX) and isinstance(table, Mapping)}


def _camera(table: Mapping[str, Any], where: str) -> Camera:
    if missing := [key for key in KEYS if key not in table]:
        raise CalibrationError(f"{where} has no {' and no '.join(missing)}: it was not calibrated. Calibrate it again.")
    if table["distortion_type"] not in (PERSPECTIVE, FISHEYE):
        raise CalibrationError(
            f"{where} has the distortion type {table['distortion_type']}; known are {PERSPECTIVE} (Brown) and "
            f"{FISHEYE} (Kannala). Calibrate it with one of these."
        )
    matrix = numbers(table["camera_matrix"], f"{where}: camera_matrix", (3, 3))
    distortion = numbers(np.ravel(table["distortion_vector"]), f"{where}: distortion_vector", (-1,))
    world_from_cam = motion_from_matrix(table["camera_pose_matrix"], f"{where}: camera_pose_matrix")
    return Camera(
        lens=lens_from_opencv(matrix, distortion, where, fisheye=table["distortion_type"] == FISHEYE),
        cam_from_world=world_from_cam.inverse(),
        size_px=image_size([table["img_width"], table["img_height"]], f"{where}: img_width, img_height"),
    )
