"""Offsets to a fraction of a frame, from all pairs of views at once, with their standard deviations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mocap3d.synchronisation.epipolar import change, contradiction, plane_of
from mocap3d.synchronisation.search import Pair, frame_at
from mocap3d.synchronisation.sightings import Sightings, baseline_of, median_size

SAMPLE = 2000
"""Frames of the first view of each pair, evenly spread."""
STEPS = 25
_SETTLED_S = 1e-5
_FEWEST_KEYPOINTS = 5
_WORTH_RAD = 0.03
"""A median contradiction beyond that is of two different people."""
_TAIL = 2.0
"""Contradictions of so many robust standard deviations count a fifth."""
_TOGETHER_S = 1.0
"""Errors of a detector last: those of so long a time count as one in the standard deviations."""
_LEAST_MOTION_RAD_S = 0.02
"""What turns more slowly tells nothing of time."""


@dataclass(frozen=True, slots=True, eq=False)
class Clocks:
    """What must be added to the stated times of each view, and by how much its clock is slow."""

    offset_s: Float[np.ndarray, " v"]
    """At the middle of the recording; 0 for the first view."""
    offset_sigma_s: Float[np.ndarray, " v"]
    drift: Float[np.ndarray, " v"]
    """Seconds per second; 0 for the first view."""
    drift_sigma: Float[np.ndarray, " v"]
    """Infinite where no drift was asked for."""
    middle_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """Contradictions of a pair of views, in columns that share a constant error; what moves them."""

    pair: Pair
    t_s: Float[np.ndarray, " s"]
    error: Float[np.ndarray, "s c"]
    rate: Float[np.ndarray, "s c"]
    """Change of the error per second that the first view is later."""


def refined(
    views: Sequence[Sightings], pairs: Sequence[Pair], offset_s: Float[np.ndarray, " v"], drifting: Sequence[int] = ()
) -> Clocks:
    """Gauss-Newton from offsets right to a few frames; robust, and blind to what is constant of the errors.

    ``drifting`` are the numbers of the views whose clocks may be fast or slow.

    The covariance is that of clusters (Liang and Zeger 1986), of one time as well as of one keypoint in one pair of
    views: errors may last, and a detector may err with the pose.
    """
    start_s = min(float(view.t_s[0]) for view in views)
    middle_s = (start_s + max(float(view.t_s[-1]) for view in views)) / 2
    n = len(views)
    unknowns = np.concatenate([offset_s, np.zeros(n)])
    free = np.array([*range(1, n), *(n + view for view in drifting)])
    covariance = np.full((2 * n, 2 * n), np.nan)
    for _ in range(STEPS):
        evidence = [_evidence(views, pair, unknowns[:n], unknowns[n:], middle_s) for pair in pairs]
        step, covariance = _step([each for each in evidence if each is not None], free, n, middle_s)
        unknowns = unknowns + step
        if np.abs(step).max() < _SETTLED_S:
            break
    sigma = np.sqrt(np.diag(covariance))
    sigma[[0, n]] = 0.0
    return Clocks(unknowns[:n], sigma[:n], unknowns[n:], sigma[n:], middle_s)


def _evidence(
    views: Sequence[Sightings],
    pair: Pair,
    offset_s: Float[np.ndarray, " v"],
    drift: Float[np.ndarray, " v"],
    middle_s: float,
) -> _Evidence | None:
    """The second view at the instants of the first one's frames; None where they have none in common."""
    a, b = (views[i] for i in pair)
    instants = np.unique(np.linspace(0, len(a.t_s) - 1, min(len(a.t_s), SAMPLE)).round().astype(int))
    x_a, x_b = (offset_s[i] + drift[i] * (a.t_s[instants] - middle_s) for i in pair)
    wanted_s = a.t_s[instants] + x_a - x_b
    frame, is_there = frame_at(b, wanted_s)
    instants, frame, late_s = instants[is_there], frame[is_there], (wanted_s - b.t_s[frame])[is_there]
    if not len(instants):
        return None
    baseline = baseline_of(a, b)
    ray_b, turn_b = b.at(frame, late_s)
    columns = [_columns(baseline, a.ray[instants, p], ray_b, turn_b) for p in range(a.ray.shape[1])]
    error, rate = (np.concatenate(each, 1) for each in zip(*columns, strict=True))
    return _Evidence(pair, a.t_s[instants], error, rate)


