"""A keypoint network on the labelled pictures of a data set, cut out at the data set's boxes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.boxes import box_around
from mocap3d.detection.crops import Crops, cut
from mocap3d.detection.estimators.estimator import Estimator
from mocap3d.detection.estimators.open import open_estimator
from mocap3d.detection.options import DEFAULT, DetectOptions
from mocap3d.detection.runtime import choose_device
from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import LabelledPictures
from mocap3d.evaluation.score_pictures import FoundKeypoints
from mocap3d.session.picture import read_picture
from mocap3d.skeletons.skeleton import load_skeleton

GATHERED = 16
_INSTEAD = {"UpperNeck": ("Neck",), "Chin": ("Neck", "Nose"), "Spine": ("Hip", "Neck")}
"""Keypoints that a network has not: the mean of these, which is not the same place."""


@dataclass(frozen=True)
class NetworkOptions:
    """Which network looks at the pictures."""

    most: int | None = None
    """Look at no more people than so, evenly spread over the data set."""
    detect: DetectOptions = field(default_factory=lambda: DetectOptions(detector=DEFAULT))


def look_at(
    labels: LabelledPictures, options: NetworkOptions, progress: Callable[[str, int, int], None] | None = None
) -> FoundKeypoints:
    """The likeliest place of every keypoint of every labelled person, and the mean of their scores."""
    estimator = open_estimator(options.detect.detector, options.detect, choose_device(options.detect.device))
    pick, weights = _sources(estimator.keypoint_set, labels.keypoints)
    uv_px = torch.full(labels.uv_px.shape, torch.nan, dtype=torch.float64)
    score = torch.zeros(len(uv_px), dtype=torch.float64)
    for first in range(0, len(uv_px), GATHERED):
        rows = range(first, min(first + GATHERED, len(uv_px)))
        if progress is not None:
            progress("looking at pictures", first, len(uv_px))
        for row, (found_px, found_score) in zip(rows, _seen(labels, rows, estimator), strict=True):
            uv_px[row] = (found_px[pick] * weights[..., None]).sum(1)
            score[row] = found_score.mean()
    return FoundKeypoints(uv_px, score)


def thinned(labels: LabelledPictures, most: int | None) -> LabelledPictures:
    """At most so many people, evenly spread."""
    n = len(labels.picture)
    if most is None or most >= n:
        return labels
    rows = np.unique(np.linspace(0, n - 1, most).round().astype(int)).tolist()
    tensors = {
        name: getattr(labels, name)[rows]
        for name in ("person", "uv_px", "box_px", "area_px2", "size_px", "ignore", "crowd")
    }
    return LabelledPictures(
        name=labels.name,
        keypoints=labels.keypoints,
        picture=tuple(labels.picture[row] for row in rows),
        sequence=tuple(labels.sequence[row] for row in rows),
        size_is=labels.size_is,
        **tensors,
    )


def _sources(found: str, wanted: tuple[str, ...]) -> tuple[Tensor, Float[Tensor, "k 2"]]:
    """For every wanted keypoint up to two of the network's, and their weights; FormatError for one that it has not."""
    has = load_skeleton(found).keypoints
    pick, weights = [], []
    for name in wanted:
        names = (name,) if name in has else _INSTEAD.get(name, ())
        if not names or any(source not in has for source in names):
            raise FormatError(f"the network's keypoint set '{found}' has nothing for '{name}'. Choose another network.")
        pick.append([has.index(names[0]), has.index(names[-1])])
        weights.append([0.5, 0.5])
    return torch.tensor(pick), torch.tensor(weights, dtype=torch.float64)


def _seen(
    labels: LabelledPictures, rows: range, estimator: Estimator
) -> list[tuple[Float[Tensor, "k 2"], Float[Tensor, " k"]]]:
    crops: list[Crops] = []
    pixels = []
    for row in rows:
        low, high = labels.box_px[row].numpy().reshape(2, 2)
        patch, crop = cut(read_picture(labels.picture[row]), [box_around(low, high)], estimator.size_px)
        pixels.append(patch)
        crops.append(crop)
    modes = estimator(np.concatenate(pixels))
    found = []
    for n, crop in enumerate(crops):
        uv_px = crop.to_image(modes.uv_px[n : n + 1, :, 0].double())[0]
        found.append((uv_px, modes.log_weight[n, :, 0].double().exp()))
    return found
