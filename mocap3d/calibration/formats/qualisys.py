"""Qualisys QTM calibrations (.qca.txt): XML, millimetres, intrinsics in 1/64 pixel.

Qualisys does not publish the conventions: axes, unit and sign were found on a real lab, where the floor's grid and the
person fall on their pixels in all four views.
"""

import logging
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.formats.opencv_table import check_any, check_rotation, image_size, lens_from_opencv
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

UNITS_PER_PX = 64
FLIP = np.diag([1.0, -1.0, -1.0])
"""QTM's camera looks along -z with y up; ours along +z with y down."""


def read_qualisys(path: Path) -> CalibratedRig:
    """The video cameras of a QTM calibration, named by their serial; marker-only and inactive cameras are left out."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise CalibrationError(
            f"{path} is not readable XML ({error}). Export the calibration from QTM again."
        ) from None
    cameras = {}
    for element in root.iter("camera"):
        if _films(element):
            name = element.get("serial", "")
            if not name or name in cameras:
                raise CalibrationError(
                    f"{path}: camera serial '{name}' is {'twice in' if name else 'missing from'} the file. "
                    "Give every camera its own serial."
                )
            cameras[name] = _read_camera(element, f"{path}: camera '{name}'")
    check_any(cameras, path, "Only active cameras whose model names Video or Hybrid can be used: export with them.")
    return CalibratedRig(cameras=cameras, source=path)


def _films(element: ElementTree.Element) -> bool:
    """A camera that records video: Miqus Video, Miqus Hybrid, ...; 'none' is what converters write."""
    model = element.get("model", "none").lower()
    return element.get("active", "1") != "0" and ("video" in model or "hybrid" in model or model == "none")


def _read_camera(element: ElementTree.Element, where: str) -> Camera:
    """Sensor orientation: ``viewrotation`` only says how QTM turns the picture on its screen."""
    if element.get("viewrotation", "0") not in ("0", "0.0", ""):
        log.warning(
            "%s stands turned by %s degrees (viewrotation). Its calibration is for the picture as the sensor sees it: "
            "use the video as exported, without turning it.",
            where,
            element.get("viewrotation"),
        )
    left, top, right, bottom = _attributes(element, "fov_video", ("left", "top", "right", "bottom"), where)
    matrix, distortion = _read_intrinsic(element, where)
    matrix[:2, 2] -= left, top
    return Camera(
        lens=lens_from_opencv(matrix, distortion, where),
        cam_from_world=_read_pose(element, where),
        size_px=image_size([right - left + 1, bottom - top + 1], f"{where}: fov_video"),
    )


def _read_intrinsic(
    element: ElementTree.Element, where: str
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " 5"]]:
    """Camera matrix in px of the whole sensor, and k1 k2 p1 p2 k3: those have no unit and are not in 1/64."""
    names = ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV", "skew")
    fu, fv, cu, cv, skew = _attributes(element, "intrinsic", names, where, skew="0") / UNITS_PER_PX
    names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    distortion = _attributes(element, "intrinsic", (*names, "radialDistortion3"), where, radialDistortion3="0")
    return np.array([[fu, skew, cu], [0, fv, cv], [0, 0, 1]]), distortion


def _read_pose(element: ElementTree.Element, where: str) -> Rigid:
    """``transform`` holds the rotation to QTM's camera axes and the camera's centre in the world, in mm."""
    names = tuple(f"r{row}{column}" for row in "123" for column in "123")
    rotation = FLIP @ _attributes(element, "transform", names, where).reshape(3, 3)
    check_rotation(rotation, f"{where}: transform")
    centre_mm = _attributes(element, "transform", ("x", "y", "z"), where)
    return Rigid(torch.from_numpy(rotation), torch.from_numpy(-rotation @ centre_mm / 1000))


def _attributes(
    element: ElementTree.Element, tag: str, names: tuple[str, ...], where: str, **defaults: str
) -> Float[np.ndarray, " n"]:
    """Numeric attributes of a child element, in the order of ``names``."""
    child = element.find(tag)
    if child is None:
        raise CalibrationError(f"{where} has no <{tag}>: it was not calibrated for video. Calibrate it in QTM.")
    texts = {name: child.get(name, defaults.get(name, "")) for name in names}
    try:
        values = np.array([float(text) for text in texts.values()])
    except ValueError:
        raise CalibrationError(f"{where}: <{tag}> needs the numbers {', '.join(names)}; found {texts}.") from None
    if not np.isfinite(values).all():
        raise CalibrationError(f"{where}: <{tag}> holds NaN or infinity: {texts}. Calibrate this camera again.")
    return values
