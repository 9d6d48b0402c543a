"""Targets looked for in the recordings of all views at once."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Event, Semaphore

import cv2
import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from mocap3d.calibration.finders import finder_of
from mocap3d.calibration.findings import Finding, findings_of
from mocap3d.calibration.free_points import ScenePoints
from mocap3d.calibration.instants import Instants
from mocap3d.calibration.sighting import Finder, Sighting
from mocap3d.calibration.targets import Target
from mocap3d.errors import CalibrationError
from mocap3d.session.records import TargetObservations, VideoInfo, ViewId
from mocap3d.session.video import frames
from mocap3d.session.views import did_you_mean, listed, natural_key

Progress = Callable[[str, int, int], None]
STAGE = "looking for the board"


@dataclass(frozen=True, slots=True)
class Search:
    """What was seen of one target, and what is odd about it."""

    observations: TargetObservations
    """Of the instants at which some view sees it."""
    n_looked: Mapping[ViewId, int]
    """Frames that were searched."""
    n_seen: Mapping[ViewId, int]
    """Frames in which it was found."""
    findings: tuple[Finding, ...]


def observe(
    recordings: Mapping[ViewId, VideoInfo],
    target: Target,
    instants: Instants,
    *,
    threads: int = 0,
    progress: Progress | None = None,
) -> Search:
    """Looks for a target at the given instants in all views; the same for any number of threads (0 = all cores).

    Every video is decoded once, as a stream. Raises SessionError where a recording cannot be read.
    """
    sightings: dict[ViewId, dict[int, Sighting]] = {view: {} for view in instants.frame}
    for view, instant, sighting in _looks(recordings, finder_of(target.pattern), instants, threads):
        sightings[view][instant] = sighting
        if progress is not None:
            progress(STAGE, sum(map(len, sightings.values())), instants.n_looks)
    observations = _assembled(recordings, target, instants, sightings)
    by_frame = {
        view: {int(instants.frame[view][instant]): seen for instant, seen in sorted(looks.items())}
        for view, looks in sightings.items()
    }
    n_seen = {view: sum(seen.n_points > 0 for seen in looks.values()) for view, looks in by_frame.items()}
    findings = findings_of(target, by_frame, recordings)
    return Search(observations, {view: len(looks) for view, looks in by_frame.items()}, n_seen, findings)


def listed_points(target: Target, recordings: Mapping[ViewId, VideoInfo]) -> TargetObservations:
    """The points of a ``[scene]`` as its file lists them, all at one instant."""
    pattern = target.pattern
    assert isinstance(pattern, ScenePoints), "only points of the scene are listed"
    views = tuple(sorted(pattern.pixels, key=natural_key))
    for view in views:
        if view not in recordings:
            raise CalibrationError(
                f"target '{target.name}' lists pixels of view '{view}'.{did_you_mean(view, recordings)} Views: "
                f"{listed(recordings)}. Name them alike."
            )
    uv_px = torch.full((len(views), 1, len(pattern.points_m), 2), torch.nan, dtype=torch.float64)
    for v, view in enumerate(views):
        for k, name in enumerate(pattern.points_m):
            if name in pattern.pixels[view]:
                uv_px[v, 0, k] = torch.tensor(pattern.pixels[view][name], dtype=torch.float64)
    return TargetObservations(
        name=target.name,
        p_in_target=target.p_in_target,
        views=views,
        size_px={view: recordings[view].size_px for view in views},
        t_s=torch.full((1,), torch.nan, dtype=torch.float64),
        frame=torch.zeros((len(views), 1), dtype=torch.long),
        uv_px=uv_px,
        sigma_px=torch.where(uv_px[..., 0].isnan(), torch.nan, pattern.sigma_px),
    )


def subset(observations: TargetObservations, index: Int[Tensor, " s"]) -> TargetObservations:
    """Some of the instants."""
    return replace(
        observations,
        t_s=observations.t_s[index],
        frame=observations.frame[:, index],
        uv_px=observations.uv_px[:, index],
        sigma_px=observations.sigma_px[:, index],
    )


def without_views(observations: TargetObservations, views: Collection[ViewId]) -> TargetObservations:
    """The same with some views blind."""
    uv_px = observations.uv_px.clone()
    uv_px[[row for row, view in enumerate(observations.views) if view in views]] = torch.nan
    return replace(observations, uv_px=uv_px)


_Look = tuple[ViewId, int, Sighting]


def _looks(recordings: Mapping[ViewId, VideoInfo], finder: Finder, instants: Instants, threads: int) -> Iterator[_Look]:
    """Sightings in the order in which they are done: one reader per view, and searchers for all."""
    workers = threads or os.cpu_count() or 1
    finished: SimpleQueue[Future[_Look] | BaseException | None] = SimpleQueue()
    slots, stop = Semaphore(2 * workers), Event()  # so many pictures are in memory at most
    with (
        ThreadPoolExecutor(workers) as searchers,
        ThreadPoolExecutor(min(workers, len(instants.frame) or 1)) as readers,
    ):

        def read(view: ViewId, video: VideoInfo) -> None:
            try:
                for instant, picture in _pictures(video, instants.frame[view]):
                    slots.acquire()
                    if stop.is_set():
                        return
                    future = searchers.submit(_look, finder, view, instant, picture)
                    future.add_done_callback(lambda _: slots.release())
                    finished.put(future)
                finished.put(None)
            except BaseException as problem:  # handed to the caller's thread
                finished.put(problem)

        try:
            for view in instants.frame:
                readers.submit(read, view, recordings[view])
            reading = len(instants.frame)
            while reading:
                item = finished.get()
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    reading -= 1
                else:
                    yield item.result()
        finally:
            stop.set()
            slots.release(len(instants.frame) or 1)


def _pictures(video: VideoInfo, frame: Int[Tensor, " t"]) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """(instant, picture) of every instant at which the view has a frame."""
    instants_of: dict[int, list[int]] = {}
    for instant, number in enumerate(frame.tolist()):
        if number >= 0:
            instants_of.setdefault(number, []).append(instant)
    for number, picture in frames(video.path, instants_of):
        for instant in instants_of[number]:
            yield instant, picture


def _look(finder: Finder, view: ViewId, instant: int, picture: UInt8[np.ndarray, "height width 3"]) -> _Look:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    return view, instant, finder(grey)


def _assembled(
    recordings: Mapping[ViewId, VideoInfo],
    target: Target,
    instants: Instants,
    sightings: Mapping[ViewId, Mapping[int, Sighting]],
) -> TargetObservations:
    views, p_in_target = tuple(instants.frame), target.p_in_target
    shape = (len(views), len(instants.t_s), len(p_in_target))
    uv_px, sigma_px = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    for v, view in enumerate(views):
        for instant, sighting in sightings[view].items():
            uv_px[v, instant], sigma_px[v, instant] = sighting.uv_px, sighting.sigma_px
    whole = TargetObservations(
        name=target.name,
        p_in_target=p_in_target,
        views=views,
        size_px={view: recordings[view].size_px for view in views},
        t_s=instants.t_s,
        frame=torch.stack([instants.frame[view] for view in views]),
        uv_px=torch.from_numpy(uv_px),
        sigma_px=torch.from_numpy(sigma_px),
    )
    return subset(whole, torch.from_numpy(np.flatnonzero(np.isfinite(sigma_px).any(axis=(0, 2)))))
