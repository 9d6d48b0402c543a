"""The views of the report: small pictures of the videos, with what was seen and what 3D says should be seen."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.errors import SessionError
from mocap3d.session.records import CalibratedRig, Points3D, Session, Timeline, Tracks2D, VideoInfo, ViewId
from mocap3d.session.stills import Still, stills
from mocap3d.viz.packing import data_uri, packed

log = logging.getLogger("mocap3d")

PICTURE_BYTES = 5_000_000
"""All pictures together; as text a third more."""
_USUAL_BYTES = 9_000
"""Of one picture, to choose how many to look for."""
MOST_INSTANTS = 180
WIDTH_PX = 360
_QUALITY = 72
_DECODING_PX = 3e9
"""So much may be decoded exactly, all views together; what is more is shown at key frames."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """One view's instants, ascending, and their pictures; none where there is no video."""

    instants: list[int]
    pictures: list[bytes]


def view_data(
    session: Session, timeline: Timeline, rig: CalibratedRig, tracks: Tracks2D, points: Points3D
) -> list[dict[str, Any]]:
    """Plain tables for the page: places are shares of the picture's width; people, then keypoints."""
    n_videos = sum(view in session.videos for view in tracks.views)
    wanted = min(MOST_INSTANTS, max(8, PICTURE_BYTES // (_USUAL_BYTES * max(1, n_videos))))
    n_decoding = max(1, n_videos)

    def shown(view: ViewId) -> _Shown:
        video = session.videos.get(view)
        instants = _evenly(len(points.t_s), wanted if video else MOST_INSTANTS)
        if video is None or not len(instants):
            return _Shown(instants, [])
        return _with_pictures(video, timeline.frame_of_view[view], instants, _DECODING_PX / n_decoding)

    with ThreadPoolExecutor() as threads:  # decoding lets other threads run
        views = list(threads.map(shown, tracks.views))
    views = _within(views, PICTURE_BYTES)
    return [_view(number, view, views[number], rig, tracks, points) for number, view in enumerate(tracks.views)]


def _evenly(n: int, wanted: int) -> list[int]:
    return sorted(set(np.linspace(0, n - 1, min(n, wanted)).round().astype(int).tolist())) if n else []


def _with_pictures(
    video: VideoInfo, frame_of: Float[Tensor, " t"], instants: Sequence[int], affordable_px: float
) -> _Shown:
    """The instants whose pictures could be had; without any, the instants alone, and a word why."""
    frame_of_instant = frame_of.numpy()
    recorded = [i for i in instants if np.isfinite(frame_of_instant[i]) and frame_of_instant[i] < len(video.t_s)]
    frames = sorted({int(frame_of_instant[i].round()) for i in recorded if round(frame_of_instant[i]) < len(video.t_s)})
    try:
        found = {_nearest(frame_of_instant, still[0]): still for still in _stills(video, frames, affordable_px)}
    except SessionError as error:
        log.warning("The report shows no pictures of %s: %s", video.path.name, error)
        found = {}
    if not found:
        return _Shown(list(instants), [])
    return _Shown(sorted(found), [_jpeg(found[instant][1]) for instant in sorted(found)])


def _stills(video: VideoInfo, frames: Sequence[int], affordable_px: float) -> list[Still]:
    return list(stills(video, frames, width_px=WIDTH_PX, affordable_px=affordable_px))


def _nearest(frame_of_instant: Float[np.ndarray, " t"], frame: int) -> int:
    return int(np.nanargmin(np.abs(frame_of_instant - frame)))


def _jpeg(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _within(views: list[_Shown], most_bytes: int) -> list[_Shown]:
    """Every second picture goes until they fit."""
    while sum(len(picture) for view in views for picture in view.pictures) > most_bytes:
        views = [_Shown(v.instants[::2], v.pictures[::2]) if v.pictures else v for v in views]
    return views


def _view(
    number: int, view: ViewId, shown: _Shown, rig: CalibratedRig, tracks: Tracks2D, points: Points3D
) -> dict[str, Any]:
    camera, instants = rig.cameras[view], torch.tensor(shown.instants, dtype=torch.long)
    width, height = camera.size_px
    expected_px = camera.at(instants).project(points.p_in_world[instants])
    seen_px = tracks.uv_px[number, instants, :, :, 0]
    return {
        "name": view,
        "width": width,
        "height": height,
        "instants": shown.instants,
        "pictures": [data_uri(picture, "image/jpeg") for picture in shown.pictures],
        "seen": packed((seen_px / width).numpy()),
        "expected": packed(_near(expected_px / width).numpy()),
    }


def _near(uv: Float[Tensor, "s p k 2"]) -> Float[Tensor, "s p k 2"]:
    """Without places far beyond the picture, which would take the resolution of all others."""
    return uv.masked_fill(((uv < -1) | (uv > 2)).any(-1, keepdim=True), torch.nan)
