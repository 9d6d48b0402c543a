"""Quotients that read 0/0 at one point and are smooth there: a power series near it, the closed form elsewhere.

All but the last take the square of the angle, so no square root (infinite slope at 0) stands before them.
Where series meets closed form both are within 1e-14 of the truth, and so is the first derivative within 1e-12.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_NEAR = 0.25
"""Squared angle below which the series are used; their seventh term is then below 1e-14."""


def sin_quotient(angle2: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """sin(a) / a."""
    return _joined(angle2, [(-1) ** k / math.factorial(2 * k + 1) for k in range(7)], lambda a: torch.sin(a) / a)


def versine_quotient(angle2: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """(1 - cos(a)) / a^2."""
    return 0.5 * sin_quotient(angle2 / 4) ** 2


def sin_remainder_quotient(angle2: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """(a - sin(a)) / a^3."""
    series = [(-1) ** k / math.factorial(2 * k + 3) for k in range(7)]
    return _joined(angle2, series, lambda a: (a - torch.sin(a)) / a**3)


def cot_remainder_quotient(angle2: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """(1 - a/2 cot(a/2)) / a^2; its series is that of the Bernoulli numbers."""
    series = [1 / 12, 1 / 720, 1 / 30240, 1 / 1209600, 1 / 47900160, 691 / 1307674368000, 1 / 74724249600]
    return _joined(angle2, series, lambda a: (1 - a / 2 / torch.tan(a / 2)) / a**2)


def angle_quotient(opposite2: Float[Tensor, "*b"], adjacent: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """atan2(o, a) / o of a right triangle, from o^2 and a; infinite only at o = 0 with a < 0, half a turn."""
    near = (opposite2 < 1e-3 * adjacent**2) & (adjacent > 0)
    adjacent_near = torch.where(near, adjacent, 1.0)
    ratio2 = torch.where(near, opposite2, 0.0) / adjacent_near**2
    series = _polynomial(ratio2, [(-1) ** k / (2 * k + 1) for k in range(7)]) / adjacent_near
    opposite = torch.sqrt(torch.where(near, 1.0, opposite2))
    return torch.where(near, series, torch.atan2(opposite, adjacent) / opposite)


def _joined(
    angle2: Float[Tensor, "*b"], series: Sequence[float], closed: Callable[[Tensor], Tensor]
) -> Float[Tensor, "*b"]:
    """The branch not taken is fed a harmless angle: its NaN gradient would survive ``torch.where``."""
    near = angle2 < _NEAR
    angle = torch.sqrt(torch.where(near, 1.0, angle2))
    return torch.where(near, _polynomial(torch.where(near, angle2, 0.0), series), closed(angle))


def _polynomial(x: Float[Tensor, "*b"], coefficients: Sequence[float]) -> Float[Tensor, "*b"]:
    """Horner's rule, constant term first."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
