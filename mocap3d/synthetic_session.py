"""A scene that was made up, as a session folder: where synthesis meets calibration's files."""

from pathlib import Path
from typing import Literal

from mocap3d.calibration.formats.native import write_calibration
from mocap3d.synthesis.scene import Scene
from mocap3d.synthesis.session_writer import CALIBRATIONS, CalibrationFile, write_session

CalibrationKind = Literal["qualisys", "pose2sim", "native"]


def synthesise(scene: Scene, root: Path, calibration: CalibrationKind = "qualisys") -> None:
    """A synthetic scene as a session folder, its cameras in the calibration format asked for."""
    native = CalibrationFile("calibration.toml", write_calibration)
    write_session(scene, root, calibration=native if calibration == "native" else CALIBRATIONS[calibration])
