"""The 2D keypoints of a session: for now, those that another detector left in its folder."""

import logging
from dataclasses import replace

from mocap3d.detection.foreign import FORMATS, read_keypoints
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, Session, ViewId
from mocap3d.session.views import listed

log = logging.getLogger("mocap3d")


def detect(session: Session) -> dict[ViewId, Detections]:
    """Keypoints of every view that has some, in the order of the views, all of one keypoint set."""
    if not session.keypoints:
        raise DetectionError(
            f"{session.root}: no keypoints found. Looked for keypoints/<view>... for the views "
            f"{listed(session.views)}. Run a 2D detector on the videos and put its files there: a "
            f"folder of OpenPose JSON, a COCO JSON, a DeepLabCut or SLEAP h5, or an npz ({', '.join(FORMATS)})."
        )
    if absent := [view for view in session.views if view not in session.keypoints]:
        log.warning("No keypoints for the views %s: they are left out.", listed(absent))
    detections = {}
    for view in session.views:
        if view in session.keypoints:
            found = read_keypoints(session.keypoints[view], view, skeleton=session.skeleton)
            detections[view] = _for_video(found, session)
    _check_one_set(detections, session)
    return detections


def _for_video(detections: Detections, session: Session) -> Detections:
    """With the length of the view's video, which may go on after the last person left."""
    video = session.videos.get(detections.view)
    if video is None:
        return detections
    length = len(video.t_s)
    if detections.n_frames > length:
        log.warning(
            "View '%s' has keypoints up to frame %d but its video %s has %d frames. Check that they belong together.",
            detections.view,
            detections.n_frames - 1,
            video.path,
            length,
        )
    return replace(detections, n_frames=max(detections.n_frames, length))


def _check_one_set(detections: dict[ViewId, Detections], session: Session) -> None:
    if len({found.keypoint_set for found in detections.values()}) > 1:
        sets = ", ".join(f"{view}: {found.keypoint_set}" for view, found in detections.items())
        raise DetectionError(
            f"{session.root}: the views have different keypoint sets ({sets}). Run one detector on all of them, or "
            "leave the others out."
        )
