"""Calibrations of synthetic rigs as Qualisys and Pose2Sim write them.

Sources: files of QTM and of Pose2Sim's demonstration; written from the formats' facts, not from our readers, so that
a reader and a writer cannot share one mistake.
"""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tomli_w
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import LensModel
from mocap3d.session.records import CalibratedRig

CalibrationWriter = Callable[[CalibratedRig, Path], None]
UNITS_PER_PX = 64
"""Qualisys counts intrinsics in 1/64 pixel; distortion has no unit."""


def write_qualisys(rig: CalibratedRig, path: Path) -> None:
    """QTM's XML: millimetres, camera axes with y up and z backward, coefficients k1 k2 k3 p1 p2."""
    root = ElementTree.Element("calibration", {"created": "none", "qtm-version": "none", "type": "regular"})
    ElementTree.SubElement(root, "results", {"std-dev": "0.", "min-max-diff": "0."})
    cameras = ElementTree.SubElement(root, "cameras")
    for name, camera in rig.cameras.items():
        k1, k2, p1, p2, k3 = _brown(name, camera, 5, path)
        width, height = camera.size_px
        (fu, fv), (cu, cv) = camera.lens.f_px.tolist(), camera.lens.c_px.tolist()
        element = ElementTree.SubElement(cameras, "camera", {"active": "1", "model": "none", "serial": name})
        element.set("viewrotation", "0")
        _child(element, "fov_video", left=0, top=0, right=width - 1, bottom=height - 1)
        rotation = np.diag([1.0, -1.0, -1.0]) @ camera.cam_from_world.rotation.numpy()
        entries = {f"r{row + 1}{column + 1}": rotation[row, column] for row in range(3) for column in range(3)}
        centre = dict(zip("xyz", camera.centre_in_world.numpy() * 1000, strict=True))
        _child(element, "transform", **entries, **centre)
        sensor = {"sensorMinU": 0, "sensorMaxU": UNITS_PER_PX * width - 1}
        sensor |= {"sensorMinV": 0, "sensorMaxV": UNITS_PER_PX * height - 1}
        focal = {"focalLengthU": fu * UNITS_PER_PX, "focalLengthV": fv * UNITS_PER_PX}
        focal |= {"centerPointU": cu * UNITS_PER_PX, "centerPointV": cv * UNITS_PER_PX, "skew": 0}
        radial = {"radialDistortion1": k1, "radialDistortion2": k2, "radialDistortion3": k3}
        _child(element, "intrinsic", **sensor, **focal, **radial, tangentalDistortion1=p1, tangentalDistortion2=p2)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_pose2sim(rig: CalibratedRig, path: Path) -> None:
    """Pose2Sim's Calib.toml: one table per camera, Rodrigues vector, metres, four coefficients."""
    tables: dict[str, dict] = {}
    for name, camera in rig.cameras.items():
        tables[name] = {
            "name": name,
            "size": [float(side) for side in camera.size_px],
            "matrix": camera.lens.matrix().tolist(),
            "distortions": _brown(name, camera, 4, path),
            "rotation": Rotation.from_matrix(camera.cam_from_world.rotation.numpy()).as_rotvec().tolist(),
            "translation": camera.cam_from_world.translation.tolist(),
            "fisheye": False,
        }
    path.write_text(tomli_w.dumps(tables | {"metadata": {"adjusted": False, "error": 0.0}}), encoding="utf-8")


def _child(element: ElementTree.Element, tag: str, **numbers: float | int) -> None:
    ElementTree.SubElement(element, tag, {name: f"{number:.17g}" for name, number in numbers.items()})


def _brown(name: str, camera: Camera, count: int, path: Path) -> list[float]:
    """The first coefficients k1 k2 p1 p2 (k3), where a lens has no others and the camera stands still."""
    distortion = np.zeros(12) if camera.lens.model is LensModel.PINHOLE else camera.lens.distortion.numpy()
    if camera.lens.model is LensModel.KANNALA_BRANDT or camera.is_moving or distortion[count:].any():
        raise FormatError(
            f"{path}: camera '{name}' ({camera.lens.model} lens{', moving' if camera.is_moving else ''}) cannot be "
            f"written: this format holds {count} Brown-Conrady coefficients of a camera that stands still. "
            "Choose another calibration format or rig."
        )
    return distortion[:count].tolist()
