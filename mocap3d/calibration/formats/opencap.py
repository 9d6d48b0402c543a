"""OpenCap's calibrations: one pickle per camera, millimetres, in the world of a checkerboard.

A pickle is a program. Only what numpy's own arrays need is run here; anything else in the file is refused.
Source: the dictionary as opencap-core and Pose2Sim read and write it. Its ``rotation_EulerAngles`` is a rotation vector
in spite of its name, and not read.
"""

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import coefficients, refuse_moving
from mocap3d.calibration.formats.opencv_table import check_any, check_rotation, image_size, lens_from_opencv, numbers
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_atomically
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

FILE = "cameraIntrinsicsExtrinsics.pickle"
KEYS = ("intrinsicMat", "distortion", "imageSize", "rotation", "translation")
COUNTS = (5,)
MM_PER_M = 1000.0
WORLD_FROM_BOARD = torch.tensor([[-1.0, 0, 0], [0, 0, -1.0], [0, -1.0, 0]], dtype=torch.float64)
"""A board that stands upright, its rows level: its y axis points down and its z axis into the wall."""
ALLOWED = {
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in [
        (f"{core}.multiarray", "_reconstruct"),
        (f"{core}.multiarray", "scalar"),
        (f"{core}.numeric", "_frombuffer"),
    ]
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
"""How numpy pickles its arrays (old and new module names); the codec turns text back into bytes."""


def is_opencap(content: Content) -> bool:
    """A pickle, or a folder of pickles as OpenCap (Cam0/cameraIntrinsicsExtrinsics.pickle) or converters lay them."""
    if content.kind is Kind.PICKLE:
        return True
    return content.kind is Kind.FOLDER and bool(_files(content.path))


def read_opencap(content: Content) -> CalibratedRig:
    """Cameras by their folder (Cam0), else by their file. The world is turned so that Z is up for an upright board."""
    files = [content.path] if content.kind is Kind.PICKLE else _files(content.path)
    cameras = {_name(path): _camera(_unpickled(path), str(path)) for path in files}
    check_any(cameras, content.path, f"Needed is a {FILE} per camera.")
    log.warning(
        "%s: its world is its checkerboard, and which way up that stood is not in the file. It was taken to stand "
        "upright, as OpenCap advises, and the world was turned to have Z up. If it lay on the floor, Z is level now.",
        content.path,
    )
    return CalibratedRig(cameras, source=content.path)


def write_opencap(rig: CalibratedRig, folder: Path) -> None:
    """``<camera>/cameraIntrinsicsExtrinsics.pickle`` per camera, for an upright board. Five coefficients."""
    contents = {}
    for name, camera in rig.cameras.items():
        where = f"{folder}: camera '{name}'"
        refuse_moving(camera, where)
        board_pose = Rigid(camera.cam_from_world.rotation @ WORLD_FROM_BOARD, camera.cam_from_world.translation)
        contents[name] = {
            "distortion": coefficients(camera, where, COUNTS)[None].copy(),
            "intrinsicMat": camera.lens.matrix().numpy().copy(),
            "imageSize": np.array(camera.size_px[::-1], dtype=np.float64)[:, None],
            "rotation": board_pose.rotation.numpy().copy(),
            "translation": (board_pose.translation * MM_PER_M).numpy()[:, None].copy(),
            "rotation_EulerAngles": board_pose.rotvec().numpy()[:, None].copy(),
        }
    for name, content in contents.items():
        with write_atomically(folder / name / FILE) as file:
            pickle.dump(content, file, protocol=4)


class _ArraysOnly(pickle.Unpickler):
    """Runs nothing but what builds numpy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """Called by ``pickle`` for everything that a file wants to call."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return super().find_class(module, name)


def _unpickled(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError) as error:
        raise CalibrationError(
            f"{path} is no pickle of numpy arrays alone ({error}). Needed is the file as OpenCap wrote it; do not open "
            "this one with other programs."
        ) from None
    if not isinstance(content, Mapping):
        raise CalibrationError(f"{path} holds no dictionary. Needed is a calibration of OpenCap.")
    if missing := [key for key in KEYS if key not in content]:
        raise CalibrationError(
            f"{path} has no {' and no '.join(missing)}. Needed is one with intrinsics and extrinsics."
        )
    return content


def _camera(content: Mapping[str, Any], where: str) -> Camera:
    height, width = numbers(np.ravel(content["imageSize"]), f"{where}: imageSize", (2,))
    matrix = numbers(content["intrinsicMat"], f"{where}: intrinsicMat", (3, 3))
    if not (0 < matrix[0, 2] < width and 0 < matrix[1, 2] < height):
        raise CalibrationError(
            f"{where}: the principal point ({matrix[0, 2]:.0f}, {matrix[1, 2]:.0f}) lies outside a picture of "
            f"{width:g}x{height:g}. imageSize must be height, then width: correct it, or calibrate again."
        )
    rotation = numbers(content["rotation"], f"{where}: rotation", (3, 3))
    check_rotation(rotation, f"{where}: rotation")
    translation_mm = numbers(np.ravel(content["translation"]), f"{where}: translation", (3,))
    return Camera(
        lens=lens_from_opencv(matrix, numbers(np.ravel(content["distortion"]), f"{where}: distortion", (-1,)), where),
        cam_from_world=Rigid(
            torch.from_numpy(rotation) @ WORLD_FROM_BOARD.mT, torch.from_numpy(translation_mm / MM_PER_M)
        ),
        size_px=image_size([width, height], f"{where}: imageSize"),
    )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{FILE}")) or sorted(folder.glob("*.pickle"))


def _name(path: Path) -> str:
    return path.parent.name if path.name == FILE else path.stem