def _columns(
    baseline: Float[np.ndarray, " 3"],
    ray_a: Float[np.ndarray, "s k 3"],
    ray_b: Float[np.ndarray, "s q k 3"],
    turn_b: Float[np.ndarray, "s q k 3"],
) -> tuple[Float[np.ndarray, "s k"], Float[np.ndarray, "s k"]]:
    """Contradictions of one person with who fits best, and their rates; NaN where nobody does, or nothing moves."""
    plane = plane_of(baseline, ray_a)[:, None]
    volume, sine_a = (plane * ray_b).sum(-1), np.linalg.norm(plane, axis=-1)
    sine_b = np.linalg.norm(plane_of(baseline, ray_b), axis=-1)
    error = contradiction(volume, sine_a, sine_b)
    rate = change(volume, sine_a, sine_b, (plane * turn_b).sum(-1))
    known = np.isfinite(error).sum(-1)
    typical = np.where(known >= _FEWEST_KEYPOINTS, median_size(error[..., None]), np.inf)
    best = typical.argmin(1)[:, None, None]
    error, rate = (np.take_along_axis(each, best, 1)[:, 0] for each in (error, rate))
    is_worth = (typical.min(1) < _WORTH_RAD)[:, None] & (np.abs(rate) >= _LEAST_MOTION_RAD_S)
    return np.where(is_worth, error, np.nan), np.where(is_worth, rate, np.nan)


def _step(
    evidence: Sequence[_Evidence], free: Int[np.ndarray, " f"], n: int, middle_s: float
) -> tuple[Float[np.ndarray, " u"], Float[np.ndarray, "u u"]]:
    """One step of all unknowns, and their covariance; those that nothing tells of stay, and have an infinite one."""
    normal, times, of_instant, of_keypoint = np.zeros((2 * n, 2 * n)), [], [], []
    for each in evidence:
        error, rate, weight = _weighted(each)
        moves = _moves(each, n, middle_s)
        score = weight * rate * error
        normal += (moves * (weight * rate**2).sum(1)) @ moves.T
        times.append(np.floor(each.t_s / _TOGETHER_S))
        of_instant.append(moves * score.sum(1))
        of_keypoint.append(moves @ score)
    step, covariance = np.zeros(2 * n), np.full((2 * n, 2 * n), np.inf)
    told = free[np.diag(normal)[free] > 0]
    if len(told):
        spread = np.concatenate([_together(times, of_instant), *of_keypoint], 1)[told]
        inverse = np.linalg.pinv(normal[np.ix_(told, told)])
        step[told] = -inverse @ np.concatenate(of_instant, 1)[told].sum(1)
        covariance[np.ix_(told, told)] = inverse @ spread @ spread.T @ inverse
    return step, covariance


def _moves(each: _Evidence, n: int, middle_s: float) -> Float[np.ndarray, "u s"]:
    """By how much later the first view of a pair is, at each instant, per unit of each unknown."""
    a, b = each.pair
    moves = np.zeros((2 * n, len(each.t_s)))
    moves[a], moves[b] = 1.0, -1.0
    moves[n + a], moves[n + b] = each.t_s - middle_s, middle_s - each.t_s
    return moves


def _together(times: Sequence[np.ndarray], of_instant: Sequence[np.ndarray]) -> Float[np.ndarray, "u g"]:
    """The sums of what is of one time."""
    found, group = np.unique(np.concatenate(times), return_inverse=True)
    sums = np.zeros((len(of_instant[0]), len(found)))
    np.add.at(sums.T, group, np.concatenate(of_instant, 1).T)
    return sums


def _weighted(each: _Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors and rates less their means by column, and robust weights; all 0 where unknown.

    A constant error, of the calibration or of the detector, falls out with the means (Frisch and Waugh 1933).
    """
    known = np.isfinite(each.error) & np.isfinite(each.rate)
    error, rate = np.where(known, each.error, 0.0), np.where(known, each.rate, 0.0)
    columns = zip(error.T, known.T, strict=True)
    level = np.array([np.median(column[seen]) if seen.any() else 0.0 for column, seen in columns])
    size = np.abs(error - level)
    scale = 1.4826 * float(np.median(size[known])) + 1e-6 if known.any() else 1.0
    weight = known / (1 + (size / (_TAIL * scale)) ** 2) ** 2 / scale**2
    total = np.maximum(weight.sum(0), 1e-12)
    error = error - (weight * error).sum(0) / total
    rate = rate - (weight * rate).sum(0) / total
    return error, rate, weight
