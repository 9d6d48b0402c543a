"""What the outputs of top-down models mean, told from their shapes: heatmaps, or SimCC's columns and rows.

Sources: heatmaps as Sun et al. (2019), HRNet; SimCC as Li et al. (2022) and Jiang et al. (2023), RTMPose: x and y are
classified apart, into several bins per pixel.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.heatmaps import Modes, modes

Cells = Literal["aligned", "corners", "centres"]
Outputs = list[np.ndarray]
_FAINTEST = 1e-6
_REACH_PX = 8
"""Half a window around SimCC's peak: RTMPose's bins are trained towards Gaussians of sigma 5 px."""


def reader_of(
    shapes: Sequence[tuple[int, ...]], size_px: tuple[int, int], cells: Cells
) -> tuple[Callable[[Outputs], Modes], int] | None:
    """How to read outputs of these shapes for crops of ``size_px``, and the number of keypoints; None where unknown."""
    width, height = size_px
    maps = [n for n, shape in enumerate(shapes) if len(shape) == 4]
    if maps:
        return lambda found: modes_of_maps(found[maps[0]], size_px, cells), shapes[maps[0]][1]
    pairs = [n for n, shape in enumerate(shapes) if len(shape) == 3]
    if len(pairs) < 2 or shapes[pairs[0]][1] != shapes[pairs[1]][1]:
        return None
    x, y = pairs[:2]
    if shapes[x][2] * height != shapes[y][2] * width:
        x, y = y, x
    if shapes[x][2] * height != shapes[y][2] * width:
        return None
    bins_per_px = shapes[x][2] / width
    return lambda found: modes_of_simcc(found[x], found[y], bins_per_px=bins_per_px), shapes[x][1]


def modes_of_maps(maps: Float[np.ndarray, "b k h w"], size_px: tuple[int, int], cells: Cells) -> Modes:
    """Of heatmaps in [0, 1], whose peak is the score."""
    heat = torch.from_numpy(maps)
    found = modes(heat.clamp_min(_FAINTEST).log(), stride=1)
    scale, shift = pixels_of_cells(size_px, (maps.shape[3], maps.shape[2]), cells)
    score = heat.amax((-2, -1)).clamp(0.0, 1.0)
    return replace(
        found,
        uv_px=found.uv_px * scale + shift,
        cov_px2=found.cov_px2 * scale[:, None] * scale,
        log_weight=score.log()[..., None] + found.log_weight - found.log_weight[..., :1],
    )


def modes_of_simcc(x: Float[np.ndarray, "b k w"], y: Float[np.ndarray, "b k h"], *, bins_per_px: float) -> Modes:
    """One alternative per keypoint: centre and spread of each axis's peak; the score is the lower of the two peaks.

    A keypoint whose peak is not above 0 is missing.
    Source: Jiang et al. (2023), RTMPose, whose score this is.
    """
    (u, var_u, peak_u), (v, var_v, peak_v) = _peak(x, bins_per_px), _peak(y, bins_per_px)
    score = torch.minimum(peak_u, peak_v)
    seen = (score > 0)[..., None]
    uv_px = torch.where(seen, torch.stack([u, v], -1), torch.nan)
    cov_px2 = torch.where(seen[..., None], torch.diag_embed(torch.stack([var_u, var_v], -1)), torch.nan)
    return Modes(uv_px[:, :, None], cov_px2[:, :, None], score.clamp(0.0, 1.0).log()[..., None])


def pixels_of_cells(size_px: tuple[int, int], n_cells: tuple[int, int], cells: Cells) -> tuple[Tensor, Tensor]:
    """Factor and shift (x, y) from cell numbers to crop pixels."""
    size, n = torch.tensor(size_px, dtype=torch.float32), torch.tensor(n_cells, dtype=torch.float32)
    if cells == "aligned":
        return (size - 1) / (n - 1), torch.zeros(2)
    return size / n, (size / n - 1) / 2 if cells == "centres" else torch.zeros(2)


def _peak(values: Float[np.ndarray, "b k n"], bins_per_px: float) -> tuple[Tensor, Tensor, Tensor]:
    """Centre (px), variance (px^2) and height of the highest peak; bin n stands for the pixel n / ``bins_per_px``."""
    heights = torch.from_numpy(values)
    height, top = heights.max(-1, keepdim=True)
    bins = torch.arange(heights.shape[-1])
    near = (bins - top).abs() <= _REACH_PX * bins_per_px
    share = torch.where(near, heights.clamp_min(0.0), 0.0)
    share = share / share.sum(-1, keepdim=True).clamp_min(1e-12)
    centre = (share * bins).sum(-1)
    variance = (share * (bins - centre[..., None]).square()).sum(-1) + 1 / 12  # of a bin itself
    return centre / bins_per_px, variance / bins_per_px**2, height[..., 0]
