"""Which 3D points are sure enough to teach the network what a view should have seen."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from mocap3d.detection.training.adapt import ViewLabels
from mocap3d.learning.projected import Projected
from mocap3d.session.records import ViewId

HALF_WEIGHT = 0.05
"""A label whose sigma is so many torso lengths has half of the weight of an exact one."""
SURE = 0.03
"""In torso lengths; a point of fewer views than asked for counts if its sigma is below this."""
DOUBTFUL = 0.1
"""Above this sigma a point is no label."""
LEAST_KEYPOINTS = 13
"""Half of a person must be known, or the frame is left out."""


def labels_of(view: ViewId, video: Path, seen: Projected, *, n: int, min_views: int) -> ViewLabels:
    """Up to ``n`` labelled people of a view, evenly spread over those that are known well enough."""
    accepted = _accepted(seen, min_views)
    frame, person = torch.nonzero(accepted.sum(-1) >= LEAST_KEYPOINTS, as_tuple=True)
    picked = torch.from_numpy(np.unique(np.linspace(0, len(frame) - 1, min(n, len(frame))).round().astype(int)))
    frame, person = frame[picked], person[picked]
    relative = seen.sigma_px[frame, person] / seen.torso_px[frame, person, None]
    weight = torch.where(accepted[frame, person], 1 / (1 + (relative / HALF_WEIGHT).square()), 0.0)
    uv_px = torch.where(accepted[frame, person][..., None], seen.uv_px[frame, person], torch.nan)
    return ViewLabels(view, video, seen.frame[frame].numpy(), uv_px.numpy(), weight.numpy())


def _accepted(seen: Projected, min_views: int) -> Bool[Tensor, "n p k"]:
    sigma = seen.sigma_px / seen.torso_px[..., None]
    agreed = (seen.n_views >= min_views) & (sigma < DOUBTFUL)
    return seen.is_measured & seen.uv_px.isfinite().all(-1) & (agreed | (sigma < SURE))
