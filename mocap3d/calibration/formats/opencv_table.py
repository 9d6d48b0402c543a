"""One camera as programs built on OpenCV write it in TOML: size, matrix, distortions, rotation, translation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.formats.expressible import lens_numbers
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec

CAMERA_KEYS = ("size", "matrix", "distortions", "rotation", "translation")


def is_camera_table(value: object) -> bool:
    """Whether a TOML value looks like one camera, complete or not."""
    return isinstance(value, Mapping) and "matrix" in value and "size" in value


def camera_from_table(table: Mapping[str, Any], where: str) -> Camera:
    """A camera from its table; rotation (3x3, or a Rodrigues vector) and translation are camera-from-world.

    Lengths stay in the unit of the table.
    """
    if missing := [key for key in CAMERA_KEYS if table.get(key) is None]:
        raise CalibrationError(
            f"{where} has no {' and no '.join(missing)}. A calibrated camera needs {', '.join(CAMERA_KEYS)}: "
            "finish the calibration in the program that wrote the file, then export it again."
        )
    matrix = numbers(table["matrix"], f"{where}: matrix", (3, 3))
    distortion = numbers(table["distortions"], f"{where}: distortions", (-1,))
    rotation = rotation_matrix(table["rotation"], f"{where}: rotation")
    translation = numbers(table["translation"], f"{where}: translation", (3,))
    return Camera(
        lens=lens_from_opencv(matrix, distortion, where, fisheye=bool(table.get("fisheye", False))),
        cam_from_world=Rigid(torch.from_numpy(rotation), torch.from_numpy(translation)),
        size_px=image_size(table["size"], f"{where}: size"),
    )


def table_of_camera(camera: Camera, where: str, counts: tuple[int, ...], *, lengths_per_m: float) -> dict[str, Any]:
    """A camera as :func:`camera_from_table` reads it, rotation as Rodrigues vector; ``counts`` of coefficients."""
    distortion, is_fisheye = lens_numbers(camera, where, counts)
    table: dict[str, Any] = {
        "size": list(camera.size_px),
        "matrix": camera.lens.matrix().tolist(),
        "distortions": distortion.tolist(),
        "rotation": camera.cam_from_world.rotvec().tolist(),
        "translation": (camera.cam_from_world.translation * lengths_per_m).tolist(),
    }
    return table | {"fisheye": True} if is_fisheye else table


def lens_from_opencv(
    matrix: Float[np.ndarray, "3 3"], distortion: Float[np.ndarray, " n"], where: str, *, fisheye: bool = False
) -> Lens:
    """A lens from OpenCV's camera matrix and coefficients; refuses what OpenCV's models do not have."""
    allowed = (4,) if fisheye else (0, 4, 5, 8, 12, 14)
    if len(distortion) not in allowed:
        raise CalibrationError(
            f"{where} has {len(distortion)} distortion coefficients; "
            f"{'a fisheye lens' if fisheye else 'a lens'} needs {' or '.join(map(str, allowed))} in OpenCV's order."
        )
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise CalibrationError(
            f"{where} has the focal lengths {matrix[0, 0]:g} and {matrix[1, 1]:g} px; both must be positive. "
            "Calibrate this camera again."
        )
    if abs(matrix[0, 1]) > 1e-6 * matrix[0, 0]:
        raise CalibrationError(
            f"{where} has a skew of {matrix[0, 1]:g} px, which no lens model here has. Calibrate it without skew."
        )
    matrix = np.where([[1, 0, 1], [0, 1, 1], [0, 0, 1]], matrix, 0.0)  # a rounding error of a skew is none
    return Lens.from_matrix(torch.from_numpy(matrix), torch.from_numpy(distortion), fisheye=fisheye)


def rotation_matrix(value: object, where: str) -> Float[np.ndarray, "3 3"]:
    """A rotation given as 3x3 matrix, or as Rodrigues vector in the shape 3, 1x3 or 3x1."""
    given = numbers(value, where, None)
    if given.size == 3:
        return rotation_from_rotvec(torch.from_numpy(given.reshape(3))).numpy()
    if given.shape != (3, 3):
        raise CalibrationError(
            f"{where} has the shape {given.shape}; needed is a 3x3 matrix or a Rodrigues vector of 3."
        )
    check_rotation(given, where)
    return given


def check_rotation(rotation: Float[np.ndarray, "3 3"], where: str) -> None:
    """Refuses a matrix that is not orthonormal (to 1e-3) or mirrors."""
    off = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if off > 1e-3 or np.linalg.det(rotation) < 0:
        raise CalibrationError(
            f"{where} is no rotation: its rows are off orthonormal by {off:.2g} and its determinant is "
            f"{np.linalg.det(rotation):.3f} (needed: 1). The file is damaged or in another convention; export it again."
        )


def motion_from_matrix(value: object, where: str) -> Rigid:
    """A rigid motion given as 4x4 matrix, its last row 0 0 0 1."""
    matrix = numbers(value, where, (4, 4))
    check_rotation(matrix[:3, :3], where)
    if np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-9:
        raise CalibrationError(f"{where} has the last row {matrix[3].tolist()}; a rigid motion's is 0 0 0 1.")
    return Rigid(torch.from_numpy(matrix[:3, :3].copy()), torch.from_numpy(matrix[:3, 3].copy()))


def image_size(value: object, where: str) -> tuple[int, int]:
    """(width, height) as whole pixels; some programs write them as floats."""
    width, height = numbers(value, where, (2,))
    if width < 1 or height < 1 or width % 1 or height % 1:
        raise CalibrationError(f"{where} is {width:g}x{height:g}; needed are the width and height in whole pixels.")
    return int(width), int(height)


def numbers(value: object, where: str, shape: tuple[int, ...] | None) -> Float[np.ndarray, "..."]:
    """Finite float64 numbers of a shape (-1 = any length; None = any shape)."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise CalibrationError(f"{where} holds {value!r}; needed are numbers in rows of equal length.") from None
    fits = shape is None or (
        array.ndim == len(shape) and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
    )
    if not fits:
        raise CalibrationError(f"{where} has the shape {array.shape}; needed is {shape}.")
    if not np.isfinite(array).all():
        raise CalibrationError(f"{where} holds NaN or infinity: this camera was not calibrated. Calibrate it again.")
    return array


def check_any(cameras: Mapping[str, Camera], path: Path, hint: str) -> None:
    """Refuses a file in which no calibrated camera was found."""
    if not cameras:
        raise CalibrationError(f"{path} holds no calibrated camera. {hint}")
