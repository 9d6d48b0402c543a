"""EasyMocap's ``intri.yml`` and ``extri.yml``: OpenCV file storages, one node per camera and quantity.

Lengths are in the unit of the board, which no node states. Names are text: camera '01' is not camera '1'.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind, read_text
from mocap3d.calibration.formats.expressible import coefficients, pose_numbers, refuse_moving
from mocap3d.calibration.formats.opencv_table import check_any, image_size, lens_from_opencv, numbers, rotation_matrix
from mocap3d.calibration.formats.storage import parse_storage, storage_text
from mocap3d.calibration.formats.units import in_metres, stated_unit
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

INTRI, EXTRI = "intri.yml", "extri.yml"
COUNTS = (5,)
REMEDY = f' with --unit, or in {EXTRI} as length_unit: "mm"'


def is_easymocap(content: Content) -> bool:
    """A folder with both files, or one of them."""
    if content.kind is Kind.FOLDER:
        return (content.path / INTRI).is_file() and (content.path / EXTRI).is_file()
    return content.kind is Kind.STORAGE and any(key.startswith(("K_", "Rot_", "T_")) for key in content.tables)


def read_easymocap(content: Content) -> CalibratedRig:
    """Cameras by the name in their nodes' keys; both files are read, whichever was given."""
    folder = content.path if content.kind is Kind.FOLDER else content.path.parent
    if missing := [name for name in (INTRI, EXTRI) if not (folder / name).is_file()]:
        raise CalibrationError(f"{folder} has no {missing[0]}; needed are {INTRI} and {EXTRI} side by side.")
    lenses, poses = (parse_storage(read_text(folder / name), folder / name) for name in (INTRI, EXTRI))
    names = [key.removeprefix("K_") for key in lenses if key.startswith("K_")]
    cameras = {name: _camera(name, lenses, poses, f"{folder}: camera '{name}'") for name in names}
    check_any(cameras, folder, f"Needed are nodes K_<name>, dist_<name>, H_<name> and W_<name> in {INTRI}.")
    stated = stated_unit((lenses, poses))
    return CalibratedRig(in_metres(cameras, content, stated=stated, remedy=REMEDY), source=content.path)


def write_easymocap(rig: CalibratedRig, folder: Path) -> None:
    """Both files, in metres, which length_unit says; EasyMocap itself does not look at that. Five coefficients."""
    lenses: dict[str, Any] = {"names": list(rig.cameras)}
    poses: dict[str, Any] = {"names": list(rig.cameras), "length_unit": "m"}
    for name, camera in rig.cameras.items():
        where = f"{folder}: camera '{name}'"
        refuse_moving(camera, where)
        lenses[f"K_{name}"] = camera.lens.matrix().numpy()
        lenses[f"dist_{name}"] = coefficients(camera, where, COUNTS)[None]
        lenses[f"W_{name}"], lenses[f"H_{name}"] = camera.size_px
        rotation, translation = pose_numbers(camera)
        poses[f"R_{name}"] = camera.cam_from_world.rotvec().numpy()
        poses[f"Rot_{name}"], poses[f"T_{name}"] = rotation, translation
    write_text(folder / INTRI, storage_text(lenses))
    write_text(folder / EXTRI, storage_text(poses))


def _camera(name: str, lenses: Mapping[str, Any], poses: Mapping[str, Any], where: str) -> Camera:
    if f"W_{name}" not in lenses or f"H_{name}" not in lenses:
        raise CalibrationError(
            f"{where} has no picture size in {INTRI}. Add two lines there, with its video's: 'W_{name}: 1920' and "
            f"'H_{name}: 1080'."
        )
    matrix = numbers(lenses[f"K_{name}"], f"{where}: K", (3, 3))
    distortion = lenses.get(f"dist_{name}", lenses.get(f"D_{name}", []))
    rotation = poses.get(f"Rot_{name}", poses.get(f"R_{name}"))
    if rotation is None or f"T_{name}" not in poses:
        raise CalibrationError(f"{where} has no Rot_{name} or T_{name} in {EXTRI}: calibrate its pose, too.")
    return Camera(
        lens=lens_from_opencv(matrix, numbers(np.ravel(distortion), f"{where}: dist", (-1,)), where),
        cam_from_world=Rigid(
            torch.from_numpy(rotation_matrix(rotation, f"{where}: rotation")),
            torch.from_numpy(numbers(np.ravel(poses[f"T_{name}"]), f"{where}: T", (3,))),
        ),
        size_px=image_size([lenses[f"W_{name}"], lenses[f"H_{name}"]], f"{where}: W, H"),
    )
