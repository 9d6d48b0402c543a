"""Pose2Sim's ``Calib.toml``: one table per camera, metres, world Z up, always four distortion coefficients.

Pose2Sim up to 0.10 divides the distortion of a Qualisys import by 64; such a file looks like any other and cannot be
told from a lens with almost no distortion. Read the .qca.txt itself instead.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mocap3d.calibration.formats.opencv_table import camera_from_table, check_any, is_camera_table
from mocap3d.session.records import CalibratedRig


def is_pose2sim(tables: Mapping[str, Any]) -> bool:
    """Pose2Sim writes ``fisheye = false`` and four coefficients; anipose writes five, and no fisheye = false."""
    cameras = [table for table in tables.values() if is_camera_table(table)]
    return bool(cameras) and all(
        table.get("fisheye") is False and len(table.get("distortions", ())) == 4 for table in cameras
    )


def read_pose2sim(tables: Mapping[str, Any], path: Path) -> CalibratedRig:
    """Cameras by the name of their table, as Pose2Sim itself finds them."""
    cameras = {
        name: camera_from_table(table, f"{path}: camera '{name}'", metre_per_unit=1.0)
        for name, table in tables.items()
        if is_camera_table(table)
    }
    check_any(cameras, path, "Needed is one table with size, matrix, distortions, rotation and translation per camera.")
    return CalibratedRig(cameras=cameras, source=path)
