"""Lens distortion of the plane, written without coordinates: a rational radial part, decentring, and a thin prism.

A point m of the ideal image plane, with x = |m|^2, is imaged at::

    m N(x) / D(x)  +  x q + 2 (m.q) m  +  x a + x^2 b
    radial            decentring q        thin prism a, b

Turning the picture therefore only turns the vectors q, a and b. Brown-Conrady lenses use all of it; a Kannala-Brandt
lens is the radial part alone, in the plane where radius is field angle. A sensor that is not at right angles to the
axis maps the plane once more, by a homography.

Points have their two components in the leading axis: arithmetic on long rows is ten times faster than on pairs.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.polynomial import Polynomial
from torch import Tensor

_MAX_STEPS = 100
_SHORTEST_STEP = 1e-6
"""A Newton step cut below this fraction is stuck at the fold: the point has no origin."""


@dataclass(frozen=True, slots=True, eq=False)
class Distortion:
    """A map of the plane to itself, one-to-one around the origin up to where it folds back."""

    numerator: Float[Tensor, " n"]
    """N(x) = 1 + n1 x + n2 x^2 + ..."""
    denominator: Float[Tensor, " d"]
    decentring: Float[Tensor, "2"]
    prism: Float[Tensor, "2 2"]
    """The vectors a and b."""
    tilt: Float[Tensor, "3 3"] | None = None
    """The homography onto a tilted sensor, applied last."""

    @property
    def fold_radius(self) -> float:
        """Radius at which the radial part turns back or has a pole; inf where it never does."""
        return _fold_radius(tuple(self.numerator.tolist()), tuple(self.denominator.tolist()))

    def apply(self, m: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 *b"]:
        """Distorted points; beyond the fold too, where the formula has a value and a lens has not."""
        bent = self._bent(m)
        return bent if self.tilt is None else _mapped(self.tilt, bent)

    def jacobian(self, m: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 2 *b"]:
        """d apply(m) / d m."""
        bent_jacobian = self._bent_jacobian(m)
        if self.tilt is None:
            return bent_jacobian
        return torch.einsum("ij...,jk...->ik...", _mapped_jacobian(self.tilt, self._bent(m)), bent_jacobian)

    def _bent(self, m: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 *b"]:
        """Where a sensor at right angles to the axis is met."""
        q, a, b = (_column(v, m) for v in (self.decentring, *self.prism))
        x = (m * m).sum(0)
        radial = _series(self.numerator, x) / _series(self.denominator, x)
        return m * (radial + 2 * (m * q).sum(0)) + x * (q + a + x * b)

    def _bent_jacobian(self, m: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 2 *b"]:
        """d _bent(m) / d m."""
        q, a, b = (_column(v, m) for v in (self.decentring, *self.prism))
        x = (m * m).sum(0)
        up, down = _series(self.numerator, x), _series(self.denominator, x)
        radial = up / down
        radial_slope = (_slope(self.numerator, x) - radial * _slope(self.denominator, x)) / down
        isotropic = radial + 2 * (m * q).sum(0)
        skew = 2 * (radial_slope * m + q + a + 2 * x * b)
        jacobian = skew[:, None] * m + 2 * m[:, None] * q
        return jacobian + isotropic * _column(torch.eye(2).to(m), m)

    def is_one_to_one(self, m: Float[Tensor, "2 *b"]) -> Bool[Tensor, "*b"]:
        """Whether a point lies before the fold; decentring and prism bend the fold's circle a little."""
        return ((m * m).sum(0) < self.fold_radius**2) & (_determinant(self._bent_jacobian(m)) > 0)

    def invert(self, target: Float[Tensor, "2 *b"]) -> tuple[Float[Tensor, "2 *b"], Bool[Tensor, "*b"]]:
        """The points before the fold that are distorted to ``target``, and whether there is one (else: the origin).

        The last Newton step is differentiable, by target and coefficients: the implicit function theorem.
        """
        if self.tilt is not None:
            target = _mapped(torch.linalg.inv(self.tilt), target)
        with torch.no_grad():
            known = target.isfinite().all(0)
            m, arrived = self._search(torch.where(known, target, 0.0))
            found = known & arrived
        m, target = torch.where(found, m, 0.0), torch.where(found, target, 0.0)
        return m - _solve(self._bent_jacobian(m), self._bent(m) - target), found

    def _search(self, target: Float[Tensor, "2 *b"]) -> tuple[Float[Tensor, "2 *b"], Bool[Tensor, "*b"]]:
        """Newton's method from the origin, its steps cut so that they help and stay in the one-to-one region.

        Also tells which points have arrived: half of the digits are right, and one more step gives the others.
        """
        arrival = torch.finfo(target.dtype).eps ** 0.6
        m, error, fraction = torch.zeros_like(target), -target, torch.ones_like(target[0])
        arrived = torch.zeros_like(fraction, dtype=torch.bool)
        for _ in range(_MAX_STEPS):
            step = _solve(self._bent_jacobian(m), error)
            arrived = _size(step) <= arrival * (1 + _size(m))
            if (arrived | (fraction < _SHORTEST_STEP)).all():
                break
            trial = m - fraction * step
            trial_error = self._bent(trial) - target
            better = self.is_one_to_one(trial) & (_size(trial_error) < (1 - fraction / 10) * _size(error))
            m, error = torch.where(better, trial, m), torch.where(better, trial_error, error)
            fraction = torch.where(better, (2 * fraction).clamp(max=1.0), fraction / 2)
        return m, arrived


