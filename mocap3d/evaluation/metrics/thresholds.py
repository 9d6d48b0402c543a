"""Shares of joints that are right enough: PCK in its kinds, PCKh, PCP, and areas under the curve.

Everywhere a joint without truth counts nothing, and one without a prediction is wrong.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def pck(
    distance: Float[Tensor, "*b j"], threshold: float, size: Float[Tensor, "*b"] | None = None
) -> Float[Tensor, ""]:
    """Share of distances within a threshold, in the unit of the distances, or times ``size`` (a torso, a head, a box).

    NaN: no truth; infinite: not predicted. Source: Yang & Ramanan (2013); PCK@0.2 is of the torso there.
    """
    reach = torch.as_tensor(threshold, dtype=distance.dtype)
    limit = reach if size is None else (reach * size)[..., None]
    known = distance.isnan().logical_not() & torch.isfinite(limit).expand_as(distance)
    return (distance <= limit)[known].double().mean()


def pckh(
    uv_px: Float[Tensor, "n j 2"], true_px: Float[Tensor, "n j 2"], head_px: Float[Tensor, " n"], threshold: float = 0.5
) -> Float[Tensor, ""]:
    """PCKh@``threshold``: of 0.6 times the diagonal of the head's box. Source: Andriluka et al. (2014), MPII."""
    return pck(distances_px(uv_px, true_px), threshold, head_px)


def distances_px(uv_px: Float[Tensor, "*b j 2"], true_px: Float[Tensor, "*b j 2"]) -> Float[Tensor, "*b j"]:
    """NaN where there is no truth, infinite where nothing was predicted."""
    distance = (uv_px - true_px).norm(dim=-1)
    known = true_px.isfinite().all(-1)
    return torch.where(known, torch.where(uv_px.isfinite().all(-1), distance, torch.inf), torch.nan)


def pck3d(distance_mm: Float[Tensor, "*b j"], threshold_mm: float = 150.0) -> Float[Tensor, ""]:
    """Share of joints within 150 mm. Source: Mehta et al. (2017), MPI-INF-3DHP."""
    return pck(distance_mm, threshold_mm)


def auc_mean(distance: Float[Tensor, "*b j"], thresholds: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Mean PCK over thresholds. Source: Mehta et al. (2017): 0, 5, ..., 150 mm."""
    return torch.stack([pck(distance, float(threshold)) for threshold in thresholds]).mean()


def auc_integral(distance_mm: Float[Tensor, "n j"], most_mm: int = 199) -> Float[Tensor, ""]:
    """Area under PCK over 0, 1, ..., 199 mm, the axis scaled to 0..1, by trapezes. Source: 3DPW challenge (2020).

    PCK is the mean over joints, then over frames, as :func:`pck_by_frame`.
    """
    thresholds = torch.arange(most_mm + 1, dtype=distance_mm.dtype)
    by_frame = torch.stack([pck_by_frame(distance_mm, float(threshold)).nanmean() for threshold in thresholds])
    return torch.trapezoid(by_frame, thresholds / most_mm)


def pck_by_frame(distance: Float[Tensor, "n j"], threshold: float) -> Float[Tensor, " n"]:
    """Share of right joints of each frame."""
    right = torch.where(distance.isnan(), torch.nan, (distance <= threshold).to(distance.dtype))
    return right.nanmean(-1)


def pcp(
    predicted: Float[Tensor, "*b j d"],
    true: Float[Tensor, "*b j d"],
    limbs: list[tuple[int, int]],
    threshold: float = 0.5,
    *,
    strict: bool = True,
) -> Float[Tensor, " l"]:
    """Share of right limbs, each: both ends within half the limb's true length, or (not strict) on average.

    Strict: Ferrari et al. (2008) as Pishchulin et al. (2012) read it. Shelf and Campus count the mean of both ends
    (Belagiannis et al. 2014). A limb without truth counts nothing; one with an end not predicted is wrong.
    """
    shares = []
    for a, b in limbs:
        length = (true[..., a, :] - true[..., b, :]).norm(dim=-1)
        off = torch.stack([(predicted[..., end, :] - true[..., end, :]).norm(dim=-1) for end in (a, b)])
        off = off.nan_to_num(torch.inf)
        measure = off.amax(0) if strict else off.mean(0)
        shares.append((measure <= threshold * length)[length.isfinite()].double().mean())
    return torch.stack(shares)
