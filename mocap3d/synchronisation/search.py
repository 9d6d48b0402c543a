"""Any offset, to a frame: how well two views agree if one is shifted, for every shift."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mocap3d.synchronisation.epipolar import contradiction, plane_of
from mocap3d.synchronisation.sightings import Sightings, baseline_of

SAMPLE = 240
"""Instants per pair: those at which most moves."""
FEWEST = 24
"""Instants below which a shift is not judged."""
CANDIDATES = 6000
"""Frames among which those are looked for, evenly spread."""
_FEWEST_KEYPOINTS = 5
_COARSE_RAD = 0.01
"""A contradiction that counts half: two to three times the usual error of a detector, and of a calibration."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How much two views contradict each other, 0 to 1, at each instant of the first and for each shift."""

    t_s: Float[np.ndarray, " s"]
    cost: Float[np.ndarray, "s l"]
    """NaN where either view saw nobody."""

    @property
    def curve(self) -> Float[np.ndarray, " l"]:
        """Mean over the instants; where there are too few, the median of the others: it tells nothing."""
        known = np.isfinite(self.cost).sum(0)
        mean = np.where(known >= FEWEST, np.nansum(self.cost, 0) / np.maximum(known, 1), np.nan)
        neutral = np.nanmedian(mean) if np.isfinite(mean).any() else 0.0
        return np.where(np.isfinite(mean), mean, neutral)


def agreement(a: Sightings, b: Sightings, lags_s: Float[np.ndarray, " l"]) -> Agreement:
    """Of the instants of ``a`` with ``b`` at as much later as each of ``lags_s`` says."""
    baseline = baseline_of(a, b)
    instants = _lively(a)
    frame, is_there = frame_at(b, a.t_s[instants, None] + lags_s)
    by_keypoint = np.ascontiguousarray(b.ray.transpose(2, 3, 1, 0), dtype=np.float32)  # (k 3 q n)
    sine_b = np.linalg.norm(plane_of(baseline, b.ray), axis=-1).transpose(2, 1, 0).astype(np.float32)
    cost = np.full(frame.shape, np.nan)
    for row, instant in enumerate(instants):
        first, last = int(frame[row].min()), int(frame[row].max()) + 1
        plane = plane_of(baseline, a.ray[instant]).transpose(1, 0, 2).astype(np.float32)
        cost[row] = _cost(plane, by_keypoint[..., first:last], sine_b[..., first:last])[frame[row] - first]
    return Agreement(a.t_s[instants], np.where(is_there, cost, np.nan))


def frame_at(view: Sightings, t_s: Float[np.ndarray, "*b"]) -> tuple[Int[np.ndarray, "*b"], Bool[np.ndarray, "*b"]]:
    """The nearest frame, and whether it is at most half a frame away."""
    last = len(view.t_s) - 1
    after = np.searchsorted(view.t_s, t_s).clip(0, last)
    before = (after - 1).clip(0)
    nearest = np.where(t_s - view.t_s[before] < view.t_s[after] - t_s, before, after)
    return nearest, np.abs(view.t_s[nearest] - t_s) <= 0.51 * view.step_s


def settled(agreements: Mapping[Pair, Agreement], n_views: int, reach: int) -> Int[np.ndarray, " v"]:
    """Shift of each view, in steps, that contradicts all others least; the first view's is 0.

    Lag ``reach + s`` of a pair stands for a shift of the first one that is ``s`` greater than that of the second.
    """
    curves = {pair: found.curve for pair, found in agreements.items()}
    shift = _by_the_clearest(curves, n_views, reach)
    for _ in range(20):
        before = shift.copy()
        for view in range(1, n_views):
            shift[view] = np.argmin(cost_of_shifts(curves, shift, view, reach)) - 2 * reach
        if (shift == before).all():
            break
    return shift


def cost_of_shifts(
    curves: Mapping[Pair, Float[np.ndarray, " l"]], shift: Int[np.ndarray, " v"], view: int, reach: int
) -> Float[np.ndarray, " m"]:
    """Of shifts of one view from -2 to 2 reaches, the others staying; beyond a curve's end it tells nothing."""
    candidates = np.arange(-2 * reach, 2 * reach + 1)
    total = np.zeros(len(candidates))
    for (a, b), curve in curves.items():
        if view not in (a, b):
            continue
        lag = candidates - shift[b] if view == a else shift[a] - candidates
        is_in = np.abs(lag) <= reach
        total += np.where(is_in, curve[(lag + reach).clip(0, 2 * reach)], np.median(curve))
    return total


def _by_the_clearest(curves: Mapping[Pair, Float[np.ndarray, " l"]], n_views: int, reach: int) -> Int[np.ndarray, " v"]:
    """Views joined one after the other by the pair whose best shift stands out most (Prim 1957)."""
    clear = {pair: _stands_out(curve) for pair, curve in curves.items()}
    shift, joined = np.zeros(n_views, dtype=int), {0}
    while bridges := [pair for pair in curves if (pair[0] in joined) != (pair[1] in joined)]:
        a, b = max(bridges, key=lambda pair: clear[pair])
        lag = int(np.argmin(curves[a, b])) - reach
        if a in joined:
            shift[b] = shift[a] - lag
            joined.add(b)
        else:
            shift[a] = shift[b] + lag
            joined.add(a)
    return shift


def _stands_out(curve: Float[np.ndarray, " l"]) -> float:
    middle = float(np.median(curve))
    return (middle - float(curve.min())) / (float(np.median(np.abs(curve - middle))) + 1e-6)


def _lively(view: Sightings) -> Int[np.ndarray, " s"]:
    """The frames at which most moves, in order of time."""
    frames = np.unique(np.linspace(0, len(view.t_s) - 1, min(len(view.t_s), CANDIDATES)).round().astype(int))
    turn = view.at(frames, np.zeros(len(frames)))[1]
    motion = np.nansum(np.linalg.norm(turn, axis=-1), axis=(1, 2))
    best = np.argsort(-motion, kind="stable")[:SAMPLE]
    return frames[np.sort(best[motion[best] > 0])]


def _cost(
    plane_a: Float[np.ndarray, "k p 3"], ray_b: Float[np.ndarray, "k 3 q n"], sine_b: Float[np.ndarray, "k q n"]
) -> Float[np.ndarray, " n"]:
    """Of each person of the first view with who fits best in each frame of the second; mean over the people."""
    n_keypoints, _, n_others, n_frames = ray_b.shape
    volume = (plane_a @ ray_b.reshape(n_keypoints, 3, -1)).reshape(n_keypoints, -1, n_others, n_frames)
    sine_a = np.linalg.norm(plane_a, axis=-1)[..., None, None]
    ratio2 = (contradiction(volume, sine_a, sine_b[:, None]) / _COARSE_RAD) ** 2
    known = np.isfinite(ratio2).sum(0)
    mean = np.nansum(ratio2 / (1 + ratio2), 0) / np.maximum(known, 1)
    of_person = np.where(known >= _FEWEST_KEYPOINTS, mean, np.inf).min(1)
    n_known = np.isfinite(of_person).sum(0)
    total = np.where(np.isfinite(of_person), of_person, 0.0).sum(0)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)
