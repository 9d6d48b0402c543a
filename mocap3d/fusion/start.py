"""From triangulated points to a start from which the whole-sequence solver finds home."""

import numpy as np

from mocap3d.solve.running_median import running_median

_NEIGHBOURS_S = 0.25
_LEAP_M = 0.03
"""A triangulated point this far (and four usual distances) from the median of its neighbours in time is a leap."""
_SURE = 4
"""Views that do not agree by chance: a hand may then be as fast as it likes."""


def without_leaps(p_in_world: np.ndarray, n_views: np.ndarray, rate: float) -> np.ndarray:
    """A start (t 3 k) from which the solver finds home: gaps bridged, and points that leap from their neighbours too.

    n_views (t k): that agree. Two wrong ones can; a redescending loss started there would stay there.
    """
    triangulated = np.isfinite(p_in_world[..., 0])
    start = bridged(p_in_world, triangulated)
    half = round(_NEIGHBOURS_S * rate / 2)
    if len(start) < 4 * half + 2:
        return start
    usual = np.empty_like(start)
    running_median(start.reshape(len(start), -1), half, usual.reshape(len(start), -1))
    apart = np.linalg.norm(start - usual, axis=1)
    leaps = (apart > _LEAP_M + 4 * np.median(apart, axis=0)) & (n_views < _SURE)
    return bridged(p_in_world, triangulated & ~leaps) if leaps.any() else start


def bridged(p_in_world: np.ndarray, triangulated: np.ndarray) -> np.ndarray:
    """A start for every point (t 3 k): gaps interpolated, ends held, keypoints never seen at the person's centre."""
    n_times, n_points, _ = p_in_world.shape
    at = np.arange(n_times)
    centre = p_in_world[triangulated].mean(0)
    start = np.empty((n_times, 3, n_points))
    for k in range(n_points):
        seen = triangulated[:, k]
        for c in range(3):
            if seen.all():
                start[:, c, k] = p_in_world[:, k, c]
            else:
                start[:, c, k] = np.interp(at, at[seen], p_in_world[seen, k, c]) if seen.any() else centre[c]
    return start
