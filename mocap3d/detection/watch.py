"""Videos of several views watched together: people are found, followed, cut out, and their keypoints estimated.

Frame by frame, because each frame says where to look in the next; the crops of all views go to the network together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8

from mocap3d.detection.boxes import PersonBox
from mocap3d.detection.crops import Crops, cut
from mocap3d.detection.estimators.estimator import Estimator
from mocap3d.detection.posture import BodyAxis
from mocap3d.detection.rows import Sighting, as_detections, likeliest, split, to_image
from mocap3d.detection.sweep import Sweep
from mocap3d.detection.tracking import Tracker, TrackOptions
from mocap3d.session.read_ahead import read_ahead
from mocap3d.session.records import Detections, VideoInfo, ViewId
from mocap3d.session.video import frames

SPAN = 512
"""Frames, about, of which the detections are kept together; a span depends on no other, so any can be made again."""
AHEAD = 2
"""Pictures of each view that wait for the networks; one of 4K takes 25 MB."""

Picture = UInt8[np.ndarray, "_ _ 3"]  # views differ in size


@runtime_checkable
class Finder(Protocol):
    """Boxes of the people in each of several RGB pictures."""

    def __call__(self, images: Sequence[Picture], squares: Sequence[PersonBox] | None = None) -> list[list[PersonBox]]:
        """Best first; looks in these squares of the picture, or everywhere."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """The networks, and a text that is another one if they compute anything else."""

    estimator: Estimator
    finder: Finder
    fingerprint: str


class Watched(NamedTuple):
    """The detections of one span of one view."""

    span: range
    detections: Detections


def spans_of(n_frames: int) -> list[range]:
    """A recording in spans of about equal length: no short one at its end, in which nobody could be followed."""
    count = max(1, round(n_frames / SPAN))
    edges = [round(n * n_frames / count) for n in range(count + 1)]
    return [range(first, end) for first, end in pairwise(edges)]


def watch(
    videos: Mapping[ViewId, VideoInfo],
    spans: Mapping[ViewId, Sequence[range]],
    models: Models,
    options: TrackOptions,
    told: Callable[[int], None] = lambda _: None,
) -> Iterator[Watched]:
    """The detections of the wanted spans of each view, as soon as each is done; ``told`` how many frames that were.

    A view's detections depend on its own pictures only, whatever is watched with it.
    """
    with ExitStack() as stack:
        running = []
        for view, wanted in spans.items():
            pictures = read_ahead(frames(videos[view].path, [frame for span in wanted for frame in span]), AHEAD)
            stack.enter_context(closing(pictures))
            tracker = partial(Tracker, options, BodyAxis.of(models.estimator.keypoint_set))
            running += [_View(view, list(wanted), pictures, tracker, len(videos[view].t_s))] if wanted else []
        while running:
            pictures = [next(view.pictures) for view in running]
            _look(running, pictures, models)
            told(len(running))
            for view, (frame, _) in zip(running, pictures, strict=True):
                if frame == view.spans[0][-1]:
                    yield view.taken(models.estimator.keypoint_set)
            running = [view for view in running if view.spans]


class _View:
    """A view being watched: who is followed in the present span, the first of those left, and what was seen in it."""

    def __init__(
        self,
        view: ViewId,
        spans: list[range],
        pictures: Iterator[tuple[int, Picture]],
        new_tracker: Callable[[], Tracker],
        n_frames: int,
    ) -> None:
        self.view, self.spans, self.pictures = view, spans, pictures
        self._new_tracker, self._n_frames = new_tracker, n_frames
        self._begin()

    def _begin(self) -> None:
        self.tracker, self.sweep = self._new_tracker(), Sweep()
        self.seen: list[Sighting] = []

    def taken(self, keypoint_set: str) -> Watched:
        """The finished span, without people who were seen a single time; the next one begins anew."""
        span, confirmed = self.spans.pop(0), self.tracker.confirmed
        kept = [sighting for sighting in self.seen if sighting.person in confirmed or len(span) == 1]
        self._begin()
        return Watched(span, as_detections(kept, self.view, keypoint_set, self._n_frames))


def _look(views: Sequence[_View], pictures: Sequence[tuple[int, Picture]], models: Models) -> None:
    """One frame of every view: search where it is time, cut, estimate, and tell the trackers."""
    boxes = [_boxes(view, picture, models.finder) for view, (_, picture) in zip(views, pictures, strict=True)]
    size_px = models.estimator.size_px
    cuts = [cut(picture, list(of.values()), size_px) for of, (_, picture) in zip(boxes, pictures, strict=True)]
    pixels = np.concatenate([pixels for pixels, _ in cuts])
    if not len(pixels):
        for view in views:
            view.tracker.observe({})
        return
    every = Crops(torch.cat([crops.image_from_crop for _, crops in cuts]), size_px)
    found = split(to_image(models.estimator(pixels), every), [len(of_view) for of_view in boxes])
    for view, (frame, _), of_view, in_image in zip(views, pictures, boxes, found, strict=True):
        uv_px, score = likeliest(in_image)
        good = view.tracker.observe({person: (uv_px[n], score[n]) for n, person in enumerate(of_view)})
        for n, (person, box) in enumerate(of_view.items()):
            if person in good:
                alternatives = (in_image.uv_px[n], in_image.cov_px2[n], in_image.log_weight[n])
                view.seen.append(Sighting(frame, person, box, *alternatives))


def _boxes(view: _View, picture: Picture, finder: Finder) -> dict[int, PersonBox]:
    """Where to look in a picture, by person."""
    found = None
    if view.tracker.wants_search:
        squares = view.sweep.squares(picture, view.tracker.tracks)
        found = [] if squares == [] else finder([picture], squares)[0]
    return view.tracker.boxes(found)
