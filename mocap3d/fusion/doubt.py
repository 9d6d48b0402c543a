"""How far a fitted point may be off: the posterior covariance, corrected for what the model leaves out.

The normal matrix alone would be too sure of itself: errors of a detector persist from frame to frame, have heavy tails,
and bodies do not accelerate as white noise does. All three were measured (``noise``, ``motion``); each covariance is
widened by the factor by which they raise the error of the smoother that the solution locally is (``response``).
"""

import numpy as np

from mocap3d.fusion.body import BodyModel
from mocap3d.fusion.motion import MotionModel
from mocap3d.fusion.packing import SYMMETRIC, full_matrices
from mocap3d.session.records import NoiseModel
from mocap3d.solve import banded, coupling, response, sequence

_STRIDE = 4
"""Coupled covariances are computed at every fourth instant; they vary no faster than the smoothing length."""
_UNMODELLED = 1.1
"""Outliers that pass for measurements, and scales that were themselves measured: without it the mean normalised squared
error of scenes with 3 to 16 cameras is 0.9 to 1.1, but their 95 % ellipsoids hold 92 to 96 %."""
_SLIGHT = 0.03
"""A share of constant error up to which it is no more than chance."""
_ANCHORS = 64
"""Instants between which a body's constant errors hardly change."""
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
    *,
    constant_errors: bool = True,
) -> np.ndarray:
    """Covariances (t 6 k) of a solved window x (t 3 k).

    ``constant_errors`` adds what is wrong by the same amount all the time. Neighbouring points mostly share that, so
    for what lies between them it is better left out.
    """
    n_times, _, n_points = x.shape
    h, g, w = np.empty((n_times, 6, n_points)), np.empty_like(x), np.empty((n_times, n_points))
    sequence.linearise_views(poses, 0, obs, x, gates[0], h, g)
    sequence.linearise_motion(x, motion.weight, gates[2], g, w)
    used = np.isfinite(body.sigma_m) & np.isfinite(body.length_m)
    pairs = body.pairs[used]
    rows = np.empty((n_times, 3, len(pairs)))
    sequence.linearise_pairs(x, pairs, body.length_m[used], 1 / body.doubt_m[used] ** 2, gates[1], g, rows)
    h[:, [0, 3, 5]] += _FAINT
    inv_pivot, lower = np.empty_like(h), np.empty((n_times, 9, n_points))
    banded.factor(h, w, inv_pivot, lower)
    alone, cov = np.empty_like(h), np.empty_like(h)
    banded.marginals(inv_pivot, lower, w, alone)
    order = coupling.elimination(n_points, [(int(i), int(j)) for i, j in pairs])
    ratio = (h[:, [0, 3, 5]].mean((0, 1)) + 1) / motion.weight
    low = int(np.clip(np.floor(np.log10(ratio.min())) - 1, -8, 2))
    high = int(np.clip(np.ceil(np.log10(ratio.max())) + 2, low + 3, 6))
    shifts, coefficients = response.rational(low, high)
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
    cov *= (_UNMODELLED * (1 - noise.bias) * _widening(cov, motion, noise))[:, None]
    if constant_errors and noise.bias > _SLIGHT:
        cov += noise.bias * noise.spread * _constant_error(h, pairs, rows)
    return cov


def _constant_error(h: np.ndarray, pairs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(t 6 k): covariance of positions if the noise were the same at all instants, so that time cannot average it."""
    n_times, _, n_points = h.shape
    anchors = np.unique(np.r_[np.arange(0, n_times, _ANCHORS), n_times - 1])
    known = (h[:, 0] + h[:, 3] + h[:, 5]) > 1
    mean = np.where(known[:, None], h, 0).sum(0) / np.maximum(known.sum(0), 1)
    matrix = np.zeros((len(anchors), n_points, 3, n_points, 3))
    diagonal = full_matrices(mean[None])[0] + 1e-2 * np.eye(3)
    for k in range(n_points):
        matrix[:, k, :, k] = diagonal[k]
    for b, (i, j) in enumerate(pairs):
        outer = rows[anchors, :, None, b] * rows[anchors, None, :, b]
        matrix[:, i, :, i] += outer
        matrix[:, j, :, j] += outer
        matrix[:, i, :, j] -= outer
        matrix[:, j, :, i] -= outer
    size = 3 * n_points
    inverse = np.linalg.inv(matrix.reshape(-1, size, size)).reshape(matrix.shape)
    at_anchors = np.stack([[inverse[:, k, i, k, j] for k in range(n_points)] for i, j in SYMMETRIC])
    out = np.empty_like(h)
    for entry in range(6):
        for k in range(n_points):
            out[:, entry, k] = np.interp(np.arange(n_times), anchors, at_anchors[entry, k])
    return out


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
