"""Our own ``calibration.toml``: everything stated in the file, every float comes back exactly."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.opencv_table import check_any, check_rotation, image_size, numbers
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

FORMAT = "mocap3d calibration"
VERSION = 1
CONVENTIONS = {
    "format": FORMAT,
    "version": VERSION,
    "world": "right-handed, Z up",
    "length_unit": "m",
    "camera_axes": "x right, y down, z forward, as in OpenCV",
    "pose": "p_in_cam = rotation @ p_in_world + translation",
    "pixel": "(0, 0) is the centre of the top-left pixel",
    "distortion": "in OpenCV's order: k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 (brown; with tau_x tau_y where the sensor "
    "is tilted), k1 k2 k3 k4 (kannala-brandt)",
}
COEFFICIENTS = {LensModel.PINHOLE: (0,), LensModel.BROWN: (12, 14), LensModel.KANNALA_BRANDT: (4,)}
KEYS = ("size_px", "lens", "f_px", "c_px", "distortion", "rotation", "translation")


def is_native(content: Content) -> bool:
    """Whether a TOML file says that it is ours."""
    return content.kind is Kind.TOML and content.tables.get("format") == FORMAT


def write_calibration(rig: CalibratedRig, path: Path) -> None:
    """Writes the rig atomically; refuses a camera that moves, which has no place in this file."""
    lines = ["# Written by mocap3d. Not to be edited: calibrate again instead.", *_lines(CONVENTIONS)]
    if rig.source is not None:
        lines += _lines({"source": str(rig.source)})
    for name, camera in rig.cameras.items():
        lines += ["", f"[cameras.{json.dumps(name, ensure_ascii=False)}]", *_lines(_table(camera, f"{path}: '{name}'"))]
    write_text(path, "\n".join(lines) + "\n")


def read_native(content: Content) -> CalibratedRig:
    """The rig as it was written; only ``source`` becomes the file itself."""
    tables, path = content.tables, content.path
    if (tables.get("version"), tables.get("length_unit")) != (VERSION, "m"):
        raise CalibrationError(
            f"{path} is of version {tables.get('version')} in the unit {tables.get('length_unit')!r}; this program "
            f"reads version {VERSION} in 'm'. Update mocap3d, or calibrate again."
        )
    group = tables.get("cameras")
    if not isinstance(group, Mapping) or not all(isinstance(table, Mapping) for table in group.values()):
        raise CalibrationError(f"{path} has no tables [cameras.<view>]: the file is damaged. Calibrate again.")
    cameras = {name: _camera(table, f"{path}: camera '{name}'") for name, table in group.items()}
    check_any(cameras, path, "Calibrate again.")
    return CalibratedRig(cameras=cameras, source=path)


def _lines(table: Mapping[str, Any]) -> list[str]:
    """``key = value`` lines; JSON's strings, numbers and lists are TOML's, and its floats come back exactly."""
    return [f"{key} = {json.dumps(value, ensure_ascii=False, allow_nan=False)}" for key, value in table.items()]


def _table(camera: Camera, where: str) -> dict[str, Any]:
    if camera.is_moving:
        raise CalibrationError(
            f"{where} moves; calibration.toml holds fixed cameras only. Keep its poses in its own file."
        )
    return {
        "size_px": list(camera.size_px),
        "lens": camera.lens.model.value,
        "f_px": camera.lens.f_px.tolist(),
        "c_px": camera.lens.c_px.tolist(),
        "distortion": camera.lens.distortion.tolist(),
        "rotation": camera.cam_from_world.rotation.tolist(),
        "translation": camera.cam_from_world.translation.tolist(),
    }


def _camera(table: Mapping[str, Any], where: str) -> Camera:
    if missing := [key for key in KEYS if key not in table]:
        raise CalibrationError(f"{where} has no {', '.join(missing)}: the file is damaged. Calibrate again.")
    if table["lens"] not in list(LensModel):
        raise CalibrationError(f"{where}: unknown lens '{table['lens']}'; known are {', '.join(LensModel)}.")
    model = LensModel(table["lens"])
    distortion = numbers(table["distortion"], f"{where}: distortion", (-1,))
    if len(distortion) not in COEFFICIENTS[model]:
        raise CalibrationError(
            f"{where}: distortion has the shape {distortion.shape}; a {model} lens needs "
            f"{' or '.join(map(str, COEFFICIENTS[model]))} numbers. The file is damaged: calibrate again."
        )
    rotation = numbers(table["rotation"], f"{where}: rotation", (3, 3))
    check_rotation(rotation, f"{where}: rotation")
    lens = Lens(
        model=model,
        f_px=_tensor(table, "f_px", 2, where),
        c_px=_tensor(table, "c_px", 2, where),
        distortion=torch.from_numpy(distortion),
    )
    cam_from_world = Rigid(torch.from_numpy(rotation), _tensor(table, "translation", 3, where))
    return Camera(lens=lens, cam_from_world=cam_from_world, size_px=image_size(table["size_px"], f"{where}: size_px"))


def _tensor(table: Mapping[str, Any], key: str, length: int, where: str) -> torch.Tensor:
    return torch.from_numpy(numbers(table[key], f"{where}: {key}", (length,)))
