"""Distances of joints from the truth, per joint and frame, before and after aligning what a measure forgives.

A joint that is NaN in prediction or truth counts in no mean and in no alignment. A frame's mean is over its joints,
a sequence's over its frames: with joints missing that is not the mean over all joints.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.geometry.align import rigid_align, similarity_align

_MM = 1000.0


def distances_mm(predicted_m: Float[Tensor, "*b j 3"], true_m: Float[Tensor, "*b j 3"]) -> Float[Tensor, "*b j"]:
    """Euclidean distance of every joint."""
    return _MM * (predicted_m - true_m).norm(dim=-1)


def rooted(p_m: Float[Tensor, "*b j 3"], root: int | tuple[int, ...] = 0) -> Float[Tensor, "*b j 3"]:
    """Relative to a joint, or to the mean of several."""
    joints = (root,) if isinstance(root, int) else root
    return p_m - p_m[..., list(joints), :].mean(-2, keepdim=True)


def mpjpe_mm(
    predicted_m: Float[Tensor, "*b j 3"], true_m: Float[Tensor, "*b j 3"], root: int | tuple[int, ...] = 0
) -> Float[Tensor, "*b"]:
    """Mean per-joint position error of each frame, roots laid upon each other.

    Source: Ionescu et al. (2014), Human3.6M, protocol 1.
    """
    return distances_mm(rooted(predicted_m, root), rooted(true_m, root)).nanmean(-1)


def aligned(
    predicted_m: Float[Tensor, "*b j 3"], true_m: Float[Tensor, "*b j 3"], *, scale: bool = True
) -> Float[Tensor, "*b j 3"]:
    """Each frame turned, moved and (or not) scaled onto the truth, never mirrored.

    Where all predicted joints are at one point, or only one is known, no turn is told: they are moved and kept.
    Source: Umeyama (1991).
    """
    if scale:
        factor, true_from_predicted = similarity_align(predicted_m, true_m)
        factor = torch.where(factor.isfinite(), factor, 1.0)
    else:
        true_from_predicted = rigid_align(predicted_m, true_m)
        factor = torch.ones_like(predicted_m[..., 0, 0])
    turned = (true_from_predicted.rotation @ (factor[..., None, None] * predicted_m).mT).mT
    known = (predicted_m.isfinite() & true_m.isfinite()).all(-1, keepdim=True)
    shift = torch.where(known, true_m - turned, torch.nan).nanmean(-2, keepdim=True)
    return turned + shift


def pa_mpjpe_mm(
    predicted_m: Float[Tensor, "*b j 3"], true_m: Float[Tensor, "*b j 3"], *, scale: bool = True
) -> Float[Tensor, "*b"]:
    """MPJPE of each frame after Procrustes alignment, by a similarity or (``scale=False``) a rigid motion.

    Source: Zhou et al. (2018), "reconstruction error"; Human3.6M's protocol 2.
    """
    return distances_mm(aligned(predicted_m, true_m, scale=scale), true_m).nanmean(-1)


def n_mpjpe_mm(
    predicted_m: Float[Tensor, "*b j 3"], true_m: Float[Tensor, "*b j 3"], root: int | tuple[int, ...] = 0
) -> Float[Tensor, "*b"]:
    """MPJPE of each frame after the best scale about the root. Source: Rhodin et al. (2018)."""
    predicted_m, true_m = rooted(predicted_m, root), rooted(true_m, root)
    known = (predicted_m.isfinite() & true_m.isfinite()).all(-1, keepdim=True)
    p, q = (torch.where(known, x, 0.0) for x in (predicted_m, true_m))
    scale = (p * q).sum((-2, -1)) / (p * p).sum((-2, -1))
    return distances_mm(scale[..., None, None] * predicted_m, true_m).nanmean(-1)


def pve_mm(
    predicted_m: Float[Tensor, "*b n 3"],
    true_m: Float[Tensor, "*b n 3"],
    predicted_root_m: Float[Tensor, "*b 3"] | None = None,
    true_root_m: Float[Tensor, "*b 3"] | None = None,
) -> Float[Tensor, "*b"]:
    """Mean per-vertex error of each frame; with both roots, relative to them. Source: Pavlakos et al. (2018)."""
    if predicted_root_m is not None and true_root_m is not None:
        predicted_m, true_m = predicted_m - predicted_root_m[..., None, :], true_m - true_root_m[..., None, :]
    return distances_mm(predicted_m, true_m).nanmean(-1)
