"""How well a view's own detections agree with the 3D of views that it took no part in, or did."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.learning.projected import Projected
from mocap3d.session.records import Detections

CAP = 0.3
"""Torso lengths: an error beyond this, or nobody found, counts as much. Where a wrong limb lies makes no difference."""
SAME_PERSON = 0.6
"""A sighting whose keypoints are farther than this from a person's, in torso lengths, is somebody else's."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one view, over the points that were measured."""

    median_px: float
    """Of the points that were found."""
    pck: float
    """Share of all points found within 0.1 torso lengths."""
    mean_error: float
    """In torso lengths, each at most :data:`CAP`; what is to become smaller."""
    n: int
    """Points compared."""


def distances(seen: Projected, found: Detections, counted: Bool[Tensor, "n p k"]) -> Float[Tensor, "n p k"]:
    """Pixels from each projected point to what the view found of that person; NaN where it is not ``counted``.

    Infinite where the view found nobody, and where there is no measured point to compare with.
    """
    expected = torch.where(seen.is_measured[..., None], seen.uv_px, torch.nan)
    best = torch.full(expected.shape[:3], torch.inf, dtype=expected.dtype)
    for n, frame in enumerate(seen.frame.tolist()):
        (rows,) = torch.nonzero(found.frame == frame, as_tuple=True)
        if len(rows):
            best[n] = _nearest(expected[n], found.uv_px[rows, :, 0].to(expected), seen.torso_px[n])
    return torch.where(counted, torch.where(expected.isfinite().all(-1), best, torch.inf), torch.nan)


def agreement(distance_px: Float[Tensor, "n p k"], torso_px: Float[Tensor, "n p"]) -> Agreement:
    """The numbers of one view."""
    known = distance_px.isnan().logical_not() & torso_px.isfinite()[..., None]
    error = (distance_px / torso_px[..., None])[known]
    found = distance_px[known & distance_px.isfinite()]
    if not len(error):
        return Agreement(float("nan"), float("nan"), float("nan"), 0)
    return Agreement(
        float(found.median()) if len(found) else float("nan"),
        float((error < 0.1).double().mean()),
        float(error.clamp(max=CAP).mean()),
        len(error),
    )


def _nearest(
    expected: Float[Tensor, "p k 2"], found: Float[Tensor, "s k 2"], torso_px: Float[Tensor, " p"]
) -> Float[Tensor, "p k"]:
    """Distances to the sighting that fits each person best; infinite where none does, or it lacks the keypoint."""
    apart = (expected[:, None] - found).norm(dim=-1)
    typical = apart.nanmedian(-1).values.nan_to_num(torch.inf)
    row = typical.argmin(1)
    fits = typical.gather(1, row[:, None]) < SAME_PERSON * torso_px[:, None]
    nearest = apart[torch.arange(len(row)), row]
    return torch.where(fits & nearest.isfinite(), nearest, torch.inf)
