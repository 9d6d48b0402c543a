"""How far modes are from the truth compared with what they claim: fitting the calibration, and checking it.

Errors of a network are normal in the middle and have heavy tails (another limb, another person). The middle is what a
covariance can state, so it is fitted to errors within three sigmas, again and again until these are the same; how many
lie beyond is stated beside it. Fusion meets those with robust weights.
"""

from dataclasses import dataclass, replace
from math import exp, log

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.detection.heatmaps import Calibration, Modes, widening

GATE2 = 9.0
"""Squared sigmas within which an error counts as one of the middle."""
_WITHIN = 1 - (GATE2 / 2) * exp(-GATE2 / 2) / (1 - exp(-GATE2 / 2))
"""Mean squared normal error per axis that is left within the gate: 0.949."""
_FLOORS_PX = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_BINS = 8
_FEWEST = 40
"""Errors that a keypoint or a bin needs for a number of its own."""
_ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How true stated covariances are."""

    variance: Float[Tensor, " k"]
    """Mean squared normalised error per axis of each keypoint within three sigmas; 1 is true (normal errors: 0.949)."""
    tail_share: Float[Tensor, " k"]
    """Share beyond three sigmas; normal errors: 0.011."""


def coverage(modes: Modes, truth_px: Float[Tensor, "n k 2"]) -> Coverage:
    """Of each keypoint's heaviest mode; NaN in the truth, or no mode, counts as nothing."""
    squared = _mahalanobis2(modes.cov_px2[:, :, 0], modes.uv_px[:, :, 0] - truth_px)
    known, inside = squared.isfinite(), squared < GATE2
    variance = torch.where(inside, squared / 2, 0.0).sum(0) / inside.sum(0)
    return Coverage(variance, 1 - inside.sum(0) / known.sum(0))


def fit_calibration(modes: Modes, confidence: Float[Tensor, "n k"], truth_px: Float[Tensor, "n k 2"]) -> Calibration:
    """What makes the errors of the heaviest modes as large as stated; CPU, ``truth_px`` NaN where it is not known."""
    cov_px2, error_px = modes.cov_px2[:, :, 0], modes.uv_px[:, :, 0] - truth_px
    known = (error_px.isfinite() & cov_px2.isfinite().all(-1)).all(-1)
    # The narrowest modes are the sure ones; a few are narrower by chance.
    middle = cov_px2.diagonal(dim1=-2, dim2=-1).mean(-1)[known]
    blur_px2 = float(middle.quantile(0.05)) if len(middle) else 0.0
    excess = widening(cov_px2, blur_px2)
    bins = _bins(confidence, known)
    factor = torch.ones(len(bins.centre))
    scale = floor = torch.ones(known.shape[1])
    for _ in range(_ROUNDS):
        scale, floor = _of_keypoints(excess, error_px, known, factor[bins.index])
        stated = (scale[:, None, None] ** 2) * _with_floor(excess, floor[:, None, None])
        ratio2 = _mahalanobis2(stated, error_px)
        pooled = _scale2(ratio2[known])
        found = [_scale2(ratio2[known & (bins.index == i)], if_few=pooled) for i in range(len(factor))]
        factor = _never_rising(torch.stack(found).sqrt(), bins.count)
        factor = factor / (factor.log() * bins.count / bins.count.sum()).sum().exp()
    scale, floor = _of_keypoints(excess, error_px, known, factor[bins.index])
    fitted = Calibration(
        blur_px2, _tuple(scale), _tuple(floor), _tuple(bins.centre), _tuple(factor), (0.0,) * known.shape[1]
    )
    return _with_tails(fitted, modes, confidence, truth_px)


def _of_keypoints(
    excess: Float[Tensor, "n k 2 2"], error_px: Float[Tensor, "n k 2"], known: Bool[Tensor, "n k"], factor: Tensor
) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """Scale and floor of each keypoint: of several floors, the one under which the errors are likeliest."""
    error_px = error_px / factor[..., None]
    pooled = _likeliest(excess[known], error_px[known])
    rows = [
        _likeliest(excess[mine, k], error_px[mine, k]) if (mine := known[:, k]).sum() >= _FEWEST else pooled
        for k in range(known.shape[1])
    ]
    scale, floor = torch.tensor(rows).T
    return scale, floor


