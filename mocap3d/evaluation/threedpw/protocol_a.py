"""Protocol A: the official 3DPW challenge (ECCV 2020), re-derived from its rules.

All tracks are strung together. A frame without a prediction is scored as the challenge scores zeros: every joint at the
root, and after Procrustes every joint at the mean of the true ones. A single joint without one is at the root, too.
Angles of what was not predicted count in no mean: zeros have none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.evaluation.metrics.positions import distances_mm, rooted
from mocap3d.evaluation.metrics.rotations import mpjae_deg
from mocap3d.evaluation.metrics.thresholds import auc_integral, pck_by_frame
from mocap3d.evaluation.threedpw.predictions import at_root
from mocap3d.geometry.align import similarity_align

PCK_JOINTS = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
PARTS = (0, 1, 2, 4, 5, 16, 17, 18, 19)
PCK_MM = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Frames to score, of one track or of many: predicted beside true, in the camera."""

    predicted_m: Float[Tensor, "n 24 3"]
    true_m: Float[Tensor, "n 24 3"]
    predicted_parts: Float[Tensor, "n 9 3 3"] | None
    true_parts: Float[Tensor, "n 9 3 3"]


@dataclass(frozen=True, slots=True, eq=False)
class ChallengeScore:
    """Per frame, and over all."""

    mpjpe_mm: Float[Tensor, " n"]
    pa_mpjpe_mm: Float[Tensor, " n"]
    pck50: Float[Tensor, " n"]
    """Percent."""
    auc: float
    """0 to 1."""
    mpjae_deg: Float[Tensor, " n"] | None
    mpjae_pa_deg: Float[Tensor, " n"] | None


def score_challenge(pairs: Sequence[Pairs]) -> ChallengeScore:
    """All of protocol A over the frames of all tracks."""
    predicted = at_root(torch.cat([pair.predicted_m for pair in pairs]))
    true = torch.cat([pair.true_m for pair in pairs])
    apart_mm = distances_mm(rooted(predicted), rooted(true))
    placed, rotation = procrustes(predicted, true)
    parts = [pair.predicted_parts for pair in pairs]
    angular = None if any(part is None for part in parts) else torch.cat([part for part in parts if part is not None])
    true_parts = torch.cat([pair.true_parts for pair in pairs])
    return ChallengeScore(
        mpjpe_mm=apart_mm.mean(-1),
        pa_mpjpe_mm=distances_mm(placed, true).mean(-1),
        pck50=100 * pck_by_frame(apart_mm[:, PCK_JOINTS], PCK_MM),
        auc=float(auc_integral(apart_mm[:, PCK_JOINTS])),
        mpjae_deg=None if angular is None else mpjae_deg(angular, true_parts),
        mpjae_pa_deg=None if angular is None else mpjae_deg(angular, true_parts, rotation),
    )


def procrustes(
    predicted_m: Float[Tensor, "n j 3"], true_m: Float[Tensor, "n j 3"]
) -> tuple[Float[Tensor, "n j 3"], Float[Tensor, "n 3 3"]]:
    """Similarity alignment of each frame and its rotation; where all predicted points are one, the true mean and I."""
    scale, true_from_predicted = similarity_align(predicted_m, true_m)
    empty: Bool[Tensor, " n"] = (predicted_m == predicted_m[:, :1]).all(-1).all(-1)
    rotation = torch.where(empty[:, None, None], torch.eye(3, dtype=true_m.dtype), true_from_predicted.rotation)
    moved = true_from_predicted[:, None].apply(scale[:, None, None] * predicted_m)
    return torch.where(empty[:, None, None], true_m.mean(1, keepdim=True), moved), rotation


def posepile_auc(apart_mm: Float[Tensor, "n j"]) -> float:
    """AUC as posepile counts it, in 50 bins of 199 mm; differs from the challenge's in the third digit."""
    return float((1 - ((apart_mm / 199 * 50).floor() + 0.5) / 50).clamp(min=0).mean())
