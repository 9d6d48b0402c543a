"""Points in space from their pixels in several cameras: the reference for the kernels of ``solve``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.geometry.camera import Camera

_STEPS = 30
_ARRIVAL_M = 1e-9
_NEAREST_M = 0.01
"""No camera images anything nearer: rays of two cameras at one place meet in their own centre."""


def triangulate(
    uv_px: Float[Tensor, "v n 2"], sigma_px: Float[Tensor, "v n"], cameras: Sequence[Camera]
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3 3"]]:
    """The most likely points in the world, and their covariance in square metres, if pixel noise is normal.

    Missing pixels (or sigmas) are NaN; a point that fewer than two views fix is NaN. A moving camera's frames are the n
    points. Differentiable by pixels, sigmas, poses and lenses: the last step is Newton's, with the whole Hessian.
    """
    sightings = _Sightings.of(uv_px, sigma_px, cameras)
    with torch.no_grad():
        p_in_world = _refined(_meeting_points(sightings), sightings)
        fixed = sightings.residuals(p_in_world)[1].sum(0) >= 2
    if torch.is_grad_enabled():
        p_in_world = _newton_step(p_in_world, sightings, fixed)
    information, _ = sightings.normal_equations(p_in_world)
    factor, failed = torch.linalg.cholesky_ex(_or_identity(information, fixed))
    fixed = fixed & (failed == 0)
    cov_m2 = torch.cholesky_inverse(_or_identity(factor, fixed))
    return torch.where(fixed[:, None], p_in_world, torch.nan), torch.where(fixed[:, None, None], cov_m2, torch.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Sightings:
    """What every camera saw of every point, NaN replaced by harmless numbers of weight 0."""

    uv_px: Float[Tensor, "v n 2"]
    weight: Float[Tensor, "v n"]
    """1 / sigma, in 1/px; 0 where missing."""
    cameras: Sequence[Camera]

    @staticmethod
    def of(uv_px: Float[Tensor, "v n 2"], sigma_px: Float[Tensor, "v n"], cameras: Sequence[Camera]) -> "_Sightings":
        seen = uv_px.isfinite().all(-1) & sigma_px.isfinite()
        middle_px = torch.stack([camera.lens.c_px for camera in cameras])[:, None].detach()
        weight = torch.where(seen, 1 / torch.where(seen, sigma_px, 1.0), 0.0)
        return _Sightings(torch.where(seen[..., None], uv_px, middle_px), weight, cameras)

    def residuals(self, p_in_world: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "v n 2"], Bool[Tensor, "v n"]]:
        """Seen minus expected pixels in units of their sigma, 0 where there is none; and the usable sightings.

        Not usable: a camera did not see the point, or cannot have seen it where it is now.
        """
        expected = _stacked(camera.project(p_in_world) for camera in self.cameras)
        distance_m = _stacked((p_in_world - camera.centre_in_world).norm(dim=-1) for camera in self.cameras)
        usable = (self.weight > 0) & expected.isfinite().all(-1) & (distance_m > _NEAREST_M)
        return self.weight[..., None] * (self.uv_px - torch.where(usable[..., None], expected, self.uv_px)), usable

    def normal_equations(self, p_in_world: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 3 3"], Float[Tensor, "n 3"]]:
        """Information matrix in 1/m^2, and the downhill direction of half the squared residuals."""
        jacobian = _stacked(camera.jacobian(p_in_world) for camera in self.cameras)
        jacobian = self.weight[..., None, None] * torch.where(jacobian.isfinite(), jacobian, 0.0)
        information = torch.einsum("vnai,vnaj->nij", jacobian, jacobian)
        return information, torch.einsum("vnai,vna->ni", jacobian, self.residuals(p_in_world)[0])

    def cost(self, p_in_world: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Half the squared residuals; infinite where a point has left the sight of those that saw it."""
        residuals, usable = self.residuals(p_in_world)
        lost = (usable != (self.weight > 0)).any(0)
        return torch.where(lost, torch.inf, residuals.square().sum((0, 2)) / 2)


