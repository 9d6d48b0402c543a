"""The calibrated cameras of a session: its calibration file, restricted to its views and fitted to its videos."""

import logging

from mocap3d.calibration.formats import KNOWN, read_calibration
from mocap3d.calibration.resolution import fit_to_videos
from mocap3d.errors import CalibrationError
from mocap3d.session.calibration_file import FOLDER
from mocap3d.session.records import CalibratedRig, Session
from mocap3d.session.views import listed, match_names

log = logging.getLogger("mocap3d")

MIN_VIEWS = 2


def load_calibration(session: Session, *, unit: str | None = None) -> CalibratedRig:
    """The cameras of the session's views, in the order of its views; views without a camera are left out, and named.

    ``unit`` is the length unit of a calibration file that does not state its own (anipose).
    """
    if session.calibration is None:
        raise CalibrationError(
            f"{session.root} has no calibration.{_what_lies_there(session)} Put a calibration file there as "
            "calibration.toml or into calibration/, or film a board and let `mocap3d calibrate` make one. "
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
    cameras = {view: rig.cameras[name] for view, name in camera_of_view.items()}
    sizes_px = {view: video.size_px for view, video in session.videos.items()}
    return CalibratedRig(cameras=fit_to_videos(cameras, sizes_px), source=rig.source)


def _what_lies_there(session: Session) -> str:
    """Files of the folder for calibrations that are none: cut off, of another program, or not of this session."""
    folder = session.root / FOLDER
    found = folder.iterdir() if folder.is_dir() else ()
    names = sorted(path.name for path in found if not path.name.startswith("."))
    few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f" {folder} holds files, but none of them is one that is known, and whole: {few}." if names else ""
