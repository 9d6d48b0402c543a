"""How far two recordings of the same motion agree: laid upon each other in time and space, then Bland and Altman.

Sources: Bland & Altman (1986), limits of agreement; Umeyama (1991), the alignment in space.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar
from scipy.signal import correlate

from mocap3d.errors import FormatError
from mocap3d.evaluation.suspicions import size_m
from mocap3d.geometry.align import rigid_align, similarity_align
from mocap3d.geometry.rigid import Rigid

FEWEST = 10
"""Common instants that an alignment needs."""
SMOOTHED_S = 0.08
"""Standard deviation of the filter before speeds are compared."""
LEAST_SHARED = 0.5
"""Of the shorter recording that must lie inside the other: on less, any two motions are alike somewhere."""
_LIMIT = 1.96
_TRIED, _APART_S = 4, 0.2
"""How many offsets are tried in full, and how far they must be apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Named signals of one recording: joints (t k 3) in metres, or angles (t k 1) in degrees."""

    names: tuple[str, ...]
    t_s: Float[np.ndarray, " t"]
    values: Float[np.ndarray, "t k c"]

    def picked(self, names: Sequence[str]) -> "Signals":
        """Some of them, in that order."""
        return Signals(tuple(names), self.t_s, self.values[:, [self.names.index(name) for name in names]])


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one signal: ours minus the reference, over n common instants."""

    name: str
    unit: str
    n: int
    rmse: float
    """Of the distance, for joints."""
    bias: tuple[float, ...]
    """Mean difference, by axis."""
    low: tuple[float, ...]
    """Bias minus 1.96 standard deviations."""
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All signals, and how they were laid upon each other."""

    offset_s: float
    """Our time minus the reference's."""
    scale: float
    reference_from_ours: Rigid | None
    """In space; None for angles."""
    agreements: tuple[Agreement, ...]
    difference: Float[np.ndarray, "t k c"]
    """Ours, moved, minus the reference; mm or degrees."""
    mean: Float[np.ndarray, "t k c"]


def compare_joints(
    ours: Signals, reference: Signals, *, scale: bool = False, max_offset_s: float = 2.0, offset_s: float | None = None
) -> Comparison:
    """Joints of the same names; FormatError where they share too little. ``offset_s`` skips the search in time."""
    ours, reference = _shared(ours, reference)
    if offset_s is None:
        offset_s = _offset_s(ours, reference, lambda at: _residual(ours, reference, at, scale=scale), max_offset_s)
    a, b = _common(ours, reference, offset_s)
    if not scale:
        _check_unit(a, b)
    factor, motion = _laid(a, b, scale=scale)
    moved = (motion.apply(factor * torch.from_numpy(a))).numpy()
    difference, mean = 1000 * (moved - b), 1000 * (moved + b) / 2
    agreements = tuple(_agreement(name, "mm", difference[:, k]) for k, name in enumerate(ours.names))
    return Comparison(offset_s, float(factor), motion, agreements, difference, mean)


def _check_unit(a: Float[np.ndarray, "n k 3"], b: Float[np.ndarray, "n k 3"]) -> None:
    """FormatError where one body is more than twice the other's size: no two people are."""
    ours, theirs = (size_m(torch.from_numpy(x)) for x in (a, b))
    if ours > 0 and theirs > 0 and not 0.5 < theirs / ours < 2:
        raise FormatError(
            f"the reference's joints are {theirs / ours:.3g} times as far apart as ours. Its unit is probably not what "
            "it says: mend that in the file, or give --scale to compare it at our size."
        )


