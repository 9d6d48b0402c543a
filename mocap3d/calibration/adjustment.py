"""Cameras and targets adjusted to corners whose true noise is measured on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from mocap3d.calibration.corners import Corners
from mocap3d.calibration.lens_kinds import LensKind, free_parameters, prior
from mocap3d.solve.bundle import Problem, State, Unknowns
from mocap3d.solve.targets import N_CAMERA, N_POSE

POSE_NAMES = ("turn_x", "turn_y", "turn_z", "x", "y", "z")
HELD_SHARE = 1 / 2
"""A parameter whose doubt the data do not reduce to this share of its prior's is held by that prior."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The minimum, and how well it is known."""

    state: State
    cov: Float[np.ndarray, "p p"]
    """Of the cameras' free unknowns, in their order."""
    noise: float
    """How many times larger the corners' errors are than their stated sigmas."""
    residual_px: Float[np.ndarray, "n 2"]
    problem: Problem
    converged: bool

    @property
    def rms_px(self) -> float:
        """Root mean square distance."""
        return float(np.sqrt((self.residual_px**2).sum(1).mean()))


def unknowns_of(
    kinds: Sequence[LensKind],
    lenses: Float[np.ndarray, "c 18"],
    sizes_px: Sequence[tuple[int, int]],
    *,
    free_poses: Bool[np.ndarray, " c"],
    free_lens: Bool[np.ndarray, "c 18"] | None = None,
    held_targets: Bool[np.ndarray, " f"],
) -> Unknowns:
    """All poses and parameters of the lens kinds, or some of them; with the priors of lens_kinds."""
    free = np.zeros((len(kinds), N_CAMERA), bool)
    free[:, :N_POSE] = free_poses[:, None]
    free[:, N_POSE:] = np.stack([free_parameters(kind) for kind in kinds])
    if free_lens is not None:
        free[:, N_POSE:] &= free_lens
    priors = [prior(kind, size, float(lens[:2].mean()))
              for kind, size, lens in zip(kinds, sizes_px, lenses, strict=True)]  # fmt: skip
    mean, information = np.stack([p[0] for p in priors]), np.stack([p[2] for p in priors])
    # Parameters that stay as they are cost nothing.
    fixed = ~free[:, N_POSE:]
    mean = np.where(fixed, lenses, mean)
    return Unknowns(free, mean, information, held_targets)


def adjust(problem: Problem, start: State, *, tolerance: float = 1e-9) -> Adjusted:
    """The minimum; found twice, as the weight of the corners against the priors depends on their noise."""
    first = problem.minimum(start, tolerance=tolerance).x
    noise = _noise(problem, first)
    problem = _reweighted(problem, noise)
    minimum = problem.minimum(first, tolerance=tolerance)
    more = _noise(problem, minimum.x)
    problem = _reweighted(problem, more)
    cov = problem.linearise(minimum.x).covariance()
    residual_px = problem.residuals_px(minimum.x)
    return Adjusted(minimum.x, cov, noise * more, residual_px, problem, minimum.converged)


def held_out(
    corners: Corners,
    kinds: Sequence[LensKind],
    unknowns: Unknowns,
    start: State,
    fitted: Bool[np.ndarray, " f"],
    judged: Bool[np.ndarray, " f"],
    *,
    bend_px: float,
    noise: float = 1.0,
) -> tuple[Problem, State, Float[np.ndarray, " j"]]:
    """Cameras fitted to some targets, and others placed by them: the problem of those others, its state and costs."""
    train, test = corners.of_targets(fitted), corners.of_targets(judged)
    unknowns = replace(unknowns, held=np.zeros(train.n_targets, bool))
    problem = Problem(train.observed(kinds, noise), unknowns, bend_px)
    found = problem.minimum(replace(start, poses=start.poses[fitted]), tolerance=1e-6).x
    problem = replace(problem, observed=test.observed(kinds, noise))
    return problem, *problem.with_poses_refined(replace(found, poses=start.poses[judged]))


def _reweighted(problem: Problem, noise: float) -> Problem:
    """The same problem with sigmas ``noise`` times as large."""
    return replace(problem, observed=replace(problem.observed, weight=problem.observed.weight / noise**2))


def _noise(problem: Problem, state: State) -> float:
    """By how much the corners' sigmas are to be multiplied for the weighted normal matrix to state the true doubt.

    Source: the asymptotic covariance of an M-estimator, Huber and Ronchetti, "Robust statistics" (2009), 7.6.
    """
    seen, unknowns = problem.observed, problem.unknowns
    size_px = np.linalg.norm(problem.residuals_px(state), axis=1)
    far = size_px > problem.bend_px
    weight = np.where(far, problem.bend_px / np.maximum(size_px, 1e-300), 1.0)
    slope = np.where(far, weight / 2, 1.0)  # of a bounded pull: none along the residual, the weight across it
    pull2 = (weight * size_px) ** 2 * seen.weight
    spare = 2 * len(size_px) - N_POSE * int((~unknowns.held).sum()) - int(unknowns.size.sum())
    if spare <= 0 or not np.isfinite(pull2).all():
        return 1.0
    return max(float(np.sqrt(pull2.sum() / spare * weight.mean()) / slope.mean()), 1e-6)


def parameter_names(views: Sequence[str], kinds: Sequence[LensKind], unknowns: Unknowns) -> tuple[str, ...]:
    """``cam01.fx`` and so on, in the covariance's order."""
    names = []
    for c, (view, kind) in enumerate(zip(views, kinds, strict=True)):
        all_names = (*POSE_NAMES, *kind.names)
        names += [f"{view}.{all_names[j]}" for j in np.flatnonzero(unknowns.free[c])]
    return tuple(names)


def held_parameters(corners: Corners, kinds: Sequence[LensKind], adjusted: Adjusted) -> Mapping[str, tuple[str, ...]]:
    """Of every view, the parameters of its lens that the data say little about beyond their prior."""
    unknowns, sigma = adjusted.problem.unknowns, np.sqrt(adjusted.cov.diagonal())
    held = {}
    for c, (view, kind) in enumerate(zip(corners.views, kinds, strict=True)):
        free, place = unknowns.lens_columns(c)
        _, believed, _ = prior(kind, corners.size_px[view], float(adjusted.state.lenses[c, :2].mean()))
        open_ones = sigma[unknowns.offset[c] + place] > HELD_SHARE * believed[free]
        held[view] = tuple(kind.names[j] for j in free[open_ones])
    return held
