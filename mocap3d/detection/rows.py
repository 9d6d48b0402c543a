"""Sightings gathered crop by crop, and put together as the Detections of a view."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.boxes import PersonBox
from mocap3d.detection.crops import Crops
from mocap3d.detection.heatmaps import Modes
from mocap3d.session.records import Detections, ViewId
from mocap3d.skeletons.skeleton import load_skeleton

_ROWS = ("frame", "person", "box_px", "uv_px", "cov_px2", "log_weight")


class Sighting(NamedTuple):
    """One person in one frame, in image pixels."""

    frame: int
    person: int
    box: PersonBox
    uv_px: Float[Tensor, "k m 2"]
    cov_px2: Float[Tensor, "k m 2 2"]
    log_weight: Float[Tensor, "k m"]


def to_image(found: Modes, crops: Crops) -> Modes:
    """From crop pixels to image pixels, in double precision as the records are."""
    return Modes(
        crops.to_image(found.uv_px.double()), crops.cov_to_image(found.cov_px2.double()), found.log_weight.double()
    )


def split(found: Modes, sizes: Sequence[int]) -> list[Modes]:
    """The modes of several views' crops, which came one view after the other, by view."""
    parts = (part.split(list(sizes)) for part in (found.uv_px, found.cov_px2, found.log_weight))
    return [Modes(*part) for part in zip(*parts, strict=True)]


def likeliest(found: Modes) -> tuple[Float[np.ndarray, "b k 2"], Float[np.ndarray, "b k"]]:
    """First alternatives and their scores; 0 where missing."""
    return found.uv_px[:, :, 0].numpy(), found.log_weight[:, :, 0].exp().numpy()


def as_detections(sightings: Sequence[Sighting], view: ViewId, keypoint_set: str, n_frames: int) -> Detections:
    """The sightings of one view, which are in order of time."""
    k = len(load_skeleton(keypoint_set).keypoints)
    frame, person, box, *arrays = zip(*sightings, strict=True) if sightings else ((),) * 6
    empty = (torch.zeros(0, k, 1, *tail, dtype=torch.float64) for tail in ((2,), (2, 2), ()))
    uv_px, cov_px2, log_weight = (torch.stack(array) for array in arrays) if sightings else empty
    return Detections(
        view=view,
        keypoint_set=keypoint_set,
        frame=torch.tensor(frame, dtype=torch.int64),
        person=torch.tensor(person, dtype=torch.int64),
        box_px=torch.tensor([of.corners_px for of in box], dtype=torch.float64).reshape(-1, 4),
        uv_px=uv_px,
        cov_px2=cov_px2,
        log_weight=log_weight,
        n_frames=n_frames,
    )


def strung(parts: Sequence[Detections]) -> Detections:
    """Detections of consecutive spans of one view as one; track numbers of different spans are kept apart."""
    m = max(part.uv_px.shape[2] for part in parts)
    first, moved = 0, []
    for part in parts:
        moved.append(replace(_widened(part, m), person=part.person + first))
        first += int(part.person.max()) + 1 if len(part.person) else 0
    return replace(parts[0], **{name: torch.cat([getattr(part, name) for part in moved]) for name in _ROWS})


def _widened(part: Detections, m: int) -> Detections:
    """With ``m`` alternatives; an empty span knows only one."""
    more = m - part.uv_px.shape[2]
    return replace(
        part,
        uv_px=F.pad(part.uv_px, (0, 0, 0, more), value=torch.nan),
        cov_px2=F.pad(part.cov_px2, (0, 0, 0, 0, 0, more), value=torch.nan),
        log_weight=F.pad(part.log_weight, (0, more), value=-torch.inf),
    )