def compare_angles(
    ours: Signals, reference: Signals, *, max_offset_s: float = 2.0, offset_s: float | None = None
) -> Comparison:
    """Angles of the same names, in degrees; the difference is taken the short way round."""
    ours, reference = _shared(ours, reference)
    if offset_s is None:
        offset_s = _offset_s(ours, reference, lambda at: _spread(ours, reference, at), max_offset_s)
    a, b = _common(ours, reference, offset_s)
    difference = (a - b + 180) % 360 - 180
    agreements = tuple(_agreement(name, "deg", difference[:, k]) for k, name in enumerate(ours.names))
    return Comparison(offset_s, 1.0, None, agreements, difference, b + difference / 2)


def _shared(ours: Signals, reference: Signals) -> tuple[Signals, Signals]:
    names = [name for name in ours.names if name in reference.names]
    if not names:
        raise FormatError(
            f"the two share no name. Ours: {', '.join(ours.names[:8])}; the reference's: "
            f"{', '.join(reference.names[:8])}. Needed: equal names; pair others with --pair OURS=REFERENCE."
        )
    return ours.picked(names), reference.picked(names)


def _agreement(name: str, unit: str, difference: Float[np.ndarray, "t c"]) -> Agreement:
    known = difference[np.isfinite(difference).all(1)]
    if not len(known):
        nothing = (float("nan"),) * difference.shape[1]
        return Agreement(name, unit, 0, float("nan"), nothing, nothing, nothing)
    bias = known.mean(0)
    spread = _LIMIT * known.std(0, ddof=1) if len(known) > 1 else np.full(len(bias), np.nan)
    rmse = float(np.sqrt((known**2).sum(1).mean()))
    return Agreement(
        name, unit, len(known), rmse, *(tuple(map(float, x)) for x in (bias, bias - spread, bias + spread))
    )


def _offset_s(ours: Signals, reference: Signals, residual: Callable[[float], float], most_s: float) -> float:
    """Our time minus the reference's: of the offsets at which both move alike, the one with the least residual.

    A walk moves alike one stride later, too.
    """
    step_s = float(min(np.median(np.diff(signals.t_s)) for signals in (ours, reference)))
    found = [_refined(residual, first, step_s) for first in _alike(_speed(ours), _speed(reference), step_s, most_s)]
    return min(found, key=lambda at: float(np.nan_to_num(residual(at), nan=np.inf)))


def _speed(signals: Signals) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, "t k"]]:
    """How fast each signal changes, whatever the axes; smoothed, or noise would be faster than any motion."""
    width = SMOOTHED_S / float(np.median(np.diff(signals.t_s)))
    known = np.isfinite(signals.values)
    total, weight = (
        gaussian_filter1d(x, width, axis=0, mode="nearest")
        for x in (np.where(known, signals.values, 0.0), known.astype(float))
    )
    smooth = np.where(weight > 0.5, total / np.maximum(weight, 1e-9), np.nan)
    change = np.linalg.norm(np.diff(smooth, axis=0), axis=-1) / np.diff(signals.t_s)[:, None]
    return (signals.t_s[1:] + signals.t_s[:-1]) / 2, change


def _alike(
    ours: tuple[np.ndarray, np.ndarray], reference: tuple[np.ndarray, np.ndarray], step_s: float, most_s: float
) -> list[float]:
    """The few offsets at which speeds correlate best, to a step of time; what is missing counts nothing."""
    (start_a, a, known_a), (start_b, b, known_b) = (_even(t_s, speed, step_s) for t_s, speed in (ours, reference))
    total, shared = _correlated(a, b), _correlated(known_a, known_b)
    size = np.sqrt(np.maximum(_correlated(a**2, known_b) * _correlated(known_a, b**2), 1e-12))
    lags = np.arange(-(len(b) - 1), len(a))
    overlap = np.minimum(len(a), lags + len(b)) - np.maximum(0, lags)
    offset = lags * step_s + start_a - start_b
    allowed = (np.abs(offset) <= most_s) & (overlap >= LEAST_SHARED * min(len(a), len(b)))
    if not allowed.any():
        raise FormatError(
            f"the recordings are {abs(start_a - start_b):.1f} s apart, more than {most_s:g} s. Allow more with "
            "--max-offset-s, or state the offset with --offset-s."
        )
    allowed &= (shared >= LEAST_SHARED / 2 * min(known_a.sum(), known_b.sum())) | (shared >= shared[allowed].max())
    score = np.where(allowed, total / size, -np.inf)
    best: list[float] = []
    while len(best) < _TRIED and np.isfinite(score.max()):
        best.append(float(offset[int(score.argmax())]))
        score[np.abs(offset - best[-1]) < _APART_S] = -np.inf
    return best


