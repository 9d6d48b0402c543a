"""Theia3D's calibrations: QTM's XML, but intrinsics in pixels, and p_in_cam = R p_in_world + t in millimetres.

Source: docs.theiamarkerless.com, "Calibration Files". Whether pixel (0, 0) is the centre of the top-left pixel or its
corner is not stated there; the centre is assumed, as in OpenCV.
"""

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
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

MM_PER_M = 1000.0
COUNTS = (5,)
LARGEST_PICTURE_PX = 16384
"""A sensor of QTM, counted in 1/64 px, is wider than this from 256 px on."""


def is_theia(content: Content) -> bool:
    """<camera> elements without QTM's field of view, and sensors of so many units as pictures have pixels."""
    if content.kind is not Kind.XML or content.root is None:
        return False
    intrinsics = content.root.findall(".//camera/intrinsic")
    return (
        bool(intrinsics)
        and content.root.find(".//camera/fov_video") is None
        and all(0 < _number(element.get("sensorMaxU")) <= LARGEST_PICTURE_PX for element in intrinsics)
    )


def read_theia(content: Content) -> CalibratedRig:
    """The active cameras by their serial; ``viewrotation`` tells how the camera stands, and changes no number."""
    path = content.path
    assert content.root is not None
    cameras = {
        name: _read_camera(element, f"{path}: camera '{name}'")
        for name, element in named_cameras(content.root, str(path))
    }
    check_any(cameras, path, "At least one camera must be active.")
    return CalibratedRig(cameras=cameras, source=path)


def write_theia(rig: CalibratedRig, path: Path) -> None:
    """Five coefficients. The focal length in mm is unknown and written as 0."""
    root = ElementTree.Element("calibration")
    ElementTree.SubElement(root, "results")
    cameras = ElementTree.SubElement(root, "cameras")
    for name, camera in rig.cameras.items():
        where = f"{path}: camera '{name}'"
        refuse_moving(camera, where)
        k1, k2, p1, p2, k3 = coefficients(camera, where, COUNTS).tolist()
        rotation, translation = pose_numbers(camera)
        signs = {"active": "1", "serial": name, "viewrotation": str(_view_rotation_deg(rotation))}
        element = ElementTree.SubElement(cameras, "camera", signs)
        add_transform(element, rotation, translation * MM_PER_M)
        (width, height), (f_u, f_v), (c_u, c_v) = camera.size_px, camera.lens.f_px.tolist(), camera.lens.c_px.tolist()
        sensor = {"focallength": 0, "sensorMinU": 0, "sensorMaxU": width, "sensorMinV": 0, "sensorMaxV": height}
        focal = {"focalLengthU": f_u, "focalLengthV": f_v, "centerPointU": c_u, "centerPointV": c_v, "skew": 0}
        radial = {"radialDistortion1": k1, "radialDistortion2": k2, "radialDistortion3": k3}
        add_child(element, "intrinsic", **sensor, **focal, **radial, tangentalDistortion1=p1, tangentalDistortion2=p2)
    write_text(path, document(root))


def _read_camera(element: ElementTree.Element, where: str) -> Camera:
    matrix, distortion = intrinsic_of(element, where, units_per_px=1.0)
    names = ("sensorMinU", "sensorMaxU", "sensorMinV", "sensorMaxV")
    left, right, top, bottom = attributes(element, "intrinsic", names, where, sensorMinU="0", sensorMinV="0")
    rotation, translation_mm = transform_of(element, where)
    return Camera(
        lens=lens_from_opencv(matrix, distortion, where),
        cam_from_world=Rigid(torch.from_numpy(rotation), torch.from_numpy(translation_mm / MM_PER_M)),
        size_px=image_size([right - left, bottom - top], f"{where}: sensor"),
    )


def _view_rotation_deg(rotation: np.ndarray) -> int:
    """How the camera stands on its side, by where the world's Z falls in its picture: up is 0, right is 270.

    Theia states that it is derived from the rotation and that 180 is upside down. Which side is 90 was told by a file
    of a real lab.
    """
    x, y = rotation[:2, 2]
    if abs(y) >= abs(x):
        return 0 if y <= 0 else 180
    return 270 if x > 0 else 90


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
