"""The smooth quotients against arithmetic with fifty digits."""

import mpmath
import pytest
import torch

from mocap3d.geometry import smooth

# Both sides of the joint between series (below 0.5 rad) and closed form, and close to 0.
ANGLES = [1e-12, 1e-5, 1e-3, 0.1, 0.4999999, 0.5000001, 1.0, 2.0, 3.0, 3.1415]
TRUTH = {
    smooth.sin_quotient: lambda a: mpmath.sin(a) / a,
    smooth.versine_quotient: lambda a: (1 - mpmath.cos(a)) / a**2,
    smooth.sin_remainder_quotient: lambda a: (a - mpmath.sin(a)) / a**3,
    smooth.cot_remainder_quotient: lambda a: (1 - a / 2 * mpmath.cot(a / 2)) / a**2,
}


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


@pytest.mark.parametrize("quotient", TRUTH)
def test_values(quotient):
    """Measured 3e-16 at worst, of values between 1 and 1/12 (but for sin(pi))."""
    for angle in ANGLES:
        angle2 = torch.tensor(angle, dtype=torch.float64) ** 2
        truth = TRUTH[quotient](mpmath.sqrt(mpmath.mpf(float(angle2))))
        assert float(quotient(angle2)) == pytest.approx(float(truth), abs=1e-14)


@pytest.mark.parametrize("quotient", TRUTH)
def test_derivatives(quotient):
    for angle in ANGLES:
        angle2 = torch.tensor(angle, dtype=torch.float64).square().requires_grad_()
        (slope,) = torch.autograd.grad(quotient(angle2), angle2)
        a = mpmath.sqrt(mpmath.mpf(float(angle2.detach())))
        truth = mpmath.diff(TRUTH[quotient], a) / (2 * a)
        assert float(slope) == pytest.approx(float(truth), rel=1e-12)


@pytest.mark.parametrize("quotient", TRUTH)
def test_at_zero(quotient):
    """The limits, and two finite derivatives."""
    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = quotient(zero)
    (slope,) = torch.autograd.grad(value, zero, create_graph=True)
    (bend,) = torch.autograd.grad(slope, zero)
    limits = {"sin_quotient": 1, "versine_quotient": 1 / 2, "sin_remainder_quotient": 1 / 6}
    assert float(value.detach()) == pytest.approx(limits.get(quotient.__name__, 1 / 12), rel=1e-15)
    assert slope.isfinite()
    assert bend.isfinite()


@pytest.mark.parametrize("opposite", [0.0, 1e-12, 1e-3, 0.0316, 0.0317, 1.0, 30.0])
@pytest.mark.parametrize("adjacent", [-2.0, 0.0, 1.0, 5.0])
def test_angle_quotient(opposite, adjacent):
    if opposite == 0 and adjacent <= 0:
        adjacent = 1.0  # behind, at half a turn, there is no answer
    opposite2 = torch.tensor(opposite, dtype=torch.float64) ** 2
    truth = mpmath.atan2(opposite, adjacent) / opposite if opposite else 1 / mpmath.mpf(adjacent)
    value = smooth.angle_quotient(opposite2, torch.tensor(adjacent, dtype=torch.float64))
    assert float(value) == pytest.approx(float(truth), rel=1e-15)


def test_angle_quotient_gradient():
    opposite2 = torch.tensor([0.0, 1e-6, 9.99e-4, 1.001e-3, 1.0, 4.0], dtype=torch.float64)
    adjacent = torch.ones_like(opposite2)
    inputs = (opposite2 + 1e-5, adjacent)  # room for the finite difference's step
    assert torch.autograd.gradcheck(smooth.angle_quotient, [t.requires_grad_() for t in inputs])
