"""Rigs whose pictures are turned by quarter turns: lens, pose and size turn together, and the world stays."""

from collections.abc import Collection

from mocap3d.errors import CalibrationError
from mocap3d.session.records import CalibratedRig, ViewId
from mocap3d.session.views import did_you_mean, listed

QUARTER_DEG = 90


def rotated_rig(rig: CalibratedRig, clockwise_deg: int, *, views: Collection[ViewId] = ()) -> CalibratedRig:
    """The rig that fits its videos turned clockwise by a multiple of 90 degrees; only some ``views``, or all if none.

    Every world point is seen where the turned picture shows it, distortion included.
    """
    if clockwise_deg % QUARTER_DEG:
        raise CalibrationError(
            f"A turn by {clockwise_deg} degrees was asked for. Needed is a multiple of 90: film or turn the video so."
        )
    for view in views:
        if view not in rig.cameras:
            hint = did_you_mean(view, rig.cameras)
            raise CalibrationError(f"There is no camera '{view}' to turn.{hint} Known: {listed(rig.cameras)}.")
    turns = clockwise_deg // QUARTER_DEG
    cameras = {
        view: camera.rotated(turns) if view in views or not views else camera for view, camera in rig.cameras.items()
    }
    return CalibratedRig(cameras=cameras, source=rig.source)
