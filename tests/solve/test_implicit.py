"""Gradients through a minimum against finite differences of solving again."""

import pytest
import torch
from torch import Tensor

from mocap3d.solve.implicit import minimum
from mocap3d.solve.losses import geman_mcclure, huber


def _energy(x: Tensor, data: Tensor, weight: Tensor, stiffness: Tensor) -> Tensor:
    """A robust curve through data: neither quadratic nor, far out, convex."""
    fit = geman_mcclure((x - data).square() * weight, 9.0).sum()
    return 0.5 * (fit + huber(stiffness * (x[2:] - 2 * x[1:-1] + x[:-2]).square(), 2.0).sum() + 0.01 * (x**4).sum())


def _problem() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(12, generator=generator, dtype=torch.float64) * 0.5
    data[5] += 20.0  # an outlier
    weight = 1 + torch.rand(12, generator=generator, dtype=torch.float64)
    return data, weight, torch.tensor(3.0, dtype=torch.float64)


def test_gradients_pass_gradcheck():
    parameters = [p.requires_grad_() for p in _problem()]

    def solution(*parameters: Tensor) -> Tensor:
        return minimum(_energy, torch.zeros(12, dtype=torch.float64), *parameters)

    assert torch.autograd.gradcheck(solution, parameters, eps=1e-6, atol=1e-6, rtol=1e-5)


def test_the_gradient_vanishes_at_the_minimum():
    """Measured 6e-16."""
    parameters = _problem()
    x = minimum(_energy, torch.zeros(12, dtype=torch.float64), *parameters).requires_grad_()
    (gradient,) = torch.autograd.grad(_energy(x, *parameters), x)
    assert gradient.abs().max() < 1e-9


def test_a_start_without_a_minimum_is_refused():
    with pytest.raises(ArithmeticError, match="begin nearer"):
        minimum(lambda x, a: -(a * x.square()).sum(), torch.ones(3).double(), torch.ones(3).double())


def test_a_start_where_the_energy_is_undefined_is_refused():
    with pytest.raises(ArithmeticError, match="not finite"):
        minimum(lambda x, a: (a * x).log().sum(), -torch.ones(3).double(), torch.ones(3).double())
