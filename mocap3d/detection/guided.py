"""A second look at chosen places of the videos, where 3D says that somebody must be."""

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection.boxes import PersonBox, box_of_keypoints
from mocap3d.detection.crops import Crops, cut
from mocap3d.detection.estimators.estimator import Estimator
from mocap3d.detection.posture import BodyAxis
from mocap3d.detection.rows import Sighting, as_detections, to_image
from mocap3d.session.read_ahead import read_ahead
from mocap3d.session.records import Detections, Expected, VideoInfo
from mocap3d.session.video import frames

GATHERED = 16
"""Crops that are gathered for one call of the network."""


class _Place(NamedTuple):
    """A crop to look at again."""

    frame: int
    person: int
    box: PersonBox
    pixels: UInt8[np.ndarray, "h w 3"]
    crops: Crops
    expected_px: Float[Tensor, "k 2"]
    """In crop pixels."""


def look_again(
    video: VideoInfo, expected: Expected, estimator: Estimator, told: Callable[[int], None] = lambda _: None
) -> Detections:
    """What is seen where people are expected in one view, under their numbers; ``told`` how many were looked at.

    Only frames in which somebody is expected are cut, and the person detector is not asked.
    """
    sightings, waiting = [], []
    for place in _places(video, expected, estimator):
        waiting.append(place)
        if len(waiting) == GATHERED:
            sightings += _seen(waiting, estimator)
            told(len(waiting))
            waiting.clear()
    sightings += _seen(waiting, estimator) if waiting else []
    told(len(waiting))
    return as_detections(sightings, expected.view, estimator.keypoint_set, len(video.t_s))


def _places(video: VideoInfo, expected: Expected, estimator: Estimator) -> Iterator[_Place]:
    """The crops, in order of frames; a person of whom too little is known to have a box is passed over."""
    axis = BodyAxis.of(estimator.keypoint_set)
    of_frame: dict[int, list[int]] = {}
    for n, frame in enumerate(expected.frame.tolist()):
        of_frame.setdefault(frame, []).append(n)
    for frame, picture in read_ahead(frames(video.path, of_frame)):
        for n in of_frame[frame]:
            uv_px = expected.uv_px[n]
            tilt = axis.tilt_rad(uv_px.numpy()) if axis else 0.0
            if (box := box_of_keypoints(uv_px.numpy(), tilt_rad=tilt)) is not None:
                (pixels,), crops = cut(picture, [box], estimator.size_px)
                yield _Place(frame, int(expected.person[n]), box, pixels, crops, crops.to_crop(uv_px[None])[0])


def _seen(places: list[_Place], estimator: Estimator) -> list[Sighting]:
    pixels, expected_px = np.stack([of.pixels for of in places]), torch.stack([of.expected_px for of in places])
    found = estimator(pixels, expected_px)
    crops = Crops(torch.cat([of.crops.image_from_crop for of in places]), estimator.size_px)
    seen = to_image(found, crops)
    return [
        Sighting(of.frame, of.person, of.box, seen.uv_px[n], seen.cov_px2[n], seen.log_weight[n])
        for n, of in enumerate(places)
    ]


def fingerprint(expected: Expected) -> str:
    """Another text for other places, to a hundredth of a pixel: for the cache."""
    rounded = (expected.uv_px * 100).nan_to_num(-1e9).round().long()
    content = torch.cat([expected.frame[:, None], expected.person[:, None], rounded.flatten(1)], 1)
    return hashlib.sha256(content.numpy().tobytes()).hexdigest()
