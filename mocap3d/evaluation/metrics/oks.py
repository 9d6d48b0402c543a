"""Object keypoint similarity, and average precision and recall by it, as COCO counts them.

Source: COCO keypoint evaluation (Lin et al. 2014; cocodataset.org/#keypoints-eval). Numbers equal pycocotools'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip
"""Of COCO's 17 keypoints, in their order."""
THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
_RECALLS = np.linspace(0.0, 1.0, 101)
_MOST = 20
"""Predictions of one image that count."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """The people of one image as annotated."""

    uv_px: Float[Tensor, "g k 2"]
    """NaN where not labelled."""
    area_px2: Float[Tensor, " g"]
    box_px: Float[Tensor, "g 4"]
    """x0 y0 x1 y1."""
    ignore: Bool[Tensor, " g"]
    """A crowd, or nobody whose keypoints are labelled: neither right nor wrong to find."""
    crowd: Bool[Tensor, " g"]
    """Several people in one annotation, which any number of predictions may match."""


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """The people of one image as found."""

    uv_px: Float[Tensor, "d k 2"]
    score: Float[Tensor, " d"]


@dataclass(frozen=True, slots=True)
class Precision:
    """Averages over the ten thresholds, and at two of them; NaN where nobody is annotated."""

    ap: float
    ap50: float
    ap75: float
    recall: float
    recall50: float


def oks(
    found: Float[Tensor, "d k 2"], people: Annotated, sigmas: Float[Tensor, " k"]
) -> Float[Tensor, "d g"]:  # fmt: skip
    """Similarity of every prediction with every annotated person.

    With nothing labelled, a prediction's points count by their distance from the person's box, doubled in size.
    """
    apart = found[:, None] - people.uv_px[None]
    labelled = people.uv_px.isfinite().all(-1)
    x0, y0, x1, y1 = people.box_px.unbind(-1)
    low = torch.stack([x0 - (x1 - x0), y0 - (y1 - y0)], -1)
    high = torch.stack([x0 + 2 * (x1 - x0), y0 + 2 * (y1 - y0)], -1)
    outside = (low[None, :, None] - found[:, None]).clamp(min=0) + (found[:, None] - high[None, :, None]).clamp(min=0)
    bare = ~labelled.any(-1)
    apart = torch.where(bare[None, :, None, None], outside, apart)
    counts = labelled | bare[:, None]
    spread = 2 * (2 * sigmas) ** 2 * (people.area_px2[:, None] + np.spacing(1))
    alike = torch.exp(-apart.square().sum(-1).nan_to_num(torch.inf) / spread)
    return torch.where(counts, alike, 0.0).sum(-1) / counts.sum(-1)


def average_precision(
    predicted: Sequence[Predicted], annotated: Sequence[Annotated], sigmas: Float[Tensor, " k"]
) -> Precision:
    """Over images; each prediction is matched, best score first, to the likeliest person still free."""
    matches = [_matched(p, a, sigmas) for p, a in zip(predicted, annotated, strict=True)]
    n_people = sum(int((~a.ignore).sum()) for a in annotated)
    if not n_people:
        return Precision(*([float("nan")] * 5))
    score = np.concatenate([m[0] for m in matches])
    order = np.argsort(-score, kind="mergesort")
    right = np.concatenate([m[1] for m in matches], 1)[:, order]
    ignored = np.concatenate([m[2] for m in matches], 1)[:, order]
    curves = [_curve(right[t], ignored[t], n_people) for t in range(len(THRESHOLDS))]
    ap, recall = np.array([c[0] for c in curves]), np.array([c[1] for c in curves])
    return Precision(float(ap.mean()), float(ap[0]), float(ap[5]), float(recall.mean()), float(recall[0]))


def _matched(predicted: Predicted, people: Annotated, sigmas: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, which predictions are right and which do not count, by threshold."""
    order = np.argsort(-predicted.score.numpy(), kind="mergesort")[:_MOST]
    similarity = oks(predicted.uv_px[order], people, sigmas).numpy()
    ignore, crowd = people.ignore.numpy(), people.crowd.numpy()
    columns = np.argsort(ignore, kind="mergesort")  # people who count first
    right = np.zeros((len(THRESHOLDS), len(order)), bool)
    ignored = np.zeros_like(right)
    for t, threshold in enumerate(THRESHOLDS):
        taken = np.zeros(len(columns), bool)
        for d in range(len(order)):
            best, match = min(threshold, 1 - 1e-10), -1
            for g in columns:
                if taken[g] and not crowd[g]:
                    continue
                if match >= 0 and not ignore[match] and ignore[g]:
                    break
                if similarity[d, g] >= best:
                    best, match = similarity[d, g], g
            if match >= 0:
                taken[match] = True
                right[t, d], ignored[t, d] = True, ignore[match]
    return predicted.score.numpy()[order], right, ignored


def _curve(right: np.ndarray, ignored: np.ndarray, n_people: int) -> tuple[float, float]:
    """Precision averaged over 101 recalls, and the highest recall."""
    true = np.cumsum(right & ~ignored)
    false = np.cumsum(~right & ~ignored)
    if not len(true):
        return 0.0, 0.0
    recall, precision = true / n_people, true / (true + false + np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.where(at < len(precision), precision[at.clip(max=len(precision) - 1)], 0.0).mean()), float(
        recall[-1]
    )