def sensor_tilt(tau_rad: Float[Tensor, "2"]) -> Float[Tensor, "3 3"]:
    """The homography onto a sensor that is turned about x, then about y. Source: OpenCV's model of 14 coefficients."""
    turn = tilt_rotation(tau_rad)
    zero, one = torch.zeros_like(turn[0, 0]), torch.ones_like(turn[0, 0])
    onto_sensor = torch.stack([turn[2, 2], zero, -turn[0, 2], zero, turn[2, 2], -turn[1, 2], zero, zero, one])
    return onto_sensor.reshape(3, 3) @ turn


def tilt_rotation(tau_rad: Float[Tensor, "2"]) -> Float[Tensor, "3 3"]:
    """OpenCV's rotation of a tilted sensor: clockwise about x by tau_x, then about y by tau_y."""
    (sin_x, sin_y), (cos_x, cos_y) = tau_rad.sin(), tau_rad.cos()
    zero = torch.zeros_like(sin_x)
    rows = [cos_y, sin_y * sin_x, -sin_y * cos_x, zero, cos_x, sin_x, sin_y, -cos_y * sin_x, cos_y * cos_x]
    return torch.stack(rows).reshape(3, 3)


@lru_cache(maxsize=1024)
def _fold_radius(numerator: tuple[float, ...], denominator: tuple[float, ...]) -> float:
    """The smallest r > 0 where d(r N/D)/dr = 0 or D = 0: a polynomial's root in x = r^2."""
    up, down, x = Polynomial((1.0, *numerator)), Polynomial((1.0, *denominator)), Polynomial((0.0, 1.0))
    slope = (up + 2 * x * up.deriv()) * down - 2 * x * up * down.deriv()
    # A leading coefficient below 1e-30 matters to no ray, but would overflow the companion matrix.
    roots = np.concatenate([slope.trim(1e-30).roots(), down.trim(1e-30).roots()])
    folds = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0)]
    return float(np.sqrt(folds.min())) if folds.size else float("inf")


def _series(coefficients: Float[Tensor, " n"], x: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """1 + c1 x + c2 x^2 + ..."""
    value = torch.zeros_like(x)
    for coefficient in reversed(coefficients.unbind()):
        value = (value + coefficient) * x
    return 1 + value


def _slope(coefficients: Float[Tensor, " n"], x: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """c1 + 2 c2 x + 3 c3 x^2 + ..."""
    value = torch.zeros_like(x)
    for power, coefficient in reversed(list(enumerate(coefficients.unbind(), start=1))):
        value = value * x + power * coefficient
    return value


def _mapped(homography: Float[Tensor, "3 3"], m: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 *b"]:
    """Points of the plane through a homography."""
    h = torch.einsum("ij,j...->i...", homography, torch.cat([m, torch.ones_like(m[:1])]))
    return h[:2] / h[2]


def _mapped_jacobian(homography: Float[Tensor, "3 3"], m: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 2 *b"]:
    """d _mapped(m) / d m."""
    h = torch.einsum("ij,j...->i...", homography, torch.cat([m, torch.ones_like(m[:1])]))
    along, depth = _column(homography[:2, :2], m), _column(homography[2, :2], m)
    return (along - (h[:2] / h[2])[:, None] * depth[None]) / h[2]


def _column(v: Float[Tensor, "*d"], m: Float[Tensor, "2 *b"]) -> Float[Tensor, "*c"]:
    """A vector or matrix of the plane, to broadcast against the components of points."""
    return v[(..., *(None,) * (m.ndim - 1))]


def _size(v: Float[Tensor, "2 *b"]) -> Float[Tensor, "*b"]:
    return torch.hypot(v[0], v[1])


def _determinant(matrix: Float[Tensor, "2 2 *b"]) -> Float[Tensor, "*b"]:
    return matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]


def _solve(matrix: Float[Tensor, "2 2 *b"], v: Float[Tensor, "2 *b"]) -> Float[Tensor, "2 *b"]:
    """Cramer's rule: for two unknowns far faster than a batched LU."""
    (a, b), (c, d) = matrix
    return torch.stack([d * v[0] - b * v[1], a * v[1] - c * v[0]]) / _determinant(matrix)
