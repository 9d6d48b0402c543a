"""The whole-sequence fit as a layer: gradients of 3D positions in 2D points, their doubt, priors and cameras."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.fusion.costs import sequence_energy
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.solve import banded
from mocap3d.solve.implicit import LinearMap, minimum


@dataclass(frozen=True, slots=True, eq=False)
class SequencePrior:
    """What is believed before looking; every tensor may carry a gradient."""

    pairs: Int[Tensor, "b 2"]
    length_m: Float[Tensor, " b"]
    pair_weight: Float[Tensor, " b"]
    """1/sigma^2 in 1/m^2."""
    motion_weight: Float[Tensor, " k"]
    """1/sigma^2 of the second difference between instants, in 1/m^2."""
    gates: tuple[float, float, float] = (4.0, 3.0, 2.5)
    """Where the losses of views, pairs and motion bend, in sigmas."""


def fit_differentiably(
    uv_px: Float[Tensor, "v t k 2"],
    cov_px2: Float[Tensor, "v t k 2 2"],
    cameras: Sequence[Camera],
    prior: SequencePrior,
    start: Float[Tensor, "t k 3"],
) -> Float[Tensor, "t k 3"]:
    """Positions that minimise ``costs.sequence_energy``, near ``start`` (triangulated, or from ``fit_sequence``).

    Differentiable in ``uv_px``, ``cov_px2``, the tensors of ``prior`` and those of the cameras (f_px, c_px, distortion,
    rotation, translation). Missing points are NaN and get no gradient. float64.
    """
    camera_tensors = [tensor for camera in cameras for tensor in _tensors(camera)]

    def energy(
        p_in_world: Tensor, uv: Tensor, cov: Tensor, length: Tensor, w_pair: Tensor, w_motion: Tensor, *cams: Tensor
    ):
        rebuilt = [_camera_of(camera, cams[5 * i : 5 * i + 5]) for i, camera in enumerate(cameras)]
        return sequence_energy(p_in_world, uv, cov, rebuilt, prior.pairs, length, w_pair, w_motion, prior.gates)

    def preconditioner(p_in_world: Tensor) -> LinearMap:
        return _chains(p_in_world, uv_px.detach(), cov_px2.detach(), cameras, prior)

    weights = (prior.length_m, prior.pair_weight, prior.motion_weight)
    return minimum(energy, start, uv_px, cov_px2, *weights, *camera_tensors, preconditioner=preconditioner)


def _tensors(camera: Camera) -> tuple[Tensor, ...]:
    pose = camera.cam_from_world
    return camera.lens.f_px, camera.lens.c_px, camera.lens.distortion, pose.rotation, pose.translation


def _camera_of(like: Camera, tensors: Sequence[Tensor]) -> Camera:
    f_px, c_px, distortion, rotation, translation = tensors
    return Camera(Lens(like.lens.model, f_px, c_px, distortion), Rigid(rotation, translation), like.size_px)


def _chains(
    p_in_world: Tensor, uv_px: Tensor, cov_px2: Tensor, cameras: Sequence[Camera], prior: SequencePrior
) -> LinearMap:
    """Solve with every point's own chain in time (its views, its share of the pairs, its motion)."""
    n_times, n_points, _ = p_in_world.shape
    blocks = 1e-3 * torch.eye(3, dtype=p_in_world.dtype).expand(n_times, n_points, 3, 3)
    gate2 = prior.gates[0] ** 2
    with torch.no_grad():
        for view, camera in enumerate(cameras):
            jacobian = camera.jacobian(p_in_world)
            seen = torch.isfinite(uv_px[view]).all(-1)
            apart = torch.nan_to_num(camera.project(p_in_world) - uv_px[view])
            information = torch.linalg.inv(torch.where(seen[..., None, None], cov_px2[view], torch.eye(2).to(cov_px2)))
            squared = torch.einsum("tki,tkij,tkj->tk", apart, information, apart)
            weight = seen * (gate2 / (gate2 + squared)) ** 2
            added = jacobian.transpose(-1, -2) @ (weight[..., None, None] * information) @ jacobian
            blocks = blocks + torch.nan_to_num(added)
        first, second = prior.pairs.T
        apart = p_in_world[:, first] - p_in_world[:, second]
        unit = apart / torch.linalg.vector_norm(apart, dim=-1, keepdim=True)
        outer = prior.pair_weight[:, None, None] * unit[..., :, None] * unit[..., None, :]
        blocks = blocks.index_add(1, first, outer).index_add(1, second, outer)
    six = [blocks[..., i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))]
    h = torch.stack(six, 1).contiguous().numpy()
    w = np.tile(prior.motion_weight.detach().numpy(), (n_times, 1))
    w[[0, -1]] = 0
    inv_pivot, lower = np.empty_like(h), np.empty((n_times, 9, n_points))
    banded.factor(h, w, inv_pivot, lower)

    def apply(r: Tensor) -> Tensor:
        columns = np.ascontiguousarray(r.detach().numpy().transpose(0, 2, 1))
        z = np.empty_like(columns)
        banded.solve(inv_pivot, lower, w, columns, z)
        return torch.from_numpy(np.ascontiguousarray(z.transpose(0, 2, 1)))

    return apply
