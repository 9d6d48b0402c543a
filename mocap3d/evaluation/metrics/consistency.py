"""Accuracy without truth: views that were left out, and bones that should keep their length."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.geometry.camera import Camera


def held_out_px(
    camera: Camera, p_in_world: Float[Tensor, "t k 3"], uv_px: Float[Tensor, "t k 2"]
) -> Float[Tensor, "t k"]:
    """Distance of what a view saw from points that were made without it; NaN where either is missing."""
    return (camera.project(p_in_world) - uv_px).norm(dim=-1)


def bone_spread_mm(p_m: Float[Tensor, "t k 3"], bones: Sequence[tuple[int, int]]) -> Float[Tensor, " b"]:
    """Standard deviation over time of each bone's length; NaN where it was never known."""
    lengths = torch.stack([(p_m[:, a] - p_m[:, b]).norm(dim=-1) for a, b in bones], -1)
    return 1000 * (lengths - lengths.nanmean(0)).square().nanmean(0).sqrt()