def _likeliest(excess: Float[Tensor, "n 2 2"], error_px: Float[Tensor, "n 2"]) -> tuple[float, float]:
    best = (1.0, _FLOORS_PX[1])
    least = torch.inf
    for floor in _FLOORS_PX if len(excess) else ():
        shape = _with_floor(excess, torch.tensor(floor))
        squared = _mahalanobis2(shape, error_px)
        scale2 = _scale2(squared)
        # Negative log of a normal density that is cut off at the gate, so that tails do not decide.
        cost = (squared / scale2).clamp(max=GATE2) + 2 * scale2.log() + torch.linalg.det(shape).log()
        if cost.mean() < least:
            least, best = cost.mean(), (float(scale2.sqrt()), floor)
    return best


def _scale2(squared: Float[Tensor, " n"], if_few: Tensor | None = None) -> Float[Tensor, ""]:
    """The factor on a covariance that makes the errors within three sigmas as large as normal ones are there."""
    if len(squared) < _FEWEST and if_few is not None:
        return if_few
    if not len(squared):
        return torch.tensor(1.0)
    scale2 = (squared.median() / (2 * log(2))).clamp(min=1e-6)
    for _ in range(30):
        inside = squared < GATE2 * scale2
        scale2 = (squared[inside].mean() / 2 / _WITHIN).clamp(min=1e-6)
    return scale2


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """Confidences sorted into bins of equal count."""

    index: Tensor
    centre: Float[Tensor, " b"]
    count: Float[Tensor, " b"]


def _bins(confidence: Float[Tensor, "n k"], known: Bool[Tensor, "n k"]) -> _Bins:
    sorted_in = confidence[known].nan_to_num(0.0)
    edge = sorted_in.quantile(torch.linspace(0, 1, _BINS + 1)[1:-1]).unique() if len(sorted_in) else sorted_in
    index = torch.searchsorted(edge, confidence.nan_to_num(0.0).contiguous(), right=True)
    of_known = index[known]
    filled = of_known.unique() if len(of_known) else torch.zeros(1, dtype=torch.long)
    place = torch.searchsorted(filled, index).clamp(max=len(filled) - 1)
    centre = torch.stack([sorted_in[of_known == i].mean().nan_to_num(0.5) for i in filled])
    count = torch.stack([(of_known == i).sum() for i in filled]).float().clamp(min=1)
    return _Bins(place, centre, count)


def _never_rising(value: Float[Tensor, " b"], weight: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Isotonic regression: neighbours that rise are pooled. Source: Barlow et al. (1972)."""
    pools: list[tuple[float, float, int]] = []
    for mean, count in zip(value.tolist(), weight.tolist(), strict=True):
        size = 1
        while pools and pools[-1][0] < mean:
            other, other_count, other_size = pools.pop()
            mean = (mean * count + other * other_count) / (count + other_count)
            count, size = count + other_count, size + other_size
        pools.append((mean, count, size))
    return torch.tensor([mean for mean, _, size in pools for _ in range(size)])


def _with_tails(fitted: Calibration, modes: Modes, confidence: Tensor, truth_px: Tensor) -> Calibration:
    tail_share = coverage(fitted.apply(modes, confidence), truth_px).tail_share.nan_to_num(0.0)
    return replace(fitted, tail_share=_tuple(tail_share))


def _with_floor(excess: Float[Tensor, "*b 2 2"], floor_px: Float[Tensor, "*c"]) -> Float[Tensor, "*b 2 2"]:
    return excess + floor_px.square() * torch.eye(2)


def _mahalanobis2(cov_px2: Float[Tensor, "*b 2 2"], error_px: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b"]:
    """Squared error in sigmas; NaN where either is missing."""
    xx, xy, yy = cov_px2[..., 0, 0], cov_px2[..., 0, 1], cov_px2[..., 1, 1]
    x, y = error_px.unbind(-1)
    return (yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)


def _tuple(values: Tensor) -> tuple[float, ...]:
    return tuple(round(value, 5) for value in values.tolist())
