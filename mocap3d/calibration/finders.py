"""The finder of each kind of target."""

from mocap3d.calibration.blobs import WandFinder
from mocap3d.calibration.boards import AprilGrid, Charuco, Chessboard
from mocap3d.calibration.chessboard import ChessboardFinder
from mocap3d.calibration.free_points import Wand
from mocap3d.calibration.marker_sets import Aruco
from mocap3d.calibration.markers import AprilGridFinder, ArucoFinder, CharucoFinder
from mocap3d.calibration.sighting import Finder
from mocap3d.calibration.targets import Pattern
from mocap3d.errors import CalibrationError


def finder_of(pattern: Pattern) -> Finder:
    """What looks for a pattern in pictures; points of the scene are listed, not looked for."""
    match pattern:
        case Chessboard():
            return ChessboardFinder(pattern)
        case Charuco():
            return CharucoFinder(pattern)
        case AprilGrid():
            return AprilGridFinder(pattern)
        case Aruco():
            return ArucoFinder(pattern)
        case Wand():
            return WandFinder(pattern)
        case _:
            raise CalibrationError(
                "points of the scene are not looked for in pictures. List where each view sees them under "
                "[scene.pixels.<view>] of their file."
            )
