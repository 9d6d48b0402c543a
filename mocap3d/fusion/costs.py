"""What a sequence is judged by: residuals as pure functions, each divided by its sigma, and their robust sum.

The same terms as the kernels of ``solve.sequence``, in torch and with the exact lens: the oracle of those kernels, and
what gradients go through. Times t, keypoints k, views v, pairs b, angles a.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.solve.losses import geman_mcclure, huber


def reprojection2(
    p_in_world: Float[Tensor, "t k 3"],
    uv_px: Float[Tensor, "t k 2"],
    cov_px2: Float[Tensor, "t k 2 2"],
    camera: Camera,
) -> Float[Tensor, "t k"]:
    """Squared Mahalanobis distance of a view's points from the reprojected ones; 0 where missing."""
    seen = torch.isfinite(uv_px).all(-1) & torch.isfinite(cov_px2).all(-1).all(-1)
    # Replaced before anything is computed: a NaN that is only masked afterwards still has a NaN gradient.
    uv_px = torch.where(seen[..., None], uv_px, torch.zeros_like(uv_px))
    unit = torch.eye(2, dtype=cov_px2.dtype).expand(cov_px2.shape)
    cov_px2 = torch.where(seen[..., None, None], cov_px2, unit)
    apart = camera.project(p_in_world) - uv_px
    squared = (apart * torch.linalg.solve(cov_px2, apart)).sum(-1)
    return torch.where(seen, squared, torch.zeros_like(squared))


def pair_residual(
    p_in_world: Float[Tensor, "t k 3"],
    pairs: Int[Tensor, "b 2"],
    length_m: Float[Tensor, " b"],
    weight: Float[Tensor, " b"],
) -> Float[Tensor, "t b"]:
    """Distance minus its length, in sigmas (weight = 1/sigma^2)."""
    apart = p_in_world[:, pairs[:, 0]] - p_in_world[:, pairs[:, 1]]
    return (torch.linalg.vector_norm(apart, dim=-1) - length_m) * weight.sqrt()


def angle_residual(
    p_in_world: Float[Tensor, "t k 3"],
    angles: Int[Tensor, "a 3"],
    limit_rad: Float[Tensor, "a 2"],
    weight: Float[Tensor, " a"],
) -> Float[Tensor, "t a"]:
    """By how much an interior angle is beyond its limits, in sigmas; 0 within."""
    first, vertex, last = (p_in_world[:, angles[:, i]] for i in range(3))
    cosine = torch.nn.functional.cosine_similarity(first - vertex, last - vertex, dim=-1)
    angle = torch.acos(cosine.clamp(-1 + 1e-9, 1 - 1e-9))
    beyond = (angle - limit_rad[:, 0]).clamp(max=0) + (angle - limit_rad[:, 1]).clamp(min=0)
    return beyond * weight.sqrt()


def motion_squared(p_in_world: Float[Tensor, "t k 3"], weight: Float[Tensor, " k"]) -> Float[Tensor, "s k"]:
    """Squared second difference between instants, in sigmas (weight = 1/sigma^2)."""
    second = p_in_world[:-2] - 2 * p_in_world[1:-1] + p_in_world[2:]
    return second.square().sum(-1) * weight


def sequence_energy(
    p_in_world: Float[Tensor, "t k 3"],
    uv_px: Float[Tensor, "v t k 2"],
    cov_px2: Float[Tensor, "v t k 2 2"],
    cameras: Sequence[Camera],
    pairs: Int[Tensor, "b 2"],
    length_m: Float[Tensor, " b"],
    pair_weight: Float[Tensor, " b"],
    motion_weight: Float[Tensor, " k"],
    gates: tuple[float, float, float],
) -> Float[Tensor, ""]:
    """Half the robust sum of all terms; gates in sigmas of views (Geman-McClure), pairs and motion (Huber)."""
    total = huber(motion_squared(p_in_world, motion_weight), gates[2]).sum()
    total = total + huber(pair_residual(p_in_world, pairs, length_m, pair_weight).square(), gates[1]).sum()
    for view, camera in enumerate(cameras):
        squared = reprojection2(p_in_world, uv_px[view], cov_px2[view], camera)
        total = total + geman_mcclure(squared, gates[0] ** 2).sum()
    return 0.5 * total
