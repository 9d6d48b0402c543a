"""Calibrations of other programs, one file per format; which one it is, the file itself tells."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mocap3d.calibration.formats.anipose import read_anipose
from mocap3d.calibration.formats.caliscope import is_caliscope, read_caliscope
from mocap3d.calibration.formats.native import is_native, read_native
from mocap3d.calibration.formats.opencv_table import is_camera_table
from mocap3d.calibration.formats.pose2sim import is_pose2sim, read_pose2sim
from mocap3d.calibration.formats.qualisys import read_qualisys
from mocap3d.errors import CalibrationError
from mocap3d.session.records import CalibratedRig
from mocap3d.session.toml import read_toml
from mocap3d.session.views import natural_key

KNOWN = "Qualisys .qca.txt; Pose2Sim, anipose, FreeMoCap and Caliscope .toml; mocap3d's own calibration.toml"

_BY_SIGN: tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any], Path], CalibratedRig]], ...] = (
    (is_native, read_native),
    (is_caliscope, read_caliscope),
    (is_pose2sim, read_pose2sim),
)


def read_calibration(path: Path, *, unit: str | None = None) -> CalibratedRig:
    """The cameras of a calibration file of any known format, in metres, in natural order of their names.

    ``unit`` (m, cm, mm, in) is the length unit of an anipose file, which does not state its own.
    The world stays the file's: Z is up only if it was so there.
    """
    if _is_xml(path):
        return _in_natural_order(read_qualisys(path))
    tables = read_toml(path, error=CalibrationError)
    for has_sign, read in _BY_SIGN:
        if has_sign(tables):
            return _in_natural_order(read(tables, path))
    if any(is_camera_table(table) for table in tables.values()):
        return _in_natural_order(read_anipose(tables, path, unit=unit))
    raise CalibrationError(f"{path} holds no cameras in a format known here. Known: {KNOWN}.")


def _is_xml(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be read ({error.strerror}). A calibration file is needed; known are: {KNOWN}."
        ) from None


def _in_natural_order(rig: CalibratedRig) -> CalibratedRig:
    return CalibratedRig({name: rig.cameras[name] for name in sorted(rig.cameras, key=natural_key)}, rig.source)
