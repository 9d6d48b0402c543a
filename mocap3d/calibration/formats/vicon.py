"""Vicon's .xcp: XML, millimetres, and a polynomial that corrects distorted pixels, which OpenCV's lens is fitted to.

Source: Vicon's "About calibration data (XCP) files" (quaternion with its real part last; several key frames are a
moving camera; P = K [R | -R T] with K = [[f, skew, x0], [0, f / aspect, y0], [0, 0, 1]]), and a lab's file, whose
cameras look at its origin with the picture's bottom downwards.
"""

import logging
from xml.etree import ElementTree

import numpy as np
import torch

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.opencv_table import check_any, check_rotation, image_size, numbers
from mocap3d.calibration.formats.vicon_lens import fitted_lens
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid, rotation_from_quaternion
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

MM_PER_M = 1000.0
LARGEST_PX_COEFFICIENT = 1e-5
"""A k1 of 1e-5 / px2 moves the corner of a full-HD picture by 12 times its radius; without a unit it is seldom less."""


def is_vicon(content: Content) -> bool:
    """A <Cameras> document of <Camera DEVICEID=...> elements."""
    root = content.root
    return content.kind is Kind.XML and root is not None and root.find(".//Camera[@DEVICEID]") is not None


def read_vicon(content: Content) -> CalibratedRig:
    """The video cameras by their DEVICEID; those without a key frame took no part and are left out."""
    path, cameras = content.path, {}
    assert content.root is not None
    for element in content.root.iter("Camera"):
        name = element.get("DEVICEID", "")
        if not _films(element):
            continue
        where = f"{path}: camera '{name}'"
        if name in cameras:
            raise CalibrationError(f"{where} is twice in the file. Export the calibration again.")
        key_frames = element.findall("KeyFrames/KeyFrame")
        if not key_frames:
            log.warning("%s has no key frame: it was not calibrated, and is left out.", where)
            continue
        if len(key_frames) > 1:
            raise CalibrationError(
                f"{where} has {len(key_frames)} key frames, so it moved; needed is a camera with one. Use the "
                "calibration of the whole system instead of that of a trial."
            )
        cameras[name] = _read_camera(element, key_frames[0], where)
    check_any(cameras, path, "Only video cameras can be used (SYSTEM 'DV', or Vue): calibrate with them.")
    return CalibratedRig(cameras=cameras, source=path)


def _films(element: ElementTree.Element) -> bool:
    """Video cameras of others belong to the system DV; Vicon's own are called Vue."""
    kind = f"{element.get('TYPE', '')} {element.get('DISPLAY_TYPE', '')}".lower()
    return element.get("SYSTEM") == "DV" or element.get("ISDV") == "1" or "video" in kind or "vue" in kind.split()


def _read_camera(element: ElementTree.Element, key_frame: ElementTree.Element, where: str) -> Camera:
    size_px = image_size(_numbers(element, "SENSOR_SIZE", 2, where), f"{where}: SENSOR_SIZE")
    (aspect,) = _numbers(element, "PIXEL_ASPECT_RATIO", 1, where, default="1")
    (skew,) = _numbers(element, "SKEW", 1, where, default="0")
    (focal_px,) = _numbers(key_frame, "FOCAL_LENGTH", 1, where)
    if skew or aspect <= 0 or focal_px <= 0:
        raise CalibrationError(
            f"{where} has the focal length {focal_px:g} px, pixel aspect ratio {aspect:g} and skew {skew:g}; needed "
            "are positive ones and no skew. Calibrate this camera again."
        )
    f_px, c_px = np.array([focal_px, focal_px / aspect]), _numbers(key_frame, "PRINCIPAL_POINT", 2, where)
    centre_px, correction = _correction(key_frame, c_px, where)
    quaternion = _numbers(key_frame, "ORIENTATION", 4, where)
    if abs(np.linalg.norm(quaternion) - 1) > 1e-3:
        raise CalibrationError(
            f"{where}: ORIENTATION has the length {np.linalg.norm(quaternion):.3f}; needed is a quaternion of length 1."
        )
    rotation = rotation_from_quaternion(torch.from_numpy(quaternion))
    check_rotation(rotation.numpy(), f"{where}: ORIENTATION")
    centre_mm = torch.from_numpy(_numbers(key_frame, "POSITION", 3, where))
    return Camera(
        lens=fitted_lens(f_px, c_px, size_px, centre_px, correction, where),
        cam_from_world=Rigid(rotation, -rotation @ centre_mm / MM_PER_M),
        size_px=size_px,
    )


def _correction(key_frame: ElementTree.Element, c_px: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Centre (px) and coefficients (1/px2, 1/px4, 1/px6) of the correcting polynomial.

    VICON_RADIAL is used where it is not 0. The meaning of VICON_RADIAL2 alone is not published: it is read as the
    same polynomial with a centre of its own, aloud, if its size allows that.
    """
    radial = np.zeros(3)
    if "VICON_RADIAL" in key_frame.attrib:
        radial[:2] = _numbers(key_frame, "VICON_RADIAL", 2, where)
    words = key_frame.get("VICON_RADIAL2", "").split()
    if radial.any() or not words:
        _check_size(radial, "VICON_RADIAL", where)
        return c_px, radial
    second = numbers([float(word) for word in words[1:]] if _all_numbers(words[1:]) else words, where, (-1,))
    if len(second) != 5:
        raise CalibrationError(f"{where}: VICON_RADIAL2 is {words}; needed are a word, x, y and three coefficients.")
    if not second[2:].any():
        return c_px, radial
    _check_size(second[2:], "VICON_RADIAL2", where)
    log.warning(
        "%s has its distortion in VICON_RADIAL2 only, whose meaning Vicon does not publish. It is read as a correction "
        "in pixels about its own centre: check that straight lines are straight, or calibrate this lens from a board.",
        where,
    )
    return second[:2], second[2:]


def _check_size(radial: np.ndarray, name: str, where: str) -> None:
    if abs(radial[0]) > LARGEST_PX_COEFFICIENT:
        raise CalibrationError(
            f"{where}: the first coefficient of {name} is {radial[0]:g}; in 1/px2, as this program knows it, it would "
            f"be below {LARGEST_PX_COEFFICIENT:g}. The file has another convention: calibrate this lens from a board."
        )


def _numbers(element: ElementTree.Element, name: str, count: int, where: str, *, default: str = "") -> np.ndarray:
    """Blank-separated numbers of an attribute."""
    words = element.get(name, default).split()
    if len(words) != count or not _all_numbers(words):
        raise CalibrationError(f"{where}: {name} is '{' '.join(words)}'; needed: {count} numbers.")
    return numbers([float(word) for word in words], f"{where}: {name}", (count,))


def _all_numbers(words: list[str]) -> bool:
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False
