"""The table of known formats: how each is told, read and written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mocap3d.calibration.formats.anipose import (
    is_anipose,
    is_freemocap,
    read_anipose,
    read_freemocap,
    write_anipose,
    write_freemocap,
)
from mocap3d.calibration.formats.caliscope import is_caliscope, read_caliscope, write_caliscope
from mocap3d.calibration.formats.colmap import is_colmap, read_colmap, write_colmap, write_colmap_binary
from mocap3d.calibration.formats.content import Content
from mocap3d.calibration.formats.easymocap import is_easymocap, read_easymocap, write_easymocap
from mocap3d.calibration.formats.kalibr import is_kalibr, read_kalibr, write_kalibr
from mocap3d.calibration.formats.mc_calib import is_mc_calib, read_mc_calib, write_mc_calib
from mocap3d.calibration.formats.multical import is_multical, read_multical, write_multical
from mocap3d.calibration.formats.native import is_native, read_native, write_calibration
from mocap3d.calibration.formats.opencap import is_opencap, read_opencap, write_opencap
from mocap3d.calibration.formats.opencv_yaml import is_opencv, read_opencv, write_opencv
from mocap3d.calibration.formats.pose2sim import is_pose2sim, read_pose2sim, write_pose2sim
from mocap3d.calibration.formats.qualisys import is_qualisys, read_qualisys, write_qualisys
from mocap3d.calibration.formats.theia import is_theia, read_theia, write_theia
from mocap3d.calibration.formats.vicon import is_vicon, read_vicon
from mocap3d.session.records import CalibratedRig


@dataclass(frozen=True, slots=True)
class Format:
    """One format of calibrations."""

    name: str
    """On the command line."""
    title: str
    """For people."""
    has_sign: Callable[[Content], bool]
    """Whether a content is of this format; the first of the table that says yes reads it."""
    read: Callable[[Content], CalibratedRig]
    write: Callable[[CalibratedRig, Path], None] | None
    """None where the format cannot hold what a camera is."""
    ending: str
    """How the name of a written file ends; '' for a folder of files."""


FORMATS = (
    Format("mocap3d", "mocap3d's own calibration.toml", is_native, read_native, write_calibration, ".toml"),
    Format("theia", "Theia's XML", is_theia, read_theia, write_theia, ".txt"),
    Format("qualisys", "Qualisys .qca.txt", is_qualisys, read_qualisys, write_qualisys, ".qca.txt"),
    Format("vicon", "Vicon .xcp", is_vicon, read_vicon, None, ".xcp"),
    Format("caliscope", "Caliscope .toml", is_caliscope, read_caliscope, write_caliscope, ".toml"),
    Format("pose2sim", "Pose2Sim .toml", is_pose2sim, read_pose2sim, write_pose2sim, ".toml"),
    Format("freemocap", "FreeMoCap .toml", is_freemocap, read_freemocap, write_freemocap, ".toml"),
    Format("anipose", "anipose .toml", is_anipose, read_anipose, write_anipose, ".toml"),
    Format("easymocap", "EasyMocap's intri.yml and extri.yml", is_easymocap, read_easymocap, write_easymocap, ""),
    Format("mc-calib", "MC-Calib .yml", is_mc_calib, read_mc_calib, write_mc_calib, ".yml"),
    Format("kalibr", "Kalibr's camchain .yaml", is_kalibr, read_kalibr, write_kalibr, ".yaml"),
    Format("multical", "MultiCal .json", is_multical, read_multical, write_multical, ".json"),
    Format("opencap", "OpenCap's pickles", is_opencap, read_opencap, write_opencap, ""),
    Format("colmap", "COLMAP models", is_colmap, read_colmap, write_colmap, ""),
    Format("colmap-binary", "COLMAP models", is_colmap, read_colmap, write_colmap_binary, ""),
    Format("opencv", "OpenCV's .yml and .xml", is_opencv, read_opencv, write_opencv, ""),
)
KNOWN = "; ".join(dict.fromkeys(known.title for known in FORMATS))


def format_of(content: Content) -> Format | None:
    """The format of a content by its signs, or None."""
    return next((known for known in FORMATS if known.has_sign(content)), None)


def named_format(name: str) -> Format:
    """The format of a name of the table."""
    return next(known for known in FORMATS if known.name == name)
