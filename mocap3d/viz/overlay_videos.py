"""A video per view with the reconstruction in it, and all of them side by side."""

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8

from mocap3d.session.records import CalibratedRig, Points3D, Session, Timeline, Tracks2D, ViewId
from mocap3d.session.video import frames
from mocap3d.session.video_writer import write_video
from mocap3d.viz.overlay import overlaid

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
TILED = "all-views.mp4"
TILED_WIDTH_PX = 1920
_GAP_PX = 4
_SCREEN = 16 / 9


def write_overlays(
    session: Session,
    timeline: Timeline,
    rig: CalibratedRig,
    tracks: Tracks2D,
    points: Points3D,
    folder: Path,
    *,
    views: Sequence[ViewId] | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[Path, ...]:
    """<view>.mp4 for the views asked for, in threads, and all-views.mp4; their paths. A picture per instant."""
    wanted = tracks.views if views is None else tuple(views)
    paths = [folder / f"{view}.mp4" for view in wanted]
    count = _Count("drawing the views", len(wanted) * len(points.t_s), progress)

    def write(view: ViewId, path: Path) -> None:
        number, video = tracks.views.index(view), session.videos.get(view)
        pictures = overlaid(number, video, timeline.frame_of_view[view], rig, tracks, points)
        write_video(path, count.of(pictures), points.rate)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:  # drawing, coding and decoding let others run
        tasks = [threads.submit(write, view, path) for view, path in zip(wanted, paths, strict=True)]
        try:
            for done in tasks:
                done.result()
        except BaseException:  # Ctrl-C, too: else the block would wait until all videos are done
            count.stop()
            raise
    if len(paths) > 1:
        count = _Count("putting them side by side", len(points.t_s), progress)
        write_video(folder / TILED, count.of(tiled(paths)), points.rate)
        paths.append(folder / TILED)
    return tuple(paths)


def tiled(paths: Sequence[Path], *, width_px: int = TILED_WIDTH_PX) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Pictures of several videos of equal length in one, in rows; each keeps its proportions."""
    columns = 0
    for pictures in zip(*(frames(path) for path in paths), strict=True):
        columns = columns or _columns([picture.shape[:2] for _, picture in pictures])
        cell_w = (width_px - _GAP_PX * (columns - 1)) // columns
        small = [_fitted(picture, cell_w) for _, picture in pictures]
        cell_h = max(len(picture) for picture in small)
        rows = math.ceil(len(small) / columns)
        sheet = np.zeros((rows * (cell_h + _GAP_PX) - _GAP_PX, width_px, 3), np.uint8)
        for n, picture in enumerate(small):
            top, left = (n // columns) * (cell_h + _GAP_PX), (n % columns) * (cell_w + _GAP_PX)
            sheet[top : top + len(picture), left : left + cell_w] = picture
        yield sheet


def _columns(sizes_px: Sequence[tuple[int, ...]]) -> int:
    """So many that the sheet comes near the shape of a screen."""
    tallest = max(height / width for height, width in sizes_px)

    def off(columns: int) -> float:
        shape = columns / (math.ceil(len(sizes_px) / columns) * tallest)
        return abs(math.log(shape / _SCREEN))

    return min(range(1, len(sizes_px) + 1), key=off)


def _fitted(picture: UInt8[np.ndarray, "h w 3"], width_px: int) -> UInt8[np.ndarray, "a b 3"]:
    height_px = max(2, round(len(picture) * width_px / picture.shape[1]))
    return cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


class _Count:
    """Pictures of all threads, counted together."""

    def __init__(self, stage: str, total: int, progress: Progress):
        self._stage, self._total, self._progress = stage, total, progress
        self._done, self._lock, self._is_stopped = 0, threading.Lock(), False

    def stop(self) -> None:
        """Makes every thread fail at its next picture."""
        self._is_stopped = True

    def of(self, items: Iterator[T]) -> Iterator[T]:
        for item in items:
            if self._is_stopped:
                raise CancelledError
            yield item
            with self._lock:
                self._done += 1
                self._progress(self._stage, self._done, self._total)