def _even(
    t_s: Float[np.ndarray, " t"], speed: Float[np.ndarray, "t k"], step_s: float
) -> tuple[float, Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """When it begins; and at even steps, speeds in standard deviations about their means, and 1 where known."""
    grid = np.arange(t_s[0], t_s[-1] + step_s / 2, step_s)
    even = np.stack([np.interp(grid, t_s, column) for column in speed.T], 1)
    known = np.isfinite(even)
    count = np.maximum(known.sum(0), 1)
    centred = np.where(known, even - np.where(known, even, 0.0).sum(0) / count, 0.0)
    return float(grid[0]), centred / (np.sqrt((centred**2).sum(0) / count) + 1e-12), known.astype(float)


def _correlated(a: Float[np.ndarray, "n k"], b: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " l"]:
    """Summed over the signals, for every lag."""
    return np.sum([correlate(a[:, k], b[:, k], mode="full") for k in range(a.shape[1])], axis=0)


def _refined(residual: Callable[[float], float], first_s: float, step_s: float) -> float:
    """To a fraction of a frame: least residual within one and a half steps."""
    bounds = (first_s - 1.5 * step_s, first_s + 1.5 * step_s)
    found = minimize_scalar(residual, bounds=bounds, method="bounded", options={"xatol": step_s * 1e-3})
    return float(found.x)  # pyright: ignore[reportAttributeAccessIssue]


def _common(ours: Signals, reference: Signals, offset_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Both at our instants inside the reference, which is interpolated by cubic splines."""
    at = ours.t_s - offset_s
    inside = (at >= reference.t_s[0]) & (at <= reference.t_s[-1])
    if inside.sum() < FEWEST:
        raise FormatError(f"the two share {int(inside.sum())} instants. Needed: at least {FEWEST}.")
    return ours.values[inside], _at(reference, at[inside])


def _at(signals: Signals, t_s: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n k c"]:
    out = np.full((len(t_s), *signals.values.shape[1:]), np.nan)
    nearest = np.searchsorted(signals.t_s, t_s).clip(1, len(signals.t_s) - 1)
    for k in range(len(signals.names)):
        track = signals.values[:, k]
        known = np.isfinite(track.sum(1))
        if known.sum() >= 4:
            between = known[nearest - 1] & known[nearest]
            out[between, k] = CubicSpline(signals.t_s[known], track[known])(t_s[between])
    return out


def _laid(a: np.ndarray, b: np.ndarray, *, scale: bool) -> tuple[torch.Tensor, Rigid]:
    """reference_from_ours over all instants and joints at once."""
    p, q = (torch.from_numpy(x.reshape(-1, 3)) for x in (a, b))
    if scale:
        return similarity_align(p, q)
    return torch.ones((), dtype=torch.float64), rigid_align(p, q)


def _residual(ours: Signals, reference: Signals, offset_s: float, *, scale: bool) -> float:
    a, b = _common(ours, reference, offset_s)
    factor, motion = _laid(a, b, scale=scale)
    return float(np.nanmean((motion.apply(factor * torch.from_numpy(a)).numpy() - b) ** 2))


def _spread(ours: Signals, reference: Signals, offset_s: float) -> float:
    a, b = _common(ours, reference, offset_s)
    apart = (a - b + 180) % 360 - 180
    return float(np.nanmean((apart - np.nanmean(apart, 0)) ** 2))
