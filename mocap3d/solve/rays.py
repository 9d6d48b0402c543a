"""Robust triangulation of every point of every instant, each on its own.

A Gauss-Newton fit to the rays with Geman-McClure weights, started at the point of the instant before. Where too few
views agree with it, a linear fit and a bounded number of camera pairs (linear in cameras, never all subsets) are tried.
"""

import math

import numpy as np

from mocap3d.solve.jit import inlined, kernel

_MAX_STEPS = 8
_CONVERGED_M = 5e-5
_BEHIND = 1e12
"""Squared residual of a view that the point is behind of."""


@inlined
def solve_symmetric3(a00, a01, a02, a11, a12, a22, b0, b1, b2):
    """x with A x = b for a symmetric 3x3 matrix, and det A."""
    c00 = a11 * a22 - a12 * a12
    c01 = a02 * a12 - a01 * a22
    c02 = a01 * a12 - a02 * a11
    det = a00 * c00 + a01 * c01 + a02 * c02
    i = 1.0 / det
    c11 = a00 * a22 - a02 * a02
    c12 = a01 * a02 - a00 * a12
    c22 = a00 * a11 - a01 * a01
    return (
        (c00 * b0 + c01 * b1 + c02 * b2) * i,
        (c01 * b0 + c11 * b1 + c12 * b2) * i,
        (c02 * b0 + c12 * b1 + c22 * b2) * i,
        det,
    )


@inlined
def _residual2(m, o, x, y, z):
    """Squared residual of one view in sigmas (r' W r)."""
    depth = m[6] * x + m[7] * y + m[8] * z + m[11]
    if depth <= 1e-6:
        return _BEHIND
    ex = (m[0] * x + m[1] * y + m[2] * z + m[9]) / depth - o[0]
    ey = (m[3] * x + m[4] * y + m[5] * z + m[10]) / depth - o[1]
    return o[2] * ex * ex + 2 * o[3] * ex * ey + o[4] * ey * ey


@kernel
def _linear(poses, seen, n, weight, point):
    """Weighted linear fit to the rays; ``weight`` (n) scales each view. False where rays are parallel."""
    a00 = a01 = a02 = a11 = a12 = a22 = b0 = b1 = b2 = 0.0
    for i in range(n):
        m, o = poses[i], seen[i]
        u0, u1, u2 = o[0] * m[6] - m[0], o[0] * m[7] - m[1], o[0] * m[8] - m[2]
        v0, v1, v2 = o[1] * m[6] - m[3], o[1] * m[7] - m[4], o[1] * m[8] - m[5]
        bu, bv = m[9] - o[0] * m[11], m[10] - o[1] * m[11]
        w = weight[i] * (o[2] + o[4])
        a00 += w * (u0 * u0 + v0 * v0)
        a01 += w * (u0 * u1 + v0 * v1)
        a02 += w * (u0 * u2 + v0 * v2)
        a11 += w * (u1 * u1 + v1 * v1)
        a12 += w * (u1 * u2 + v1 * v2)
        a22 += w * (u2 * u2 + v2 * v2)
        b0 += w * (u0 * bu + v0 * bv)
        b1 += w * (u1 * bu + v1 * bv)
        b2 += w * (u2 * bu + v2 * bv)
    x, y, z, det = solve_symmetric3(a00, a01, a02, a11, a12, a22, b0, b1, b2)
    point[0], point[1], point[2] = x, y, z
    trace = a00 + a11 + a22
    return det > 1e-12 * trace * trace * trace


@kernel
def _refine(poses, seen, n, tau2, point, info):
    """Gauss-Newton with Geman-McClure weights from ``point``; returns the robust cost and the number of inliers."""
    x, y, z = point[0], point[1], point[2]
    cost, inliers = 0.0, 0
    for _ in range(_MAX_STEPS):
        a00 = a01 = a02 = a11 = a12 = a22 = g0 = g1 = g2 = 0.0
        cost, inliers = 0.0, 0
        for i in range(n):
            m, o = poses[i], seen[i]
            depth = m[6] * x + m[7] * y + m[8] * z + m[11]
            if depth <= 1e-6:
                cost += tau2
                continue
            iz = 1.0 / depth
            px = (m[0] * x + m[1] * y + m[2] * z + m[9]) * iz
            py = (m[3] * x + m[4] * y + m[5] * z + m[10]) * iz
            ex, ey = px - o[0], py - o[1]
            wx, wy = o[2] * ex + o[3] * ey, o[3] * ex + o[4] * ey
            r2 = ex * wx + ey * wy
            q = tau2 / (tau2 + r2)
            cost += r2 * q
            if r2 < tau2:
                inliers += 1
            q *= q
            u0, u1, u2 = (m[0] - px * m[6]) * iz, (m[1] - px * m[7]) * iz, (m[2] - px * m[8]) * iz
            v0, v1, v2 = (m[3] - py * m[6]) * iz, (m[4] - py * m[7]) * iz, (m[5] - py * m[8]) * iz
            wxx, wxy, wyy = q * o[2], q * o[3], q * o[4]
            s0, s1, s2 = wxx * u0 + wxy * v0, wxx * u1 + wxy * v1, wxx * u2 + wxy * v2
            t0, t1, t2 = wxy * u0 + wyy * v0, wxy * u1 + wyy * v1, wxy * u2 + wyy * v2
            a00 += s0 * u0 + t0 * v0
            a01 += s0 * u1 + t0 * v1
            a02 += s0 * u2 + t0 * v2
            a11 += s1 * u1 + t1 * v1
            a12 += s1 * u2 + t1 * v2
            a22 += s2 * u2 + t2 * v2
            g0 += s0 * ex + t0 * ey
            g1 += s1 * ex + t1 * ey
            g2 += s2 * ex + t2 * ey
        dx, dy, dz, det = solve_symmetric3(a00, a01, a02, a11, a12, a22, g0, g1, g2)
        if not det > 0:
            break
        x -= dx
        y -= dy
        z -= dz
        info[0], info[1], info[2], info[3], info[4], info[5] = a00, a01, a02, a11, a12, a22
        if abs(dx) + abs(dy) + abs(dz) < _CONVERGED_M:
            break
    point[0], point[1], point[2] = x, y, z
    return cost, inliers


