"""COLMAP's camera models as lenses: which of our coefficients each of their parameters is."""

import numpy as np
import torch

from mocap3d.calibration.formats.colmap_files import Sensor
from mocap3d.calibration.formats.expressible import coefficients
from mocap3d.calibration.formats.opencv_table import numbers
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens, LensModel

HALF_PX = 0.5
"""COLMAP's (0, 0) is the corner of the top-left pixel."""
BROWN = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
}
FISHEYE = {
    "SIMPLE_FISHEYE": "f cx cy",
    "FISHEYE": "fx fy cx cy",
    "SIMPLE_RADIAL_FISHEYE": "f cx cy k1",
    "RADIAL_FISHEYE": "f cx cy k1 k2",
    "OPENCV_FISHEYE": "fx fy cx cy k1 k2 k3 k4",
}
BROWN_ORDER = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
FISHEYE_ORDER = ("k1", "k2", "k3", "k4")


def lens_of(sensor: Sensor, where: str) -> Lens:
    """The lens of a COLMAP camera; refuses models that no lens here is."""
    if sensor.model not in BROWN and sensor.model not in FISHEYE:
        raise CalibrationError(
            f"{where} has the model {sensor.model}, which no lens here is. Known are {', '.join([*BROWN, *FISHEYE])}: "
            "run COLMAP with one of these."
        )
    names = (BROWN | FISHEYE)[sensor.model].split()
    values = dict(zip(names, numbers(sensor.parameters, f"{where}: parameters", (len(names),)).tolist(), strict=True))
    fx, fy = values.get("fx", values.get("f", 0.0)), values.get("fy", values.get("f", 0.0))
    if fx <= 0 or fy <= 0:
        raise CalibrationError(f"{where} has the focal lengths {fx:g} and {fy:g} px; both must be positive.")
    f_px = torch.tensor([fx, fy], dtype=torch.float64)
    c_px = torch.tensor([values["cx"], values["cy"]], dtype=torch.float64) - HALF_PX
    order = BROWN_ORDER if sensor.model in BROWN else FISHEYE_ORDER
    distortion = torch.tensor([values.get(name, 0.0) for name in order], dtype=torch.float64)
    if sensor.model in FISHEYE:
        return Lens.kannala_brandt(f_px, c_px, distortion)
    return Lens.brown(f_px, c_px, distortion) if "k1" in values else Lens.pinhole(f_px, c_px)


def sensor_of(camera: Camera, where: str) -> Sensor:
    """The simplest of PINHOLE, OPENCV, FULL_OPENCV and OPENCV_FISHEYE that loses nothing; else FormatError."""
    lens = camera.lens
    if lens.model is LensModel.KANNALA_BRANDT:
        model, distortion = "OPENCV_FISHEYE", lens.distortion.numpy()
    else:
        distortion = coefficients(camera, where, (0, 4, 8))
        model = {0: "PINHOLE", 4: "OPENCV", 8: "FULL_OPENCV"}[len(distortion)]
    parameters = np.concatenate([lens.f_px.numpy(), lens.c_px.numpy() + HALF_PX, distortion])
    return Sensor(model, *camera.size_px, tuple(parameters.tolist()))
