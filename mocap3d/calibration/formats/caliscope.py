"""Caliscope's ``camera_array.toml``, and the ``config.toml`` of its older versions (pyxy3d): metres.

``rotation_count`` (quarter turns for people to look at) is not applied: Caliscope calibrates, and stores its
points, in the picture as filmed.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import numbered
from mocap3d.calibration.formats.opencv_table import camera_from_table, check_any, is_camera_table, table_of_camera
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")

COUNTS = (5,)


def is_caliscope(content: Content) -> bool:
    """A [cameras.N] group, or [cam_N] tables that count quarter turns."""
    tables = content.tables
    if content.kind is not Kind.TOML:
        return False
    if any(is_camera_table(table) for table in _group(tables).values()):
        return True
    return any(is_camera_table(table) and "rotation_count" in table for table in tables.values())


def read_caliscope(content: Content) -> CalibratedRig:
    """Cameras by the name of their video, ``cam_<id>``; ignored and not yet posed ones are left out."""
    path, cameras = content.path, {}
    for key, table in (_group(content.tables) or content.tables).items():
        if not is_camera_table(table):
            continue
        name = f"cam_{table.get('cam_id', table.get('port', key.removeprefix('cam_').removeprefix('port_')))}"
        if table.get("ignore", False):
            log.warning("%s: camera '%s' is marked as ignored and is left out.", path, name)
        elif table.get("rotation") is None or table.get("translation") is None:
            log.warning("%s: camera '%s' has no pose (no extrinsic calibration) and is left out.", path, name)
        else:
            cameras[name] = camera_from_table(table, f"{path}: camera '{name}'")
    check_any(cameras, path, "Finish the extrinsic calibration in Caliscope, and do not ignore every camera.")
    return CalibratedRig(cameras=cameras, source=path)


def write_caliscope(rig: CalibratedRig, path: Path) -> None:
    """Cameras by number: those called ``cam_<id>`` keep it, others are numbered, aloud. Five coefficients, or fisheye.

    What Caliscope knows beside (error, grid count) is written as 0.
    """
    cameras = {}
    for name, camera in numbered(rig, "cam_", path).items():
        cam_id = int(name.removeprefix("cam_"))
        table = table_of_camera(camera, f"{path}: camera '{name}'", COUNTS, lengths_per_m=1.0)
        beside = {"rotation_count": 0, "error": 0.0, "grid_count": 0, "ignore": False, "fisheye": False}
        cameras[str(cam_id)] = {"cam_id": cam_id, **beside, **table}
    write_text(path, tomli_w.dumps({"cameras": cameras}))


def _group(tables: Mapping[str, Any]) -> Mapping[str, Any]:
    group = tables.get("cameras", {})
    return group if isinstance(group, Mapping) else {}
