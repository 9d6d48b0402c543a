"""Predicted keypoints beside the true ones, in the unit that all losses share: a tenth of the torso."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.detection.heatmaps import px_from_cells
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.solve.losses import huber

SKELETON = load_skeleton("halpe26")
_SHOULDERS, _HIPS = ([SKELETON.index(side + joint) for side in "LR"] for joint in ("Shoulder", "Hip"))
_SMALLEST_TORSO = 0.2
"""Of the picture's height: the torso of someone seen from above, or not labelled, is no unit."""
SOFTENING_PX2 = 1e-4
"""Added to squared lengths, so that a limb of length 0 has a gradient."""


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """b people with k keypoints; whatever is not labelled has a weight of 0 and harmless numbers."""

    uv_px: Float[Tensor, "b k 2"]
    """Expected place under the finest heatmap."""
    truth_px: Float[Tensor, "b k 2"]
    weight: Float[Tensor, "b k"]
    confidence: Float[Tensor, "b k"]
    """Without gradient."""
    unit_px: Float[Tensor, " b"]

    @staticmethod
    def of(
        logits: Float[Tensor, "b k h w"],
        uv_px: Float[Tensor, "b k 2"],
        visibility: Int[Tensor, "b k"],
        weight: Float[Tensor, "b k"],
        confidence: Float[Tensor, "b k"],
        *,
        stride: int = 4,
    ) -> "Poses":
        """From the finest logits and the labels; what is invisible (0) or NaN counts as not labelled."""
        labelled = (visibility > 0) & uv_px.isfinite().all(-1)
        truth = torch.where(labelled[..., None], uv_px, 0.0)
        weight = torch.where(labelled, weight.nan_to_num(), 0.0)
        unit = 0.1 * _torso_px(truth, labelled, smallest=_SMALLEST_TORSO * stride * logits.shape[-2])
        return Poses(expected_px(logits, stride), truth, weight, confidence.detach(), unit)

    @property
    def error(self) -> Float[Tensor, "b k 2"]:
        """Predicted minus true, in units."""
        return (self.uv_px - self.truth_px) / self.unit_px[:, None, None]


def expected_px(logits: Float[Tensor, "b k h w"], stride: int) -> Float[Tensor, "b k 2"]:
    """The mean of the softmax over a map's cells (soft-argmax), in pixels of the network's input."""
    probability = torch.softmax(logits.flatten(2).float(), -1).view(logits.shape)
    x, y = (torch.arange(n, device=logits.device, dtype=torch.float32) for n in (logits.shape[-1], logits.shape[-2]))
    return px_from_cells(torch.stack([probability.sum(-2) @ x, probability.sum(-1) @ y], -1), stride)


def bent(squared: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Half the square up to 1, linear beyond (smooth L1), of a squared distance in units."""
    return 0.5 * huber(squared, 1.0)


def mean(x: Float[Tensor, "*b"], weight: Float[Tensor, "*b"]) -> Float[Tensor, ""]:
    """Weighted mean; 0 where nothing has a weight."""
    return (x * weight).sum() / weight.sum().clamp(min=1e-6)


def length(vector: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b"]:
    """Euclidean, with a gradient at 0."""
    return (vector.square().sum(-1) + SOFTENING_PX2).sqrt()


def _torso_px(truth_px: Tensor, labelled: Tensor, *, smallest: float) -> Tensor:
    """Middle of the shoulders to middle of the hips."""
    torso = (truth_px[:, _SHOULDERS].mean(1) - truth_px[:, _HIPS].mean(1)).norm(dim=-1)
    known = labelled[:, _SHOULDERS + _HIPS].all(1)
    return torch.where(known, torso, smallest).clamp(min=smallest)
