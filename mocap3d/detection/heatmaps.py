"""Heatmaps and points: the maps a network learns from, and the few modes that a predicted map is reduced to.

A map of stride s has cells whose centres lie at u = s c + (s - 1) / 2 in the pixels of the network's input.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.peaks import Windows, highest_peaks
from mocap3d.errors import DetectionError

PRIOR_STRIDE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """The peaks of each keypoint's heatmap, the heaviest first, in pixels of the network's input; NaN where missing."""

    uv_px: Float[Tensor, "b k m 2"]
    cov_px2: Float[Tensor, "b k m 2 2"]
    log_weight: Float[Tensor, "b k m"]
    """Log of the probability within the peak's window, at most 0; -inf where missing."""


def gaussian_maps(
    uv_px: Float[Tensor, "b k 2"], size_px: tuple[int, int], *, stride: int = 4, sigma_cells: float = 1.5
) -> Float[Tensor, "b k h w"]:
    """exp(-|x - p|^2 / 2 sigma^2), Eq 2, in every cell of a map; zeros where a point is missing."""
    width, height = size_px[0] // stride, size_px[1] // stride
    missing = ~uv_px.isfinite().all(-1)
    centre = cells_from_px(torch.where(missing[..., None], 0.0, uv_px), stride)
    x, y = (torch.arange(n, device=uv_px.device, dtype=uv_px.dtype) for n in (width, height))
    across = torch.exp(-0.5 * ((x - centre[..., :1]) / sigma_cells).square())
    down = torch.exp(-0.5 * ((y - centre[..., 1:]) / sigma_cells).square())
    down = torch.where(missing[..., None], 0.0, down)
    return down[..., :, None] * across[..., None, :]


def prior_maps(uv_px: Float[Tensor, "b k 2"], size_px: tuple[int, int]) -> Float[Tensor, "b k h w"]:
    """The network's second input: where each keypoint is expected, NaN for nothing known; one cell wide."""
    return gaussian_maps(uv_px, size_px, stride=PRIOR_STRIDE, sigma_cells=1.0)


