"""Qualisys QTM calibrations (.qca.txt): XML, millimetres, intrinsics in 1/64 pixel.

Qualisys does not publish the conventions: axes, unit and sign were found on a real lab, where the floor's grid and the
person fall on their pixels in all four views.
"""

import logging
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import coefficients, pose_numbers, refuse_moving
from mocap3d.calibration.formats.opencv_table import check_any, image_size, lens_from_opencv
from mocap3d.calibration.formats.qtm_xml import (
    add_child,
    add_transform,
    attributes,
    document,
    intrinsic_of,
    named_cameras,
    transform_of,
)
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

UNITS_PER_PX = 64.0
MM_PER_M = 1000.0
COUNTS = (5,)
FLIP = np.diag([1.0, -1.0, -1.0])
"""QTM's camera looks along -z with y up; ours along +z with y down."""


def is_qualisys(content: Content) -> bool:
    """Any XML with <camera> elements; Theia's, which looks alike, is asked for first."""
    return content.kind is Kind.XML and content.root is not None and content.root.find(".//camera") is not None


def read_qualisys(content: Content) -> CalibratedRig:
    """The video cameras of a QTM calibration, named by their serial; marker-only and inactive cameras are left out."""
    path = content.path
    assert content.root is not None
    cameras = {
        name: _read_camera(element, f"{path}: camera '{name}'")
        for name, element in named_cameras(content.root, str(path))
        if _films(element)
    }
    check_any(cameras, path, "Only active cameras whose model names Video or Hybrid can be used: export with them.")
    return CalibratedRig(cameras=cameras, source=path)


def write_qualisys(rig: CalibratedRig, path: Path) -> None:
    """Five coefficients; the sensor is taken to be as large as the picture. Model 'none', as converters write."""
    root = ElementTree.Element("calibration", {"created": "none", "qtm-version": "none", "type": "regular"})
    ElementTree.SubElement(root, "results", {"std-dev": "0.", "min-max-diff": "0."})
    cameras = ElementTree.SubElement(root, "cameras")
    for name, camera in rig.cameras.items():
        where = f"{path}: camera '{name}'"
        refuse_moving(camera, where)
        k1, k2, p1, p2, k3 = coefficients(camera, where, COUNTS).tolist()
        (width, height), lens = camera.size_px, camera.lens
        signs = {"active": "1", "avg-residual": "0", "model": "none", "serial": name, "viewrotation": "0"}
        element = ElementTree.SubElement(cameras, "camera", signs)
        for fov in ("fov_video", "fov_video_max"):
            add_child(element, fov, left=0, top=0, right=width - 1, bottom=height - 1)
        add_transform(element, FLIP @ pose_numbers(camera)[0], camera.centre_in_world.numpy() * MM_PER_M)
        f_u, f_v, c_u, c_v = (torch.cat([lens.f_px, lens.c_px]) * UNITS_PER_PX).tolist()
        sensor = {"sensorMinU": 0, "sensorMaxU": UNITS_PER_PX * width - 1}
        sensor |= {"sensorMinV": 0, "sensorMaxV": UNITS_PER_PX * height - 1, "skew": 0}
        focal = {"focalLengthU": f_u, "focalLengthV": f_v, "centerPointU": c_u, "centerPointV": c_v}
        radial = {"radialDistortion1": k1, "radialDistortion2": k2, "radialDistortion3": k3}
        add_child(element, "intrinsic", **sensor, **focal, **radial, tangentalDistortion1=p1, tangentalDistortion2=p2)
    write_text(path, document(root))


def _films(element: ElementTree.Element) -> bool:
    """A camera that records video: Miqus Video, Miqus Hybrid, ...; 'none' is what converters write."""
    model = element.get("model", "none").lower()
    return "video" in model or "hybrid" in model or model == "none"


def _read_camera(element: ElementTree.Element, where: str) -> Camera:
    """Sensor orientation: ``viewrotation`` only says how QTM turns the picture on its screen."""
    if element.get("viewrotation", "0") not in ("0", "0.0", ""):
        log.warning(
            "%s stands turned by %s degrees (viewrotation). Its calibration is for the picture as the sensor sees it: "
            "use the video as exported, without turning it.",
            where,
            element.get("viewrotation"),
        )
    _check_binning(element, where)
    left, top, right, bottom = attributes(element, "fov_video", ("left", "top", "right", "bottom"), where)
    matrix, distortion = intrinsic_of(element, where, units_per_px=UNITS_PER_PX)
    matrix[:2, 2] -= left, top
    return Camera(
        lens=lens_from_opencv(matrix, distortion, where),
        cam_from_world=_read_pose(element, where),
        size_px=image_size([right - left + 1, bottom - top + 1], f"{where}: fov_video"),
    )


def _read_pose(element: ElementTree.Element, where: str) -> Rigid:
    """``transform`` holds the rotation to QTM's camera axes and the camera's centre in the world, in mm."""
    rotation, centre_mm = transform_of(element, where)
    rotation = FLIP @ rotation
    return Rigid(torch.from_numpy(rotation), torch.from_numpy(-rotation @ centre_mm / MM_PER_M))


def _check_binning(element: ElementTree.Element, where: str) -> None:
    """A sensor of 64 units per pixel of the largest picture is the rule; anything else is refused, as its unit is."""
    intrinsic, largest = element.find("intrinsic"), element.find("fov_video_max")
    if intrinsic is None or largest is None or "sensorMaxU" not in intrinsic.attrib:
        return
    left, right = attributes(element, "fov_video_max", ("left", "right"), where)
    (sensor_max,) = attributes(element, "intrinsic", ("sensorMaxU",), where)
    if abs((sensor_max + 1) / UNITS_PER_PX - (right - left + 1)) > 1:  # a converter writes 64 (W - 1)
        raise CalibrationError(
            f"{where}: the sensor is {sensor_max + 1:g} units wide and its largest picture {right - left + 1:g} px; "
            f"needed are {UNITS_PER_PX:g} units per pixel. The video was binned (a reduced resolution mode): calibrate "
            "and film at the sensor's full resolution."
        )
