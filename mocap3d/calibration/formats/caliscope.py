"""Caliscope's ``camera_array.toml``, and the ``config.toml`` of its older versions (pyxy3d): metres.

``rotation_count`` (quarter turns for people to look at) is not applied: Caliscope calibrates, and stores its
points, in the picture as filmed.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mocap3d.calibration.formats.opencv_table import camera_from_table, check_any, is_camera_table
from mocap3d.session.records import CalibratedRig

log = logging.getLogger("mocap3d")


def is_caliscope(tables: Mapping[str, Any]) -> bool:
    """A [cameras.N] group, or [cam_N] tables that count quarter turns."""
    if any(is_camera_table(table) for table in _group(tables).values()):
        return True
    return any(is_camera_table(table) and "rotation_count" in table for table in tables.values())


def read_caliscope(tables: Mapping[str, Any], path: Path) -> CalibratedRig:
    """Cameras by the name of their video, ``cam_<id>``; ignored and not yet posed ones are left out."""
    group = _group(tables) or tables
    cameras = {}
    for key, table in group.items():
        if not is_camera_table(table):
            continue
        name = f"cam_{table.get('cam_id', table.get('port', key.removeprefix('cam_').removeprefix('port_')))}"
        if table.get("ignore", False):
            log.warning("%s: camera '%s' is marked as ignored and is left out.", path, name)
        elif table.get("rotation") is None or table.get("translation") is None:
            log.warning("%s: camera '%s' has no pose (no extrinsic calibration) and is left out.", path, name)
        else:
            cameras[name] = camera_from_table(table, f"{path}: camera '{name}'", metre_per_unit=1.0)
    check_any(cameras, path, "Finish the extrinsic calibration in Caliscope, and do not ignore every camera.")
    return CalibratedRig(cameras=cameras, source=path)


def _group(tables: Mapping[str, Any]) -> Mapping[str, Any]:
    group = tables.get("cameras", {})
    return group if isinstance(group, Mapping) else {}
