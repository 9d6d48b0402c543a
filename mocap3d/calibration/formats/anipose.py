"""anipose's and FreeMoCap's ``calibration.toml``: one table per camera, world -> camera in the unit of their board."""

from pathlib import Path
from typing import Any

import tomli_w

from mocap3d.calibration.formats.content import Content, Kind
from mocap3d.calibration.formats.opencv_table import camera_from_table, check_any, is_camera_table, table_of_camera
from mocap3d.calibration.formats.units import in_metres, stated_unit
from mocap3d.errors import CalibrationError
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig

COUNTS = (5,)
MM_PER_M = 1000.0
REMEDY = ' with --unit, or in the file under [metadata] as unit = "mm"'


def is_anipose(content: Content) -> bool:
    """Whether any table of a TOML file looks like a camera."""
    return content.kind is Kind.TOML and any(is_camera_table(table) for table in content.tables.values())


def is_freemocap(content: Content) -> bool:
    """FreeMoCap adds where each camera stands, or the side of its ChArUco squares in mm."""
    if not is_anipose(content):
        return False
    metadata = content.tables.get("metadata")
    states_squares = isinstance(metadata, dict) and "charuco_square_size" in metadata
    cameras = [table for table in content.tables.values() if is_camera_table(table)]
    return states_squares or any("world_position" in camera for camera in cameras)


def read_anipose(content: Content) -> CalibratedRig:
    """Cameras by their ``name`` (the order of the tables means nothing).

    anipose does not state its unit: it is the user's, else that of a key ``unit`` under [metadata] or [calibration],
    else guessed from the size of the rig with a warning.
    """
    return _read(content, stated_unit((content.tables.get("metadata"), content.tables.get("calibration"))))


def read_freemocap(content: Content) -> CalibratedRig:
    """As anipose's, in millimetres, in which FreeMoCap always gives its board, unless the file states another unit."""
    return _read(content, stated_unit((content.tables.get("metadata"), content.tables.get("calibration"))) or "mm")


def write_anipose(rig: CalibratedRig, path: Path) -> None:
    """In metres, and [metadata] says so; anipose itself does not look at that."""
    _write(rig, path, lengths_per_m=1.0, metadata={"adjusted": False, "error": 0.0, "unit": "m"})


def write_freemocap(rig: CalibratedRig, path: Path) -> None:
    """In millimetres, with each camera's place and axes in the world."""
    _write(rig, path, lengths_per_m=MM_PER_M, metadata={"adjusted": False, "error": 0.0}, has_place=True)


def _read(content: Content, unit: str | None) -> CalibratedRig:
    cameras, path = {}, content.path
    for key, table in content.tables.items():
        if is_camera_table(table):
            name = str(table.get("name", key))
            if name in cameras:
                raise CalibrationError(f"{path}: two cameras have the name '{name}'. Give every camera its own name.")
            cameras[name] = camera_from_table(table, f"{path}: camera '{name}'")
    check_any(cameras, path, "Needed is one table with size, matrix, distortions, rotation and translation per camera.")
    return CalibratedRig(cameras=in_metres(cameras, content, stated=unit, remedy=REMEDY), source=path)


def _write(
    rig: CalibratedRig, path: Path, *, lengths_per_m: float, metadata: dict[str, Any], has_place: bool = False
) -> None:
    tables: dict[str, Any] = {}
    for i, (name, camera) in enumerate(rig.cameras.items()):
        table = table_of_camera(camera, f"{path}: camera '{name}'", COUNTS, lengths_per_m=lengths_per_m)
        tables[f"cam_{i}"] = {"name": name, **table}
        if has_place:
            tables[f"cam_{i}"] |= {
                "id": name,
                "index": i,
                "world_position": (camera.centre_in_world * lengths_per_m).tolist(),
                "world_orientation": camera.cam_from_world.rotation.mT.tolist(),
            }
    write_text(path, tomli_w.dumps(tables | {"metadata": metadata}))
