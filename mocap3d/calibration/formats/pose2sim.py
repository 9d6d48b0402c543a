"""Pose2Sim's ``Calib.toml``: one table per camera, metres, world Z up, always four distortion coefficients.

Pose2Sim up to 0.10 divides the distortion of a Qualisys import by 64; such a file looks like any other and cannot be
told from a lens with almost no distortion. Read the .qca.txt itself instead.
"""

from pathlib import Path

import tomli_w

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.expressible import coefficients
from mocap3d.calibration.formats.opencv_table import camera_from_table, check_any, is_camera_table, table_of_camera
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

COUNTS = (4,)


def is_pose2sim(content: Content) -> bool:
    """Pose2Sim writes ``fisheye = false`` and four coefficients; anipose writes five, and no fisheye = false."""
    cameras = [table for table in content.tables.values() if is_camera_table(table)]
    return (
        content.kind is Kind.TOML
        and bool(cameras)
        and all(table.get("fisheye") is False and len(table.get("distortions", ())) == 4 for table in cameras)
    )


def read_pose2sim(content: Content) -> CalibratedRig:
    """Cameras by the name of their table, as Pose2Sim itself finds them."""
    cameras = {
        name: camera_from_table(table, f"{content.path}: camera '{name}'")
        for name, table in content.tables.items()
        if is_camera_table(table)
    }
    check_any(
        cameras,
        content.path,
        "Needed is one table with size, matrix, distortions, rotation and translation per camera.",
    )
    return CalibratedRig(cameras=cameras, source=content.path)


def write_pose2sim(rig: CalibratedRig, path: Path) -> None:
    """Four coefficients and no fisheye: FormatError where a lens needs more."""
    tables = {}
    for name, camera in rig.cameras.items():
        where = f"{path}: camera '{name}'"
        coefficients(camera, where, COUNTS)  # Pose2Sim's reader takes fisheye = true, but nothing of it uses that
        tables[name] = {"name": name, **table_of_camera(camera, where, COUNTS, lengths_per_m=1.0), "fisheye": False}
        tables[name]["size"] = [float(side) for side in camera.size_px]
    write_text(path, tomli_w.dumps(tables | {"metadata": {"adjusted": False, "error": 0.0}}))
