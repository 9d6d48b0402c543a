"""Kalibr's camchain: YAML, a chain of cameras in metres, each placed relative to the one before it.

Source: the wiki of ethz-asl/kalibr, "Yaml formats" and "Supported models". T_cn_cnm1 takes points from the camera
before into this one's frame; equidistant is cv2.fisheye's model (issues 163 and 331 there).
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import lens_numbers, numbered
from mocap3d.calibration.formats.opencv_table import (
    check_any,
    image_size,
    lens_from_opencv,
    motion_from_matrix,
    numbers,
)
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig
from mocap3d.session.views import natural_key

log = logging.getLogger("mocap3d")

PREFIX = "cam"
COUNTS = (4,)
FISHEYE, BROWN, NONE = "equidistant", "radtan", "none"
COEFFICIENTS = {FISHEYE: 4, BROWN: 4, NONE: 0}
ALIASES = {"equi": FISHEYE}
LENS_KEYS = ("camera_model", "intrinsics", "distortion_model", "resolution")


def is_kalibr(content: Content) -> bool:
    """YAML tables of a camera model and its intrinsics."""
    return content.kind in (Kind.YAML, Kind.STORAGE) and any(_is_camera(table) for table in content.tables.values())


def read_kalibr(content: Content) -> CalibratedRig:
    """Cameras by their key, ``cam0`` ...; the world is the frame of the first."""
    path, cameras = content.path, {}
    cam_from_world = Rigid.identity()
    keys = sorted((key for key, table in content.tables.items() if _is_camera(table)), key=natural_key)
    for i, key in enumerate(keys):
        table, where = content.tables[key], f"{path}: {key}"
        if i > 0:
            if "T_cn_cnm1" not in table:
                raise CalibrationError(
                    f"{where} has no T_cn_cnm1, its place relative to the camera before; needed is a chain. Calibrate "
                    "all cameras in one run."
                )
            cam_from_world = motion_from_matrix(table["T_cn_cnm1"], f"{where}: T_cn_cnm1") @ cam_from_world
        cameras[key] = _camera(table, cam_from_world, where)
    check_any(cameras, path, "Needed is a table cam0, cam1 ... per camera.")
    return CalibratedRig(cameras, source=path)


def write_kalibr(rig: CalibratedRig, path: Path) -> None:
    """Four coefficients, or fisheye. The chain has no world of its own: when read again, it is the first camera."""
    first = next(iter(rig.cameras.values())).cam_from_world
    if not torch.allclose(first.translation, torch.zeros(3, dtype=torch.float64)):
        log.warning("%s: a camchain has no world. The rig's is lost: read again, it will be the first camera.", path)
    lines, before = [], None
    for name, camera in numbered(rig, PREFIX, path).items():
        distortion, is_fisheye = lens_numbers(camera, f"{path}: {name}", COUNTS)
        intrinsics = torch.cat([camera.lens.f_px, camera.lens.c_px]).tolist()
        lines += [f"{name}:", "  camera_model: pinhole", f"  intrinsics: {intrinsics}"]
        lines += [f"  distortion_model: {FISHEYE if is_fisheye else BROWN}"]
        lines += [f"  distortion_coeffs: {distortion.tolist()}", f"  resolution: {list(camera.size_px)}"]
        if before is not None:
            cam_from_before = camera.cam_from_world @ before.inverse()
            matrix = np.eye(4)
            matrix[:3, :3] = cam_from_before.rotation.numpy()
            matrix[:3, 3] = cam_from_before.translation.numpy()
            lines += ["  T_cn_cnm1:", *(f"  - {row}" for row in matrix.tolist())]
        before = camera.cam_from_world
    write_text(path, "\n".join(lines) + "\n")


def _is_camera(table: object) -> bool:
    return isinstance(table, Mapping) and {"camera_model", "intrinsics"} <= table.keys()


def _camera(table: Mapping[str, Any], cam_from_world: Rigid, where: str) -> Camera:
    if missing := [key for key in LENS_KEYS if key not in table]:
        raise CalibrationError(f"{where} has no {' and no '.join(missing)}. Export the camchain from Kalibr again.")
    model = ALIASES.get(table["distortion_model"], table["distortion_model"])
    if table["camera_model"] != "pinhole" or model not in COEFFICIENTS:
        raise CalibrationError(
            f"{where} has the camera model {table['camera_model']}-{model}, which no lens here is. Needed is one of "
            f"{', '.join(f'pinhole-{known}' for known in COEFFICIENTS)}: calibrate again with pinhole-equi for wide "
            "lenses or pinhole-radtan for others."
        )
    fu, fv, cu, cv = numbers(table["intrinsics"], f"{where}: intrinsics", (4,))
    distortion = numbers(table.get("distortion_coeffs", []), f"{where}: distortion_coeffs", (COEFFICIENTS[model],))
    matrix = np.array([[fu, 0, cu], [0, fv, cv], [0, 0, 1]])
    lens = lens_from_opencv(matrix, distortion, where, fisheye=model == FISHEYE)
    return Camera(lens, cam_from_world, image_size(table["resolution"], f"{where}: resolution"))