@kernel
def _pair_midpoint(m, o, k, c, point):
    """Midpoint of the shortest segment between two rays; False where they are nearly parallel or meet behind."""
    d = np.empty((2, 3))
    centre = np.empty((2, 3))
    for s in range(2):
        view, ray = (m, o) if s == 0 else (k, c)
        length = math.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + 1)
        for i in range(3):
            d[s, i] = (view[i] * ray[0] + view[3 + i] * ray[1] + view[6 + i]) / length
            centre[s, i] = -(view[i] * view[9] + view[3 + i] * view[10] + view[6 + i] * view[11])
    dd = e1 = e2 = 0.0
    for i in range(3):
        apart = centre[1, i] - centre[0, i]
        dd += d[0, i] * d[1, i]
        e1 += d[0, i] * apart
        e2 += d[1, i] * apart
    sine2 = 1 - dd * dd
    if sine2 < 1e-3:  # under 2 degrees between the rays the depth is worthless as a hypothesis
        return False
    s1, s2 = (e1 - dd * e2) / sine2, (dd * e1 - e2) / sine2
    if s1 < 0.05 or s2 < 0.05:
        return False
    for i in range(3):
        point[i] = 0.5 * (centre[0, i] + s1 * d[0, i] + centre[1, i] + s2 * d[1, i])
    return True


@kernel
def _search(poses, seen, n, tau2, point):
    """The best of the linear fit and at most 2 n camera pairs, by truncated cost; False where none is usable."""
    trial = np.empty(3)
    weight = np.ones(n)
    best = math.inf
    for h in range(1 + 2 * n):
        if h == 0:
            usable = _linear(poses, seen, n, weight, trial)
        else:
            i = (h - 1) % n
            step = 1 if h <= n else max(2, n // 2)
            j = (i + step) % n
            if j == i or (step == 1 and n == 2 and i == 1):
                continue
            usable = _pair_midpoint(poses[i], seen[i], poses[j], seen[j], trial)
        if not usable:
            continue
        cost = 0.0
        for i in range(n):
            cost += min(_residual2(poses[i], seen[i], trial[0], trial[1], trial[2]), tau2)
            if cost >= best:
                break
        if cost < best:
            best = cost
            point[0], point[1], point[2] = trial[0], trial[1], trial[2]
    return best < math.inf


@kernel
def triangulate(poses, obs, tau2, points, info, n_inliers):
    """Triangulate in time order.

    poses (t' v 12) rotation row by row, then translation; t' = 1 for fixed cameras. obs (t v 5 k) from ``views.pack``.
    Out: points (t 3 k), NaN where fewer than two views agree; info (t 6 k) normal matrix xx xy xz yy yz zz;
    n_inliers (t k), views within sqrt(tau2) sigmas.
    """
    n_times, n_views, _, n_points = obs.shape
    moving = 1 if poses.shape[0] > 1 else 0
    at = np.empty((n_views, 12))
    seen = np.empty((n_views, 5))
    point, matrix, other, other_matrix = np.empty(3), np.empty(6), np.empty(3), np.empty(6)
    for t in range(n_times):
        for k in range(n_points):
            n = 0
            for v in range(n_views):
                if obs[t, v, 2, k] > 0:
                    for i in range(12):
                        at[n, i] = poses[t * moving, v, i]
                    for i in range(5):
                        seen[n, i] = obs[t, v, i, k]
                    n += 1
            inliers, cost = 0, math.inf
            if n >= 2:
                if t > 0 and not math.isnan(points[t - 1, 0, k]):
                    for i in range(3):
                        point[i] = points[t - 1, i, k]
                    cost, inliers = _refine(at, seen, n, tau2, point, matrix)
                if (inliers < 3 or 2 * inliers <= n) and _search(at, seen, n, tau2, other):
                    other_cost, other_inliers = _refine(at, seen, n, tau2, other, other_matrix)
                    if other_cost < cost or math.isnan(cost):
                        inliers = other_inliers
                        for i in range(3):
                            point[i] = other[i]
                        for i in range(6):
                            matrix[i] = other_matrix[i]
            n_inliers[t, k] = inliers
            if inliers < 2 or math.isnan(point[0] + point[1] + point[2]):
                n_inliers[t, k] = 0
                for i in range(3):
                    points[t, i, k] = math.nan
                for i in range(6):
                    info[t, i, k] = 0.0
                continue
            for i in range(3):
                points[t, i, k] = point[i]
            for i in range(6):
                info[t, i, k] = matrix[i]
