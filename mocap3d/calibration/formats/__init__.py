"""Calibrations of other programs, one file per format; which one it is, the content itself tells."""

from pathlib import Path

from mocap3d.calibration.formats.content import open_content
from mocap3d.calibration.formats.known import FORMATS, KNOWN, Format, format_of, named_format
from mocap3d.errors import CalibrationError
from mocap3d.session.records import CalibratedRig
from mocap3d.session.views import natural_key

__all__ = ["FORMATS", "KNOWN", "Format", "named_format", "read_calibration"]


def read_calibration(path: Path, *, unit: str | None = None) -> CalibratedRig:
    """The cameras of a calibration of any known format (file or folder), in metres, in natural order of their names.

    ``unit`` (m, cm, mm, in) is the length unit of a file that does not state its own, and overrides one that does.
    The world stays the file's: Z is up only if it was so there.
    """
    content = open_content(path, KNOWN, unit=unit)
    found = format_of(content)
    if found is None:
        raise CalibrationError(f"{path} ({content.kind}) holds no cameras in a format known here. Known: {KNOWN}.")
    rig = found.read(content)
    return CalibratedRig({name: rig.cameras[name] for name in sorted(rig.cameras, key=natural_key)}, rig.source)
