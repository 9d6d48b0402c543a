"""A walker at many places of a volume, and which camera sees which of their keypoints past their own body."""

from dataclasses import dataclass
from math import tau

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.session.rig import VolumeTable
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.occlusion import occluded
from mocap3d.synthesis.walk import walking_person

_RATE_HZ = 30.0
_HEIGHT_M = 1.75
_STRIDE_S = 1.08
"""Of the walker, whose cadence is 1.85 steps per second."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Keypoints of somebody who walks on the spot, at every place and in every direction."""

    names: tuple[str, ...]
    p_in_world: Float[Tensor, "place pose k 3"]


def placed_walker(volume: VolumeTable, *, step_m: float, n_turns: int, n_phases: int) -> tuple[Placed, Tensor, Tensor]:
    """The walker on a grid of the floor (x fastest), turned ``n_turns`` ways in ``n_phases`` of a stride; and x, y."""
    names = load_skeleton("halpe26").keypoints
    poses = _poses(names, n_turns, n_phases)
    x, y = (_grid(volume.min_m[axis], volume.max_m[axis], step_m) for axis in (0, 1))
    floor = torch.stack(
        [x.repeat(len(y)), y.repeat_interleave(len(x)), torch.full((len(x) * len(y),), volume.min_m[2])], -1
    )
    return Placed(names, poses + floor[:, None, None]), x, y


def _grid(low: float, high: float, step_m: float) -> Float[Tensor, " n"]:
    return torch.linspace(low, high, max(2, round((high - low) / step_m) + 1), dtype=torch.float64)


def _poses(names: tuple[str, ...], n_turns: int, n_phases: int) -> Float[Tensor, "pose k 3"]:
    """Middle of the body above the origin."""
    walker = walking_person(round(2 * _STRIDE_S * _RATE_HZ), rate_hz=_RATE_HZ, height_m=_HEIGHT_M)
    points = torch.from_numpy(np.stack([walker[name] for name in names], 1))
    instants = (torch.arange(n_phases) * _STRIDE_S * _RATE_HZ / n_phases + _RATE_HZ / 4).round().long()
    points = points[instants]
    middle = points.mean(1, keepdim=True) * points.new_tensor([1.0, 1.0, 0.0])
    angle = torch.arange(n_turns, dtype=torch.float64) * tau / n_turns
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = (cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1)
    turns = torch.stack(rows, -1).reshape(-1, 3, 3)
    return torch.einsum("aij,pkj->apki", turns, points - middle).reshape(-1, len(names), 3)


def visible(camera: Camera, placed: Placed) -> Bool[Tensor, "place pose k"]:
    """Inside the picture, and the line of sight not through the body."""
    p = placed.p_in_world
    people = [{name: p[:, :, k].reshape(-1, 3).numpy() for k, name in enumerate(placed.names)}]
    hidden = occluded(camera, people, [_HEIGHT_M], placed.names)[:, 0]
    uv_px = camera.project(p)
    inside = camera.contains(uv_px) & uv_px.isfinite().all(-1)
    return inside & ~torch.from_numpy(hidden).reshape(inside.shape)
