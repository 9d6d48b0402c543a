"""Whether stated covariances are true: coverage of their regions, and NEES.

Source: Bar-Shalom et al. (2001), Estimation with Applications to Tracking and Navigation, section 5.4.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.stats import chi2
from torch import Tensor

LEVELS = (0.5, 0.6827, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class DoubtCheck:
    """Of n points; a perfect statement has coverage equal to the levels, and nees 1."""

    n: int
    nees: float
    """Mean squared error in the stated sigmas, per dimension."""
    median: float
    """Median of the same, over the median that it should be; large errors do not move it."""
    coverage: dict[float, float]
    """By level: share of the truths inside the region that should hold so many."""


def nees(error: Float[Tensor, "*b d"], cov: Float[Tensor, "*b d d"]) -> Float[Tensor, "*b"]:
    """error' cov^-1 error; NaN where something is missing."""
    known = error.isfinite().all(-1) & cov.isfinite().all(-1).all(-1)
    unit = torch.eye(error.shape[-1], dtype=cov.dtype)
    safe_error = torch.where(known[..., None], error, 0.0)
    squared = (safe_error * torch.linalg.solve(torch.where(known[..., None, None], cov, unit), safe_error)).sum(-1)
    return torch.where(known, squared, torch.nan)


def check_doubt(error: Float[Tensor, "*b d"], cov: Float[Tensor, "*b d d"]) -> DoubtCheck:
    """Over all points that have a truth and a covariance."""
    squared, n_dims = nees(error, cov).flatten(), error.shape[-1]
    squared = squared[squared.isfinite()]
    coverage = {level: float((squared <= float(chi2.ppf(level, n_dims))).double().mean()) for level in LEVELS}
    median = float(squared.median() / chi2.ppf(0.5, n_dims)) if len(squared) else float("nan")
    return DoubtCheck(len(squared), float(squared.mean()) / n_dims, median, coverage)
