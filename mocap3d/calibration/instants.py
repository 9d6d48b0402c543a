"""At which moments to look for a target, and which frame of each view that is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.session.records import Timeline, VideoInfo, ViewId
from mocap3d.session.views import natural_key

SEARCH_HZ = 6.0
"""A board in hands turns by some 10 degrees from one look to the next."""


@dataclass(frozen=True, slots=True)
class Instants:
    """When to look."""

    t_s: Float[Tensor, " t"]
    """NaN for images without times."""
    frame: Mapping[ViewId, Int[Tensor, " t"]]
    """In natural order of the views; -1 where a view has no frame."""
    late_s: Mapping[ViewId, Float[Tensor, " t"]] = field(default_factory=dict)
    """How much later than the instant each frame was taken: part of a frame, where clocks or rates differ."""

    @property
    def n_looks(self) -> int:
        """How many frames that is."""
        return sum(int((frame >= 0).sum()) for frame in self.frame.values())


def shared_instants(timeline: Timeline, *, rate_hz: float = SEARCH_HZ) -> Instants:
    """Instants of the common timeline, ``rate_hz`` per second: each view's nearest frame."""
    stride = max(1, round(float(timeline.rate) / rate_hz))
    frame = {
        view: torch.where(frames.isnan(), -1.0, frames.round()).long()[::stride]
        for view, frames in timeline.frame_of_view.items()
    }
    late_s = {view: (each.round() - each)[::stride] / (each.diff().nanmedian() * float(timeline.rate))
              for view, each in timeline.frame_of_view.items()}  # fmt: skip
    return Instants(timeline.t_s[::stride], _ordered(frame), late_s)


def separate_instants(recordings: Mapping[ViewId, VideoInfo], *, rate_hz: float = SEARCH_HZ) -> Instants:
    """Each view for itself, where clocks do not matter (lenses): every image, ``rate_hz`` frames a second of videos."""
    looks = {view: _looks(video, rate_hz) for view, video in recordings.items()}
    total, start = sum(map(len, looks.values())), 0
    t_s, frame = torch.full((total,), torch.nan, dtype=torch.float64), {}
    for view in sorted(recordings, key=natural_key):
        end = start + len(looks[view])
        frame[view] = torch.full((total,), -1, dtype=torch.long)
        frame[view][start:end] = looks[view]
        t_s[start:end] = recordings[view].t_s[looks[view]]
        start = end
    return Instants(t_s, frame)


def paired_pictures(recordings: Mapping[ViewId, VideoInfo]) -> Instants:
    """Image folders in which pictures of the same place in the order were taken at the same time."""
    longest = max((len(video.t_s) for video in recordings.values()), default=0)
    order = torch.arange(longest)
    frame = {view: torch.where(order < len(video.t_s), order, -1) for view, video in recordings.items()}
    return Instants(torch.full((longest,), torch.nan, dtype=torch.float64), _ordered(frame))


def _looks(video: VideoInfo, rate_hz: float) -> Int[Tensor, " n"]:
    stride = 1 if video.rate is None else max(1, round(float(video.rate) / rate_hz))
    return torch.arange(0, len(video.t_s), stride)


def _ordered(frame: Mapping[ViewId, Int[Tensor, " t"]]) -> dict[ViewId, Int[Tensor, " t"]]:
    return {view: frame[view] for view in sorted(frame, key=natural_key)}
