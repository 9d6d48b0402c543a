"""How far observations lie from given points: for judging noise and inliers."""

import math

from mocap3d.solve.jit import kernel
from mocap3d.solve.rays import solve_symmetric3


@kernel
def whitened(poses, first, obs, x, info, out, expected):
    """Residuals in sigmas, and how large they would be if the stated sigmas were true.

    poses (t' v 12), obs (t v 5 k), x (t 3 k), info (t 6 k) normal matrix that x was found with.
    Out: ``out`` (2 t v k), whitened by the Cholesky factor of the information, NaN where missing; ``expected``
    (t v k 2): trace and degrees of freedom of the residual's covariance: a fitted point takes part of the error away.
    """
    n_times, n_views, _, n_points = obs.shape
    moving = 1 if poses.shape[0] > 1 else 0
    for t in range(n_times):
        for v in range(n_views):
            m = poses[moving * (first + t), v]
            for k in range(n_points):
                out[0, t, v, k] = math.nan
                out[1, t, v, k] = math.nan
                w0, w1, w2 = obs[t, v, 2, k], obs[t, v, 3, k], obs[t, v, 4, k]
                x0, x1, x2 = x[t, 0, k], x[t, 1, k], x[t, 2, k]
                depth = m[6] * x0 + m[7] * x1 + m[8] * x2 + m[11]
                if not (w0 > 0 and depth > 1e-6):
                    continue
                px = (m[0] * x0 + m[1] * x1 + m[2] * x2 + m[9]) / depth
                py = (m[3] * x0 + m[4] * x1 + m[5] * x2 + m[10]) / depth
                ex, ey = px - obs[t, v, 0, k], py - obs[t, v, 1, k]
                l00 = math.sqrt(w0)
                l10 = w1 / l00
                l11 = math.sqrt(max(w2 - l10 * l10, 0.0))
                out[0, t, v, k] = l00 * ex + l10 * ey
                out[1, t, v, k] = l11 * ey
                a0, a1, a2 = (m[0] - px * m[6]) / depth, (m[1] - px * m[7]) / depth, (m[2] - px * m[8]) / depth
                b0, b1, b2 = (m[3] - py * m[6]) / depth, (m[4] - py * m[7]) / depth, (m[5] - py * m[8]) / depth
                a0, a1, a2 = l00 * a0 + l10 * b0, l00 * a1 + l10 * b1, l00 * a2 + l10 * b2
                b0, b1, b2 = l11 * b0, l11 * b1, l11 * b2
                i0, i1, i2 = info[t, 0, k], info[t, 1, k], info[t, 2, k]
                i3, i4, i5 = info[t, 3, k], info[t, 4, k], info[t, 5, k]
                s0, s1, s2, det = solve_symmetric3(i0, i1, i2, i3, i4, i5, a0, a1, a2)
                r0, r1, r2, _ = solve_symmetric3(i0, i1, i2, i3, i4, i5, b0, b1, b2)
                if not det > 0:
                    expected[t, v, k, 0] = 0
                    continue
                c00, c01 = 1 - (a0 * s0 + a1 * s1 + a2 * s2), -(b0 * s0 + b1 * s1 + b2 * s2)
                c11 = 1 - (b0 * r0 + b1 * r1 + b2 * r2)
                trace = c00 + c11
                expected[t, v, k, 0] = trace
                expected[t, v, k, 1] = trace * trace / max(c00 * c00 + 2 * c01 * c01 + c11 * c11, 1e-12)


@kernel
def count_inliers(poses, first, obs, x, tau2, n_inliers):
    """n_inliers (t k): views whose observation lies within sqrt(tau2) sigmas of the point."""
    n_times, n_views, _, n_points = obs.shape
    moving = 1 if poses.shape[0] > 1 else 0
    for t in range(n_times):
        for k in range(n_points):
            n_inliers[t, k] = 0
        for v in range(n_views):
            m = poses[moving * (first + t), v]
            for k in range(n_points):
                x0, x1, x2 = x[t, 0, k], x[t, 1, k], x[t, 2, k]
                depth = m[6] * x0 + m[7] * x1 + m[8] * x2 + m[11]
                ex = (m[0] * x0 + m[1] * x1 + m[2] * x2 + m[9]) / depth - obs[t, v, 0, k]
                ey = (m[3] * x0 + m[4] * x1 + m[5] * x2 + m[10]) / depth - obs[t, v, 1, k]
                r2 = obs[t, v, 2, k] * ex * ex + 2 * obs[t, v, 3, k] * ex * ey + obs[t, v, 4, k] * ey * ey
                if depth > 0 and obs[t, v, 2, k] > 0 and r2 < tau2:
                    n_inliers[t, k] += 1
