"""The calibrated cameras of a session: its calibration file, restricted to its views and fitted to its videos."""

import logging

from mocap3d.calibration.formats import KNOWN, read_calibration
from mocap3d.calibration.resolution import fit_to_video
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import CalibratedRig, Session, ViewId
from mocap3d.session.views import listed, match_names

log = logging.getLogger("mocap3d")

MIN_VIEWS = 2


def load_calibration(session: Session, *, unit: str | None = None) -> CalibratedRig:
    """The cameras of the session's views, in the order of its views; views without a camera are left out, and named.

    ``unit`` is the length unit of a calibration file that does not state its own (anipose).
    """
    if session.calibration is None:
        raise CalibrationError(
            f"{session.root} has no calibration. Put a calibration file there as calibration.toml or into "
            "calibration/, or film a board and let `mocap3d calibrate` make one. "
            f"Known formats: {KNOWN}."
        )
    rig = read_calibration(session.calibration, unit=unit)
    camera_of_view = match_names(session.views, rig.cameras)
    if len(camera_of_view) < MIN_VIEWS:
        raise CalibrationError(
            f"{session.calibration} calibrates the cameras {listed(rig.cameras)}, the session's views are "
            f"{listed(session.views)}. Views with a camera: {len(camera_of_view)}; needed: at least {MIN_VIEWS}. "
            "Name videos and keypoints like the cameras, or calibrate the missing ones."
        )
    if left_out := [view for view in session.views if view not in camera_of_view]:
        unseen = [name for name in rig.cameras if name not in camera_of_view.values()]
        remedy = f" Its cameras {listed(unseen)} have no view: name the videos like them." if unseen else ""
        said = (session.calibration, listed(left_out), remedy)
        log.warning("No camera in %s for the views %s: they are left out.%s", *said)
    cameras = {view: _for_video(rig.cameras[name], session, view) for view, name in camera_of_view.items()}
    return CalibratedRig(cameras=cameras, source=rig.source)


def _for_video(camera: Camera, session: Session, view: ViewId) -> Camera:
    video = session.videos.get(view)
    return camera if video is None else fit_to_video(camera, video.size_px, view)
