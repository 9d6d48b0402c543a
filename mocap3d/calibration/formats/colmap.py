"""COLMAP's sparse models, text and binary: each image of a camera that stands still is a view.

Source: colmap.github.io/format.html and COLMAP's sensor/models. The world and its scale are arbitrary. COLMAP's pixel
(0, 0) is the corner of the top-left pixel, ours its centre.
"""

import logging
from pathlib import Path

import torch

from mocap3d.calibration.formats.colmap_files import Image, Sensor, read_model, write_model
from mocap3d.calibration.formats.colmap_lens import lens_of, sensor_of
from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import refuse_moving
from mocap3d.calibration.formats.opencv_table import check_any, image_size
from mocap3d.calibration.formats.units import METRES, in_metres
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid, quaternion_from_rotation, rotation_from_quaternion
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")


def is_colmap(content: Content) -> bool:
    """A folder with both files of a model, or one of those files."""
    if content.kind is Kind.COLMAP:
        return True
    return content.kind is Kind.FOLDER and _ending(content.path) is not None


def read_colmap(content: Content) -> CalibratedRig:
    """Views by the name of their image without ending; of images in one folder per camera, by the folder."""
    folder = content.path if content.kind is Kind.FOLDER else content.path.parent
    ending = _ending(folder)
    if ending is None:
        raise CalibrationError(f"{folder} has no cameras.txt and images.txt (or .bin) side by side; both are needed.")
    sensors, images = read_model(folder, ending)
    cameras = {}
    for name, image in _named(images, folder).items():
        where = f"{folder}: image '{image.name}'"
        if image.sensor not in sensors:
            raise CalibrationError(f"{where} is of camera {image.sensor}, which is not in cameras.{ending}.")
        sensor = sensors[image.sensor]
        cameras[name] = Camera(
            lens=lens_of(sensor, f"{folder}: camera {image.sensor}"),
            cam_from_world=_pose(image, where),
            size_px=image_size([sensor.width, sensor.height], f"{folder}: camera {image.sensor}"),
        )
    check_any(cameras, folder, "Needed is at least one registered image.")
    if content.unit is None:
        log.warning(
            "%s has an arbitrary scale: one of its units was taken as 1 m. Scale it by a known distance, or state the "
            "unit with --unit (%s).",
            folder,
            ", ".join(METRES),
        )
        return CalibratedRig(cameras, source=content.path)
    return CalibratedRig(in_metres(cameras, content), source=content.path)


def write_colmap(rig: CalibratedRig, folder: Path) -> None:
    """cameras.txt, images.txt and an empty points3D.txt; one camera and one image ``<view>.png`` per view."""
    write_model(*_model(rig, folder), folder, "txt")


def write_colmap_binary(rig: CalibratedRig, folder: Path) -> None:
    """The same in COLMAP's binary form."""
    write_model(*_model(rig, folder), folder, "bin")


def _model(rig: CalibratedRig, folder: Path) -> tuple[dict[int, Sensor], list[Image]]:
    sensors, images = {}, []
    for number, (name, camera) in enumerate(rig.cameras.items(), start=1):
        where = f"{folder}: camera '{name}'"
        refuse_moving(camera, where)
        sensors[number] = sensor_of(camera, where)
        x, y, z, w = quaternion_from_rotation(camera.cam_from_world.rotation).tolist()
        translation = tuple(camera.cam_from_world.translation.tolist())
        images.append(Image(number, (w, x, y, z), translation, number, f"{name}.png"))
    return sensors, images


def _ending(folder: Path) -> str | None:
    """bin before txt, as COLMAP prefers."""
    for ending in ("bin", "txt"):
        if (folder / f"cameras.{ending}").is_file() and (folder / f"images.{ending}").is_file():
            return ending
    return None


def _named(images: list[Image], folder: Path) -> dict[str, Image]:
    parents = [Path(image.name).parent.name for image in images]
    by_folder = all(parents) and len(set(parents)) == len(parents)
    named = {}
    for image in images:
        path = Path(image.name)
        name = path.parent.name if by_folder else path.with_suffix("").as_posix().replace("/", "_")
        if name in named:
            raise CalibrationError(f"{folder}: two images are called '{name}'. Give every image its own name.")
        named[name] = image
    return named


def _pose(image: Image, where: str) -> Rigid:
    w, x, y, z = image.quaternion
    quaternion = torch.tensor([x, y, z, w], dtype=torch.float64)
    if abs(float(quaternion.norm()) - 1) > 1e-3:
        raise CalibrationError(f"{where}: its quaternion has the length {float(quaternion.norm()):.3f}; needed is 1.")
    return Rigid(rotation_from_quaternion(quaternion), torch.tensor(image.translation, dtype=torch.float64))
