"""Levenberg-Marquardt: the loop, whatever the problem; and small dense problems with a robust loss and priors.

Source: Nielsen, "Damping parameter in Marquardt's method" (1999); Huber (1964).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import scipy.linalg

X = TypeVar("X")
X_co = TypeVar("X_co", covariant=True)


class Linearised(Protocol[X_co]):
    """A problem near one estimate."""

    @property
    def cost(self) -> float:
        """What is to become least; inf where the estimate is impossible."""
        ...

    def trial(self, damping: float) -> tuple[X_co, float]:
        """The estimate that the damped normal equations propose, and by how much they expect the cost to fall."""
        ...


@dataclass(frozen=True, slots=True)
class Minimum(Generic[X]):
    """Where the loop ended."""

    x: X
    cost: float
    n_steps: int
    converged: bool


MAX_DAMPING = 1e12


def levenberg_marquardt(
    linearise: Callable[[X], Linearised[X]], start: X, *, max_steps: int = 100, tolerance: float = 1e-9
) -> Minimum[X]:
    """Steps until one that was expected to help lowers the cost by less than ``tolerance`` of itself."""
    x, here, damping, growth = start, linearise(start), 1e-4, 2.0
    for n in range(max_steps):
        trial, expected = here.trial(damping)
        there = linearise(trial)
        gain = here.cost - there.cost
        if gain >= 0:
            converged = bool(max(gain, expected) <= tolerance * here.cost + np.finfo(float).tiny)
            ratio = gain / max(expected, np.finfo(float).tiny)
            damping = max(damping * max(1 / 10, 1 - (2 * ratio - 1) ** 3), 1e-12)
            x, here, growth = trial, there, 2.0
        else:
            # Rounding can hide the last gain: what is expected to be nothing need not be found.
            converged = bool(expected <= tolerance * here.cost)
            damping, growth = damping * growth, 2 * growth
        if converged or damping > MAX_DAMPING:
            return Minimum(x, here.cost, n + 1, converged)
    return Minimum(x, here.cost, max_steps, False)


@dataclass(frozen=True, slots=True)
class Residuals:
    """r (n d): n residuals of d components each, in sigmas; jacobian (n d p)."""

    r: np.ndarray
    jacobian: np.ndarray


@dataclass(frozen=True, slots=True)
class _Dense:
    """Normal equations of a dense problem."""

    x: np.ndarray
    cost: float
    normal: np.ndarray
    gradient: np.ndarray

    def trial(self, damping: float) -> tuple[np.ndarray, float]:
        diagonal = damping * np.maximum(self.normal.diagonal(), 1e-12 * self.normal.diagonal().max(initial=1e-300))
        step = -scipy.linalg.solve(self.normal + np.diag(diagonal), self.gradient, assume_a="sym")
        return self.x + step, float(-self.gradient @ step + diagonal @ step**2)


def least_squares(
    residuals: Callable[[np.ndarray], Residuals],
    start: np.ndarray,
    *,
    bend: float = np.inf,
    prior_mean: np.ndarray | None = None,
    prior_sigma: np.ndarray | None = None,
    max_steps: int = 100,
) -> tuple[np.ndarray, np.ndarray]:
    """x (p) of least Huber cost, quadratic up to ``bend`` sigmas, and its covariance (p p).

    The prior is normal and independent by parameter; a sigma of inf is none.
    """
    mean = np.zeros_like(start) if prior_mean is None else prior_mean
    information = np.zeros_like(start) if prior_sigma is None else 1 / prior_sigma**2

    def linearise(x: np.ndarray) -> _Dense:
        now = residuals(x)
        size = np.linalg.norm(now.r, axis=1)
        weight = np.minimum(1.0, bend / np.maximum(size, np.finfo(float).tiny))
        robust = np.where(size > bend, bend * (2 * size - bend) if np.isfinite(bend) else 0.0, size**2).sum()
        weighted = now.jacobian * weight[:, None, None]
        normal = np.einsum("ndp,ndq->pq", weighted, now.jacobian) + np.diag(information)
        gradient = np.einsum("ndp,nd->p", weighted, now.r) + information * (x - mean)
        cost = float(robust + information @ (x - mean) ** 2)
        return _Dense(x, cost if np.isfinite(cost) else np.inf, normal, gradient)

    minimum = levenberg_marquardt(linearise, start, max_steps=max_steps)
    return minimum.x, np.linalg.pinv(linearise(minimum.x).normal, hermitian=True)
