"""The common instants of a session, and which frame of each view belongs to each of them."""

import logging
import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import SessionError
from mocap3d.session.rate import regular_times
from mocap3d.session.records import Session, Timeline, VideoInfo, ViewId
from mocap3d.session.views import did_you_mean, listed

log = logging.getLogger("mocap3d")

SNAP_FRAMES = 1e-6
"""A frame this near to a whole one is that one: no float error may make it a mixture of two, or cut off the last."""
COVERED = 0.9
"""A view that records less than this share of the common time is worth a word."""
SURPLUS = 0.01
"""So much longer than the video may keypoints be: some detectors and containers disagree on the last frames."""


def make_timeline(session: Session, n_frames: Mapping[ViewId, int]) -> Timeline:
    """Instants at the session's exact rate, wherever at least two of the views record (or the only one).

    ``n_frames`` is the length of each view to use, in frames. Views start together unless offset_s says otherwise.
    A view's frames come at the rate session.toml states for it, else at its video's own times, else at the session's
    rate. Instants fall on frames of the first view, so that views of one rate are read without interpolation.
    """
    if session.rate is None:
        raise SessionError(f"{session.root}: the frame rate is not known. {_SAY_RATE}")
    _check_views(session, n_frames)
    times_s = {view: frame_times(session, view, n_frames[view]) for view in session.views if view in n_frames}
    start_s, end_s = _overlap(session, times_s)
    anchor_s = float(next(iter(times_s.values()))[0])
    first = math.ceil((start_s - anchor_s) * session.rate - SNAP_FRAMES)
    last = math.floor((end_s - anchor_s) * session.rate + SNAP_FRAMES)
    t_s = anchor_s + regular_times(last + 1 - first, session.rate, first=first)
    frame_of_view = {view: _frame_at(t_s, times, SNAP_FRAMES / float(session.rate)) for view, times in times_s.items()}
    _warn_of_short_views(frame_of_view)
    return Timeline(t_s=t_s, rate=session.rate, frame_of_view=frame_of_view)


def _warn_of_short_views(frame_of_view: Mapping[ViewId, Float[Tensor, " t"]]) -> None:
    for view, frames in frame_of_view.items():
        covered = frames.isfinite().double().mean().item()
        if covered < COVERED:
            log.warning(
                "view '%s' records only %.0f %% of the time that the others do. If it belongs elsewhere in time, say "
                "so with offset_s of [views.%s] in session.toml; if frames are missing, look at its files.",
                view,
                100 * covered,
                view,
            )


def frame_times(session: Session, view: ViewId, n: int) -> Float[Tensor, " n"]:
    """When each frame of a view was taken, on the common clock."""
    if n < 1:
        raise SessionError(f"{session.root}: view '{view}' has no frames. Remove its files, or give it some.")
    offset_s = session.offset_s.get(view, 0.0)
    video, stated = session.videos.get(view), session.view_rate.get(view)
    if stated is None and video is not None and not video.t_s.isnan().any():
        return offset_s + _video_times(video, view, n)
    assert session.rate is not None, "make_timeline has checked it"
    return offset_s + regular_times(n, stated or session.rate)


def _video_times(video: VideoInfo, view: ViewId, n: int) -> Float[Tensor, " n"]:
    """The video's times of its first n frames, continued evenly where n is a little more than there are."""
    surplus = n - len(video.t_s)
    if surplus <= 0:
        return video.t_s[:n]
    if video.rate is None or surplus > max(2, SURPLUS * n):
        raise SessionError(
            f"view '{view}' has keypoints for {n} frames, but {video.path} has {len(video.t_s)}. They belong to "
            "another recording, or to a copy at another frame rate: give the video they were found in, or remove it."
        )
    return torch.cat([video.t_s, video.t_s[-1] + regular_times(surplus + 1, video.rate)[1:]])


def _overlap(session: Session, times_s: Mapping[ViewId, Tensor]) -> tuple[float, float]:
    """From the second view's start to the last but one's end, in seconds on the common clock."""
    second = min(2, len(times_s)) - 1
    start_s = sorted(float(times[0]) for times in times_s.values())[second]
    end_s = sorted((float(times[-1]) for times in times_s.values()), reverse=True)[second]
    if start_s > end_s:
        spans = "; ".join(f"'{view}' {float(t[0]):.3f} to {float(t[-1]):.3f} s" for view, t in times_s.items())
        raise SessionError(
            f"{session.root}: no two views record at the same time ({spans}). Correct offset_s of [views.<name>] in "
            "session.toml: it is when a view's first frame was taken, in seconds on one common clock."
        )
    return start_s, end_s


def _frame_at(t_s: Float[Tensor, " t"], times_s: Float[Tensor, " n"], slack_s: float) -> Float[Tensor, " t"]:
    """The fractional frame at each instant, linear between the frame times; NaN before the first and after the last."""
    t, times = t_s.numpy(), times_s.numpy()
    frame = np.interp(t, times, np.arange(len(times), dtype=np.float64))
    whole = np.round(frame)
    frame = np.where(np.abs(frame - whole) < SNAP_FRAMES, whole, frame)
    return torch.from_numpy(np.where((t < times[0] - slack_s) | (t > times[-1] + slack_s), np.nan, frame))


def _check_views(session: Session, n_frames: Mapping[ViewId, int]) -> None:
    if not n_frames:
        raise SessionError(f"{session.root}: no view has keypoints; views: {listed(session.views)}. Fill keypoints/.")
    for view in n_frames:
        if view not in session.views:
            raise SessionError(
                f"{session.root} has no view '{view}'.{did_you_mean(view, session.views)} Its views: "
                f"{listed(session.views)}. Name videos and keypoints alike."
            )


_SAY_RATE = 'Write rate = 60 (or 59.94, or "60000/1001") into session.toml, or put the videos into videos/.'
