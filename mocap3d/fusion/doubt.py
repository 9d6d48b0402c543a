"""How far a fitted point may be off: the posterior covariance, corrected for what the model leaves out.

The normal matrix alone would be too sure of itself: errors of a detector persist from frame to frame, have heavy tails,
and bodies do not accelerate as white noise does. All three were measured (``noise``, ``motion``); each covariance is
widened by the factor by which they raise the error of the smoother that the solution locally is (``response``).
"""

import numpy as np

from mocap3d.fusion.body import BodyModel
from mocap3d.fusion.motion import MotionModel
from mocap3d.session.records import NoiseModel
from mocap3d.solve import banded, coupling, response, sequence

_STRIDE = 4
"""Coupled covariances are computed at every fourth instant; they vary no faster than the smoothing length."""
_UNMODELLED = 1.15
"""What is left: outliers that pass for measurements, and scales that are themselves measured. Mean normalised squared
error of 8-camera scenes (seeds 1 and 2 of the benchmark's) without it: 0.99-1.07, of 3-camera scenes 0.97-1.4."""
_FAINT = 1e-4
"""Information that keeps an unseen chain regular: one sigma of 100 m."""


def posterior(
    poses: np.ndarray,
    obs: np.ndarray,
    x: np.ndarray,
    body: BodyModel,
    motion: MotionModel,
    noise: NoiseModel,
    gates: np.ndarray,
) -> np.ndarray:
    """Covariances (t 6 k) of a solved window x (t 3 k)."""
    n_times, _, n_points = x.shape
    h, g, w = np.empty((n_times, 6, n_points)), np.empty_like(x), np.empty((n_times, n_points))
    sequence.linearise_views(poses, 0, obs, x, gates[0], h, g)
    sequence.linearise_motion(x, motion.weight, gates[2], g, w)
    used = np.isfinite(body.sigma_m) & np.isfinite(body.length_m)
    pairs = body.pairs[used]
    rows = np.empty((n_times, 3, len(pairs)))
    sequence.linearise_pairs(x, pairs, body.length_m[used], 1 / body.sigma_m[used] ** 2, gates[1], g, rows)
    h[:, [0, 3, 5]] += _FAINT
    inv_pivot, lower = np.empty_like(h), np.empty((n_times, 9, n_points))
    banded.factor(h, w, inv_pivot, lower)
    alone, cov = np.empty_like(h), np.empty_like(h)
    banded.marginals(inv_pivot, lower, w, alone)
    order = coupling.elimination(n_points, [(int(i), int(j)) for i, j in pairs])
    ratio = (h[:, [0, 3, 5]].mean((0, 1)) + 1) / motion.weight
    low, high = int(np.floor(np.log10(ratio.min()))) - 1, int(np.ceil(np.log10(ratio.max()))) + 2
    shifts, coefficients = response.rational(max(low, -8), min(max(high, low + 3), 6))
    log_m, log_f = response.table()
    coupling.coupled_marginals(
        alone,
        motion.weight,
        pairs,
        rows,
        order.order,
        order.start,
        order.neighbour,
        shifts,
        coefficients,
        log_m,
        log_f,
        _STRIDE,
        cov,
    )
    return cov * (_UNMODELLED * _widening(cov, motion, noise))[:, None]


def _widening(cov: np.ndarray, motion: MotionModel, noise: NoiseModel) -> np.ndarray:
    """(t k): true over stated variance of the smoother whose stated variance is the mean axis of ``cov``."""
    variance = (cov[:, 0] + cov[:, 3] + cov[:, 5]) / 3
    stated = response.doubt(response.grid())
    parts = noise.spread * response.noise_part(motion.noise_power) + response.prior_part(motion.motion_power)
    factor = np.empty_like(variance)
    for k in range(variance.shape[1]):
        # log F falls with log m: interpolate over F itself, reversed.
        relative = np.log(variance[:, k] * motion.weight[k])
        factor[:, k] = np.interp(relative, np.log(stated[::-1]), (parts[k] / stated)[::-1])
    return factor
