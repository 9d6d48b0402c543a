"""Confidence intervals by drawing again. Source: Efron & Tibshirani (1993), percentile intervals.

Frames of one recording resemble each other: what is drawn is whole groups (sequences, tracks), or blocks of frames.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

BLOCK = 30
"""Neighbouring frames that are drawn together where there is but one sequence: about a second."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and where it lies with 95 % confidence; no interval (NaN) where one group is all there is."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]" if np.isfinite(self.low) else f"{self.mean:.1f}"


def mean_interval(
    values: Float[np.ndarray, " n"],
    group: Int[np.ndarray, " n"] | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Of the mean over all known values; groups are drawn whole, with replacement. The same seed gives the same."""
    group = np.arange(len(values)) // BLOCK if group is None else group
    known = np.isfinite(values)
    if not known.any():
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    numbers = np.unique(group[known], return_inverse=True)[1]
    sums, counts = np.bincount(numbers, values[known]), np.bincount(numbers)
    mean = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return Interval(mean, float("nan"), float("nan"), int(known.sum()))
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), int(known.sum()))
