"""Gradients through a minimum: how the solution moves when what it was made from is changed.

At ``x* = argmin E(x, theta)`` the gradient of E vanishes for every theta, hence ``dx*/dtheta = -H^-1 d(grad E)/dtheta``
with ``H`` the Hessian in x (implicit function theorem; Blondel et al., 2022). One linear solve per backward pass,
whatever the solver was. It must have converged: at a mere stop the gradient is that of another point.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Energy = Callable[..., Float[Tensor, ""]]
"""E(x, *parameters), twice differentiable in x."""
LinearMap = Callable[[Tensor], Tensor]
Preconditioner = Callable[[Tensor], LinearMap]
"""From x to an approximate inverse of the Hessian there, symmetric and positive."""

_MAX_NEWTON = 50
_MAX_CG = 2000


def minimum(
    energy: Energy,
    start: Float[Tensor, "*x"],
    *parameters: Tensor,
    preconditioner: Preconditioner | None = None,
    tolerance: float = 1e-16,
) -> Float[Tensor, "*x"]:
    """The minimiser of ``energy(x, *parameters)`` near ``start``, differentiable in the parameters (once).

    Newton steps with conjugate gradients on exact Hessian products, until a step would lower the energy by less than
    ``tolerance`` of it. ``start`` should be a solver's answer already; ArithmeticError if no minimum is reached.
    """
    return _Minimum.apply(energy, preconditioner or (lambda _: lambda r: r), tolerance, start.detach(), *parameters)


class _Minimum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, energy: Energy, preconditioner: Preconditioner, tolerance: float, start: Tensor, *parameters: Tensor
    ) -> Tensor:
        fixed = [p.detach() for p in parameters]
        x = _newton(energy, preconditioner, tolerance, start, fixed)
        ctx.energy, ctx.preconditioner = energy, preconditioner
        ctx.save_for_backward(x, *parameters)
        return x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, *parameters = ctx.saved_tensors
        needed = ctx.needs_input_grad[4:]
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            leaves = [p.detach().requires_grad_(need) for p, need in zip(parameters, needed, strict=True)]
            (gradient,) = torch.autograd.grad(ctx.energy(x, *leaves), x, create_graph=True)

            def hessian(v: Tensor) -> Tensor:
                return torch.autograd.grad(gradient, x, v, retain_graph=True)[0]

            adjoint = _conjugate_gradients(hessian, ctx.preconditioner(x.detach()), outputs[0], 1e-10)
            wanted = [leaf for leaf, need in zip(leaves, needed, strict=True) if need]
            found = iter(torch.autograd.grad(gradient, wanted, adjoint, allow_unused=True))
        moved = [next(found) if need else None for need in needed]
        return (None, None, None, None, *(None if g is None else -g for g in moved))


def _newton(
    energy: Energy, preconditioner: Preconditioner, tolerance: float, x: Tensor, parameters: list[Tensor]
) -> Tensor:
    for _ in range(_MAX_NEWTON):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            value = energy(x, *parameters)
            (gradient,) = torch.autograd.grad(value, x, create_graph=True)

            def hessian(v: Tensor, gradient: Tensor = gradient, x: Tensor = x) -> Tensor:
                return torch.autograd.grad(gradient, x, v, retain_graph=True)[0]

            step = _conjugate_gradients(hessian, preconditioner(x.detach()), -gradient.detach(), 1e-6)
        decrement = -float((step * gradient.detach()).sum())
        if not (isfinite(decrement) and isfinite(float(value))):
            raise ArithmeticError("the energy is not finite at the start: begin where every term is defined")
        if decrement <= tolerance * abs(float(value)):
            return (x + step).detach()
        x = _downhill(energy, x.detach(), step, float(value), parameters)
    raise ArithmeticError(f"no minimum within {_MAX_NEWTON} Newton steps: begin nearer to it")


def _downhill(energy: Energy, x: Tensor, step: Tensor, value: float, parameters: list[Tensor]) -> Tensor:
    """The longest of step, step/2, step/4 ... that does not go up (robust energies are not convex)."""
    scale = 1.0
    slack = 1e-12 * abs(value)
    with torch.no_grad():
        # Asked this way round, an energy that is NaN (a point behind a camera) counts as uphill.
        while not float(energy(x + scale * step, *parameters)) <= value + slack and scale > 1e-6:
            scale /= 2
    return x + scale * step


def _conjugate_gradients(hessian: LinearMap, approximate_inverse: LinearMap, b: Tensor, tolerance: float) -> Tensor:
    """x with H x = b; stops early at a direction along which H is not positive."""
    x, r = torch.zeros_like(b), b.clone()
    z = approximate_inverse(r)
    p, rz = z, float((r * z).sum())
    enough = rz * tolerance**2
    for step in range(_MAX_CG):
        if rz <= enough or rz == 0:
            break
        q = hessian(p)
        curvature = float((p * q).sum())
        if curvature <= 0:
            return z if step == 0 else x
        alpha = rz / curvature
        x, r = x + alpha * p, r - alpha * q
        z = approximate_inverse(r)
        rz, before = float((r * z).sum()), rz
        p = z + (rz / before) * p
    return x