def modes(logits: Float[Tensor, "b k h w"], *, stride: int = 4, m: int = 3, min_weight: float = 0.01) -> Modes:
    """Up to ``m`` peaks of each map's softmax: sub-pixel place, covariance and weight, from a window of 7 x 7 cells.

    A peak is the highest cell of the window around it. Of two windows that overlap, each keeps the cells nearer to its
    own peak. Differentiable in the logits.
    """
    b, k, height, width = logits.shape
    log_p = torch.log_softmax(logits.flatten(2).float(), -1).view(b, k, height, width)
    peak = highest_peaks(log_p.detach().view(b * k, height, width), m).view(b, k, m)
    peak_xy = torch.stack([peak % width, peak.div(width, rounding_mode="floor")], -1)
    log_weight, centroid, cov_cells2 = Windows.around(log_p, peak, peak_xy).moments()
    missing = (peak < 0) | (log_weight < torch.log(log_weight.new_tensor(min_weight)))
    # A cell stands for its whole square: a twelfth of a cell of variance, and never less.
    cov_px2 = stride**2 * (cov_cells2 + torch.eye(2, device=logits.device) / 12)
    order = torch.where(missing, -torch.inf, log_weight).argsort(dim=-1, descending=True, stable=True)
    missing = missing.gather(-1, order)
    uv_px = px_from_cells(centroid, stride).gather(2, order[..., None].expand(-1, -1, -1, 2))
    cov_px2 = cov_px2.gather(2, order[..., None, None].expand(-1, -1, -1, 2, 2))
    return Modes(
        torch.where(missing[..., None], torch.nan, uv_px),
        torch.where(missing[..., None, None], torch.nan, cov_px2),
        torch.where(missing, -torch.inf, log_weight.gather(-1, order).clamp(max=0)),
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns the covariance of a mode into that of its error, as measured: see ``doubt.fit_calibration``.

    cov = (scale factor(confidence))^2 (excess + floor^2 I), where the excess is what a mode is wider than a sure one.
    """

    blur_px2: float
    """Variance of a sure mode: the network was taught to blur."""
    scale: tuple[float, ...]
    """Of each keypoint's sigma."""
    floor_px: tuple[float, ...]
    confidence: tuple[float, ...]
    """Rising numbers in [0, 1] for which a factor is known; between them it is interpolated."""
    factor: tuple[float, ...]
    """On sigma, never rising: the surer, the sharper."""
    tail_share: tuple[float, ...]
    """Of each keypoint's errors, how many were beyond three of these sigmas (normal errors: 0.011)."""

    def apply(self, modes: Modes, confidence: Float[Tensor, "b k"]) -> Modes:
        """Modes with covariances of their error; ``confidence`` in [0, 1], NaN counts as 0."""
        of_keypoint = confidence.new_tensor([self.scale, self.floor_px])[..., None]
        if of_keypoint.shape[1] != modes.uv_px.shape[1]:
            raise DetectionError(
                f"The weights' calibration is of {len(self.scale)} keypoints, and the network gives "
                f"{modes.uv_px.shape[1]}. Needed: weights whose card belongs to them; train or convert them again."
            )
        scale, floor_px = of_keypoint
        sigma_factor = scale * self.factor_at(confidence)[..., None]
        identity = torch.eye(2, device=confidence.device)
        shape = widening(modes.cov_px2, self.blur_px2) + floor_px[..., None, None].square() * identity
        return replace(modes, cov_px2=sigma_factor[..., None, None].square() * shape)

    def factor_at(self, confidence: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
        """The factor on sigma."""
        known, factor = confidence.new_tensor([self.confidence, self.factor])
        if len(known) == 1:
            return torch.full_like(confidence, factor.item())
        confidence = confidence.nan_to_num(0.0).clamp(known[0], known[-1])
        after = torch.searchsorted(known, confidence.contiguous()).clamp(1, len(known) - 1)
        part = (confidence - known[after - 1]) / (known[after] - known[after - 1])
        return factor[after - 1] + part * (factor[after] - factor[after - 1])

    def as_json(self) -> dict[str, object]:
        """For the weights' card."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @staticmethod
    def from_json(card: Mapping[str, object]) -> "Calibration":
        """What ``as_json`` gave; DetectionError for anything else."""
        names = [field.name for field in fields(Calibration)]
        numbers = {name: card.get(name) for name in names}
        blur_px2, *lists = numbers.values()
        if not (isinstance(blur_px2, (int, float)) and all(_is_numbers(value) for value in lists)):
            raise DetectionError(
                f"The weights' card has a calibration with {', '.join(card) or 'nothing'}. Needed are "
                f"{', '.join(names)}, the first a number and the others lists of numbers: train the weights again."
            )
        return Calibration(float(blur_px2), *(tuple(map(float, value)) for value in lists))  # pyright: ignore


def widening(cov_px2: Float[Tensor, "*b 2 2"], blur_px2: float) -> Float[Tensor, "*b 2 2"]:
    """Covariance less that of a sure mode; where a mode is narrower than that in some direction, 0 there."""
    missing = ~cov_px2.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    excess = torch.where(missing, 0.0, cov_px2) - blur_px2 * torch.eye(2, device=cov_px2.device)
    # Its eigenvalues are middle +- half, and its positive part is a mix of itself and the identity.
    middle = excess.diagonal(dim1=-2, dim2=-1).mean(-1)
    half = torch.hypot((excess[..., 0, 0] - excess[..., 1, 1]) / 2, excess[..., 0, 1])
    high, low = (middle + half).clamp(min=0), (middle - half).clamp(min=0)
    slope = (high - low) / (2 * half).clamp(min=1e-9)
    offset = (high + low) / 2 - slope * middle
    positive = slope[..., None, None] * excess + offset[..., None, None] * torch.eye(2, device=cov_px2.device)
    return torch.where(missing, torch.nan, positive)


def cells_from_px(uv_px: Float[Tensor, "*b 2"], stride: int) -> Float[Tensor, "*b 2"]:
    """Place in a map, cell centres at whole numbers."""
    return (uv_px - (stride - 1) / 2) / stride


def px_from_cells(xy: Float[Tensor, "*b 2"], stride: int) -> Float[Tensor, "*b 2"]:
    """Place in the network's input."""
    return stride * xy + (stride - 1) / 2


def _is_numbers(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(number, (int, float)) for number in value)
