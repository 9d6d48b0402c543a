"""A calibration of one program as a calibration of another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mocap3d.calibration.formats import FORMATS, named_format, read_calibration
from mocap3d.calibration.rotation import rotated_rig
from mocap3d.errors import CalibrationError, FormatError
from mocap3d.session.records import CalibratedRig
from mocap3d.session.views import listed

FormatName = Literal[
    "mocap3d", "theia", "qualisys", "vicon", "caliscope", "pose2sim", "freemocap", "anipose", "easymocap", "mc-calib",
    "kalibr", "multical", "opencap", "colmap", "colmap-binary", "opencv",
]  # fmt: skip
"""The names of the table of formats."""


@dataclass(frozen=True)
class ConvertOptions:
    """What becomes of a calibration on its way from one format into another."""

    to: FormatName = "mocap3d"
    """Format to write; which one is read, the file itself tells."""
    unit: Literal["m", "cm", "mm", "in"] | None = None
    """Length unit of a file that does not state its own."""
    clockwise_deg: Literal[0, 90, 180, 270] = 0
    """Turn the cameras as their videos were turned."""
    turn: tuple[str, ...] = ()
    """Turn only these cameras."""
    names: tuple[str, ...] = ()
    """New names of the cameras, in the natural order of the old ones."""
    overwrite: bool = False
    """Replace what is there."""

    def __post_init__(self):
        if self.turn and not self.clockwise_deg:
            raise ValueError("the cameras to turn were given, but not by how much: state clockwise_deg, too.")


def convert_calibration(source: Path, target: Path, options: ConvertOptions | None = None) -> CalibratedRig:
    """Reads, turns, renames and writes; the rig as written. FormatError for what the new format cannot hold."""
    options = options or ConvertOptions()
    form = named_format(options.to)
    if form.write is None:
        writable = listed(known.name for known in FORMATS if known.write)
        raise FormatError(f"{form.title} can be read, but not be written, as its lens is another. Needed: {writable}.")
    _check_target(target, form.ending, form.title, may_replace=options.overwrite)
    rig = read_calibration(source, unit=options.unit)
    if options.clockwise_deg:
        rig = rotated_rig(rig, options.clockwise_deg, views=options.turn)
    rig = _renamed(rig, options.names)
    form.write(rig, target)
    return rig


def _check_target(target: Path, ending: str, title: str, *, may_replace: bool) -> None:
    """A file name that says what is in it, and nothing that would be lost."""
    if not target.name.endswith(ending):
        raise FormatError(
            f"{target} does not end in '{ending}', as {title} does. Call it {target.stem}{ending}, or state another "
            "format with --to."
        )
    if ending == "" and target.suffix in {known.ending for known in FORMATS if known.ending}:
        raise FormatError(f"{target} looks like a file, but {title} is written as a folder. Give a folder's name.")
    is_taken = any(target.iterdir()) if target.is_dir() else target.exists()
    if is_taken and not may_replace:
        raise FormatError(f"{target} is there already. Give another name, or --overwrite to replace it.")
    if ending and target.is_dir():
        raise FormatError(f"{target} is a folder, but {title} is one file. Give a file's name.")


def _renamed(rig: CalibratedRig, names: tuple[str, ...]) -> CalibratedRig:
    if not names:
        return rig
    if len(names) != len(rig.cameras) or len(set(names)) != len(names):
        raise CalibrationError(
            f"{len(names)} names ({listed(names)}) were given for the {len(rig.cameras)} cameras "
            f"{listed(rig.cameras)}. Needed: a different name for each, in this order."
        )
    return CalibratedRig(dict(zip(names, rig.cameras.values(), strict=True)), rig.source)