def _meeting_points(sightings: _Sightings) -> Float[Tensor, "n 3"]:
    """The points nearest to their rays, which count by their doubt in metres: by distance, once that is known."""
    rays = [camera.rays(uv_px) for camera, uv_px in zip(sightings.cameras, sightings.uv_px, strict=True)]
    origin, direction = _stacked(o for o, _ in rays), _stacked(d for _, d in rays)
    missing = direction.isnan().any(-1)
    direction = torch.where(missing[..., None], 0.0, direction)
    across = torch.eye(3).to(direction) - direction[..., :, None] * direction[..., None, :]
    f_px = torch.stack([camera.lens.f_px.mean() for camera in sightings.cameras])[:, None]
    weight = torch.where(missing, 0.0, f_px * sightings.weight) ** 2
    rough = _nearest_point(origin, weight[..., None, None] * across)
    distance2 = (rough - origin).square().sum(-1).clamp(min=1e-6)
    return _nearest_point(origin, (weight / distance2)[..., None, None] * across)


def _nearest_point(origin: Float[Tensor, "v n 3"], information: Float[Tensor, "v n 3 3"]) -> Float[Tensor, "n 3"]:
    """The point with the least sum of (p - origin)' information (p - origin)."""
    return _solve(information.sum(0), (information @ origin[..., None]).sum(0)[..., 0])


def _refined(p_in_world: Float[Tensor, "n 3"], sightings: _Sightings) -> Float[Tensor, "n 3"]:
    """Levenberg and Marquardt's steps on the pixel residuals, every point with a damping of its own."""
    cost, damping = sightings.cost(p_in_world), torch.full_like(p_in_world[:, 0], 1e-9)
    for _ in range(_STEPS):
        information, downhill = sightings.normal_equations(p_in_world)
        damped = information + torch.diag_embed(damping[:, None] * information.diagonal(dim1=-2, dim2=-1))
        step = _solve(damped, downhill)
        if not (step.abs() > _ARRIVAL_M).any():
            break
        trial = p_in_world + step
        trial_cost = sightings.cost(trial)
        better = trial_cost < cost
        p_in_world, cost = torch.where(better[:, None], trial, p_in_world), torch.where(better, trial_cost, cost)
        damping = torch.where(better, damping / 10, 10 * damping.clamp(min=1e-4))
    return p_in_world


def _newton_step(
    p_in_world: Float[Tensor, "n 3"], sightings: _Sightings, fixed: Bool[Tensor, " n"]
) -> Float[Tensor, "n 3"]:
    """At the minimum this moves nothing, but carries the gradients: the implicit function theorem."""
    p_in_world = p_in_world.detach().requires_grad_()
    cost = sightings.residuals(p_in_world)[0].square().sum() / 2
    (uphill,) = torch.autograd.grad(cost, p_in_world, create_graph=True)
    rows = [torch.autograd.grad(uphill[:, i].sum(), p_in_world, retain_graph=True)[0] for i in range(3)]
    hessian = torch.stack(rows, -2).detach()
    return p_in_world.detach() - _solve(_or_identity(hessian, fixed), uphill)


def _stacked(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack(tuple(tensors))


def _or_identity(matrix: Float[Tensor, "n 3 3"], keep: Bool[Tensor, " n"]) -> Float[Tensor, "n 3 3"]:
    """The identity takes the place of matrices that cannot be inverted."""
    return torch.where(keep[:, None, None], matrix, torch.eye(3, dtype=matrix.dtype, device=matrix.device))


def _solve(matrix: Float[Tensor, "n 3 3"], v: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """NaN where the matrix is singular, instead of an error for the whole batch."""
    solution, failed = torch.linalg.solve_ex(matrix, v)
    return torch.where((failed == 0)[:, None], solution, torch.nan)
