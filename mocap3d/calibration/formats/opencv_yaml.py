"""OpenCV's own calibration files (YAML or XML): of its calibration samples, one camera or a stereo pair per file.

Those of one camera hold no pose; two more nodes, rotation and translation, make them a camera of a rig, and that is
how this program writes them: a folder of one file per camera.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind, read_text
from mocap3d.calibration.formats.expressible import lens_numbers, pose_numbers
from mocap3d.calibration.formats.opencv_table import check_any, image_size, lens_from_opencv, numbers, rotation_matrix
from mocap3d.calibration.formats.storage import parse_storage, storage_text
from mocap3d.calibration.formats.units import in_metres, stated_unit
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

COUNTS = (5, 8, 12, 14)
ENDINGS = (".yml", ".yaml", ".xml")
STEREO = ("intrinsics.yml", "extrinsics.yml")
REMEDY = ' with --unit, or in the file as length_unit: "mm"'


def is_opencv(content: Content) -> bool:
    """A file with a camera_matrix, a folder of such files, or the two files of the stereo sample."""
    if content.kind is Kind.STORAGE:
        return "camera_matrix" in content.tables or _is_half_of_stereo(content.tables)
    return content.kind is Kind.FOLDER and (_is_stereo(content.path) or next(_files(content.path), None) is not None)


def read_opencv(content: Content) -> CalibratedRig:
    """A camera per file, by its name without ending; of a stereo pair 'left' (the world's origin) and 'right'."""
    folder = content.path if content.kind is Kind.FOLDER else content.path.parent
    if _is_stereo(folder) and "camera_matrix" not in content.tables:
        stated, cameras = _read_stereo(folder)
    elif content.kind is Kind.FOLDER:
        files = list(_files(folder))
        stated = stated_unit(tables for _, tables in files)
        cameras = {path.stem: _camera(tables, str(path)) for path, tables in files}
    else:
        stated, cameras = stated_unit([content.tables]), {content.path.stem: _camera_of(content)}
    check_any(cameras, content.path, "Needed is a file with camera_matrix per camera.")
    return CalibratedRig(in_metres(cameras, content, stated=stated, remedy=REMEDY), source=content.path)


def read_opencv_lens(path: Path) -> tuple[Lens, tuple[int, int]]:
    """The lens and (width, height) of a file of one camera, which needs no pose for that."""
    return _lens_of(parse_storage(read_text(path), path), str(path))


def write_opencv(rig: CalibratedRig, folder: Path) -> None:
    """``<camera>.yml`` per camera, in metres; fisheye_model: 1 and four coefficients for fisheyes."""
    texts = {}
    for name, camera in rig.cameras.items():
        distortion, is_fisheye = lens_numbers(camera, f"{folder / name}.yml", COUNTS)
        rotation, translation = pose_numbers(camera)
        width, height = camera.size_px
        tables = {"image_width": width, "image_height": height, "fisheye_model": int(is_fisheye)}
        matrices = {"camera_matrix": camera.lens.matrix().numpy(), "distortion_coefficients": distortion}
        pose = {"rotation": rotation, "translation": translation}
        texts[name] = storage_text({**tables, **matrices, **pose, "length_unit": "m"})
    for name, text in texts.items():
        write_text(folder / f"{name}.yml", text)


def _camera_of(content: Content) -> Camera:
    if _is_half_of_stereo(content.tables):
        raise CalibrationError(
            f"{content.path} is one of two files of a stereo calibration; needed are {' and '.join(STEREO)} together."
        )
    return _camera(content.tables, str(content.path))


def _camera(tables: Mapping[str, Any], where: str) -> Camera:
    lens, size_px = _lens_of(tables, where)
    if "rotation" not in tables or "translation" not in tables:
        raise CalibrationError(
            f"{where} holds a lens but no pose. For a rig, add the nodes rotation (3x3) and translation (3x1), "
            "world to camera; or calibrate the rig as a whole."
        )
    rotation = rotation_matrix(tables["rotation"], f"{where}: rotation")
    translation = numbers(np.ravel(tables["translation"]), f"{where}: translation", (3,))
    return Camera(lens, Rigid(torch.from_numpy(rotation), torch.from_numpy(translation)), size_px)


def _lens_of(tables: Mapping[str, Any], where: str) -> tuple[Lens, tuple[int, int]]:
    if missing := [key for key in ("camera_matrix", "image_width", "image_height") if key not in tables]:
        raise CalibrationError(f"{where} has no {' and no '.join(missing)}. Add what is missing as nodes of that name.")
    matrix = numbers(tables["camera_matrix"], f"{where}: camera_matrix", (3, 3))
    distortion = numbers(np.ravel(tables.get("distortion_coefficients", [])), f"{where}: distortion", (-1,))
    size_px = image_size([tables["image_width"], tables["image_height"]], f"{where}: image size")
    return lens_from_opencv(matrix, distortion, where, fisheye=bool(tables.get("fisheye_model", 0))), size_px


def _read_stereo(folder: Path) -> tuple[str | None, dict[str, Camera]]:
    """M1 D1 M2 D2 of the lenses; R, T from the first camera to the second."""
    lenses, poses = (parse_storage(read_text(folder / name), folder / name) for name in STEREO)
    tables, where = {**lenses, **poses}, str(folder)
    if missing := [key for key in ("M1", "D1", "M2", "D2", "R", "T") if key not in tables]:
        raise CalibrationError(f"{where} has no {' and no '.join(missing)} in {' and '.join(STEREO)}.")
    rotation = rotation_matrix(tables["R"], f"{where}: R")
    translation = numbers(np.ravel(tables["T"]), f"{where}: T", (3,))
    poses = {"1": Rigid.identity(), "2": Rigid(torch.from_numpy(rotation), torch.from_numpy(translation))}
    size = {key: tables[key] for key in ("image_width", "image_height") if key in tables}
    cameras = {}
    for number, name in (("1", "left"), ("2", "right")):
        tables_of_one = {"camera_matrix": tables[f"M{number}"], "distortion_coefficients": tables[f"D{number}"], **size}
        lens, size_px = _lens_of(tables_of_one, f"{where}: camera '{name}'")
        cameras[name] = Camera(lens, poses[number], size_px)
    return stated_unit([tables]), cameras


def _is_stereo(folder: Path) -> bool:
    return all((folder / name).is_file() for name in STEREO)


def _is_half_of_stereo(tables: Mapping[str, Any]) -> bool:
    return {"M1", "M2"} <= tables.keys() or {"R", "T", "Q"} <= tables.keys()


def _files(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of a folder that hold a camera matrix."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in ENDINGS and path.is_file():
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            if text.startswith("%YAML") or "<opencv_storage" in text:
                tables = parse_storage(text, path)
                if "camera_matrix" in tables:
                    yield path, tables
