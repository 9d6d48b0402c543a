"""anipose's and FreeMoCap's ``calibration.toml``: one table per camera, world -> camera in the unit of their board."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.calibration.formats.opencv_table import (
    camera_from_table,
    check_any,
    is_camera_table,
    numbers,
    rotation_matrix,
)
from mocap3d.errors import CalibrationError
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
ALIASES = {
    "metre": "m", "metres": "m", "meter": "m", "meters": "m", "centimetre": "cm", "centimetres": "cm",
    "centimeter": "cm", "centimeters": "cm", "millimetre": "mm", "millimetres": "mm", "millimeter": "mm",
    "millimeters": "mm", "inch": "in", "inches": "in",
}  # fmt: skip
UNIT_KEYS = ("unit", "units", "length_unit", "length_units")
LARGEST_RIG_M = 50.0


def read_anipose(tables: Mapping[str, Any], path: Path, *, unit: str | None = None) -> CalibratedRig:
    """Cameras by their ``name`` (the order of the tables means nothing).

    anipose does not state its unit: it is taken from ``unit``, else from a key ``unit`` under [metadata] or
    [calibration], else it is millimetres for FreeMoCap, else guessed from the size of the rig with a warning.
    """
    cameras_toml = {key: table for key, table in tables.items() if is_camera_table(table)}
    metre_per_unit = METRES[_unit(tables, cameras_toml, path, unit)]
    cameras = {}
    for key, table in cameras_toml.items():
        name = str(table.get("name", key))
        if name in cameras:
            raise CalibrationError(f"{path}: two cameras have the name '{name}'. Give every camera its own name.")
        cameras[name] = camera_from_table(table, f"{path}: camera '{name}'", metre_per_unit=metre_per_unit)
    check_any(cameras, path, "Needed is one table with size, matrix, distortions, rotation and translation per camera.")
    return CalibratedRig(cameras=cameras, source=path)


def _unit(tables: Mapping[str, Any], cameras: Mapping[str, Any], path: Path, unit: str | None) -> str:
    """The file's length unit, by the first of: argument, stated in the file, FreeMoCap, size of the rig."""
    stated = unit or _stated_unit(tables)
    if stated is not None:
        known = ALIASES.get(stated.strip().lower(), stated.strip().lower())
        if known not in METRES:
            raise CalibrationError(f"{path}: unknown length unit '{stated}'. Use one of {', '.join(METRES)}.")
        return known
    if any("world_position" in camera for camera in cameras.values()):
        return "mm"  # FreeMoCap: its board is always given as square_length_mm
    return _guessed_unit(cameras, path)


def _stated_unit(tables: Mapping[str, Any]) -> str | None:
    for section in (tables.get("metadata"), tables.get("calibration")):
        if isinstance(section, Mapping):
            for key in UNIT_KEYS:
                if isinstance(value := section.get(key), str):
                    return value
    return None


def _guessed_unit(cameras: Mapping[str, Any], path: Path) -> str:
    """Metres or millimetres, whichever makes a rig of people's size; says so."""
    centres = np.array(
        [_centre(camera, f"{path}: table '{key}'") for key, camera in cameras.items()], dtype=float
    ).reshape(-1, 3)
    extent = np.linalg.norm(centres[:, None] - centres[None], axis=-1).max(initial=0.0)
    guess, other = ("m", "mm") if extent < LARGEST_RIG_M else ("mm", "m")
    log.warning(
        "%s does not state its length unit. The farthest two cameras are %.4g units apart, so one unit was taken as "
        '1 %s. If that is wrong (or to silence this), add to the file:  [metadata]  unit = "%s"  (or cm, in).',
        path,
        extent,
        guess,
        other,
    )
    return guess


def _centre(camera: Mapping[str, Any], where: str) -> Float[np.ndarray, " 3"]:
    """Camera centre in the world, in the file's unit; the origin where the table has no pose (refused later)."""
    if camera.get("rotation") is None or camera.get("translation") is None:
        return np.zeros(3)
    rotation = rotation_matrix(camera["rotation"], f"{where}: rotation")
    return -rotation.T @ numbers(camera["translation"], f"{where}: translation", (3,))
