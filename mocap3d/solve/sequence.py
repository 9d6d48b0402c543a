"""Maximum a posteriori positions of all points over a window of instants: Gauss-Newton with conjugate gradients.

    sum rho_views(r' W r) + sum rho_pairs((|p_a - p_b| - L) / sigma) + sum (angle beyond its limit / sigma)^2
    + sum rho_motion(|p_t-1 - 2 p_t + p_t+1| / sigma)

The normal matrix is one block-pentadiagonal chain per point (views and motion), coupled within an instant by rank-1
terms (pairs, angles). Conjugate gradients treat the coupling, the chains are the preconditioner (``banded``).

Layout: positions x (t 3 k) in the world; obs (t v 5 k) from ``views.pack``. float64: a slow point filmed fast, or a
long gap, makes chains stiff. float32 would save a quarter of the time.
Weights are 1/sigma^2. Prior tables:

    pairs (b 2), pair_length_m (b), pair_weight (b)
    angles (a 3) first vertex last; angle_limit_rad (a 2); angle_weight (a)
    motion_weight (k): of the second difference between instants
    gates: tau2 (views, Geman-McClure), huber of pairs, huber of motion, in sigmas
"""

import math

import numpy as np

from mocap3d.solve import banded
from mocap3d.solve.jit import kernel

_MAX_STEP_M = 0.25
"""No point moves farther in one Gauss-Newton step: a bad start then cannot throw it behind a camera."""


@kernel
def linearise_views(poses, first, obs, x, tau2, h, g):
    """Normal blocks h (t 6 k) and gradient g (t 3 k) of the reprojection; returns its cost.

    poses (t' v 12), t' = 1 for fixed cameras, else indexed from ``first``.
    """
    n_times, n_views, _, n_points = obs.shape
    one = x.dtype.type(1)
    shallow = x.dtype.type(1e-3)
    moving = 1 if poses.shape[0] > 1 else 0
    cost = 0.0
    for t in range(n_times):
        h[t] = 0
        g[t] = 0
        for v in range(n_views):
            m = poses[moving * (first + t), v]
            r00, r01, r02, r10, r11, r12, r20, r21, r22 = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]
            tx, ty, tz = m[9], m[10], m[11]
            for k in range(n_points):
                x0, x1, x2 = x[t, 0, k], x[t, 1, k], x[t, 2, k]
                depth = r20 * x0 + r21 * x1 + r22 * x2 + tz
                iz = one / max(depth, shallow)
                px = (r00 * x0 + r01 * x1 + r02 * x2 + tx) * iz
                py = (r10 * x0 + r11 * x1 + r12 * x2 + ty) * iz
                ex, ey = px - obs[t, v, 0, k], py - obs[t, v, 1, k]
                wxx, wxy, wyy = obs[t, v, 2, k], obs[t, v, 3, k], obs[t, v, 4, k]
                wx, wy = wxx * ex + wxy * ey, wxy * ex + wyy * ey
                r2 = ex * wx + ey * wy
                q = tau2 / (tau2 + r2)
                cost += r2 * q
                q *= q
                wxx, wxy, wyy, wx, wy = q * wxx, q * wxy, q * wyy, q * wx, q * wy
                u0, u1, u2 = (r00 - px * r20) * iz, (r01 - px * r21) * iz, (r02 - px * r22) * iz
                v0, v1, v2 = (r10 - py * r20) * iz, (r11 - py * r21) * iz, (r12 - py * r22) * iz
                s0, s1, s2 = wxx * u0 + wxy * v0, wxx * u1 + wxy * v1, wxx * u2 + wxy * v2
                t0, t1, t2 = wxy * u0 + wyy * v0, wxy * u1 + wyy * v1, wxy * u2 + wyy * v2
                h[t, 0, k] += s0 * u0 + t0 * v0
                h[t, 1, k] += s0 * u1 + t0 * v1
                h[t, 2, k] += s0 * u2 + t0 * v2
                h[t, 3, k] += s1 * u1 + t1 * v1
                h[t, 4, k] += s1 * u2 + t1 * v2
                h[t, 5, k] += s2 * u2 + t2 * v2
                g[t, 0, k] += u0 * wx + v0 * wy
                g[t, 1, k] += u1 * wx + v1 * wy
                g[t, 2, k] += u2 * wx + v2 * wy
    return cost


@kernel
def linearise_pairs(x, pairs, length, weight, huber, g, rows):
    """Distance residuals: adds to g, fills rows (t 3 b), the square root of weight times the unit vector."""
    n_times = len(x)
    tiny = x.dtype.type(1e-9)
    one = x.dtype.type(1)
    cost = 0.0
    for t in range(n_times):
        for b in range(len(pairs)):
            i, j = pairs[b, 0], pairs[b, 1]
            d0, d1, d2 = x[t, 0, i] - x[t, 0, j], x[t, 1, i] - x[t, 1, j], x[t, 2, i] - x[t, 2, j]
            distance = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2) + tiny
            r = distance - length[b]
            size = abs(r) * math.sqrt(weight[b])
            w = weight[b] * min(one, huber / max(size, tiny))
            cost += min(size, huber) * (size + size - min(size, huber))
            s = math.sqrt(w) / distance
            rows[t, 0, b], rows[t, 1, b], rows[t, 2, b] = s * d0, s * d1, s * d2
            f = w * r / distance
            g[t, 0, i] += f * d0
            g[t, 1, i] += f * d1
            g[t, 2, i] += f * d2
            g[t, 0, j] -= f * d0
            g[t, 1, j] -= f * d1
            g[t, 2, j] -= f * d2
    return cost


@kernel
def linearise_angles(x, angles, limit, weight, g, rows):
    """Interior angles beyond their limits: adds to g, fills rows (t 6 a), d angle / d (first, last); 0 within."""
    cost = 0.0
    for t in range(len(x)):
        for a in range(len(angles)):
            i, v, j = angles[a, 0], angles[a, 1], angles[a, 2]
            for row in range(6):
                rows[t, row, a] = 0
            p0, p1, p2 = x[t, 0, i] - x[t, 0, v], x[t, 1, i] - x[t, 1, v], x[t, 2, i] - x[t, 2, v]
            q0, q1, q2 = x[t, 0, j] - x[t, 0, v], x[t, 1, j] - x[t, 1, v], x[t, 2, j] - x[t, 2, v]
            pp, qq = math.sqrt(p0 * p0 + p1 * p1 + p2 * p2), math.sqrt(q0 * q0 + q1 * q1 + q2 * q2)
            if pp < 1e-3 or qq < 1e-3:
                continue
            p0, p1, p2, q0, q1, q2 = p0 / pp, p1 / pp, p2 / pp, q0 / qq, q1 / qq, q2 / qq
            cosine = min(max(p0 * q0 + p1 * q1 + p2 * q2, -1.0), 1.0)
            angle = math.acos(cosine)
            r = min(angle - limit[a, 0], 0.0) + max(angle - limit[a, 1], 0.0)
            if r == 0:
                continue
            # At 0 and 180 degrees the direction of the gradient is undefined: let it fade there instead.
            s = math.sqrt(weight[a]) / max(math.sqrt(1 - cosine * cosine), 0.05)
            rows[t, 0, a] = s * (cosine * p0 - q0) / pp
            rows[t, 1, a] = s * (cosine * p1 - q1) / pp
            rows[t, 2, a] = s * (cosine * p2 - q2) / pp
            rows[t, 3, a] = s * (cosine * q0 - p0) / qq
            rows[t, 4, a] = s * (cosine * q1 - p1) / qq
            rows[t, 5, a] = s * (cosine * q2 - p2) / qq
            r *= math.sqrt(weight[a])
            cost += r * r
            for c in range(3):
                g[t, c, i] += r * rows[t, c, a]
                g[t, c, j] += r * rows[t, 3 + c, a]
                g[t, c, v] -= r * (rows[t, c, a] + rows[t, 3 + c, a])
    return cost


@kernel
def linearise_motion(x, weight, huber, g, w):
    """Second differences (Huber on their norm): adds to g, fills w (t k), 0 at both ends of the window."""
    n_times, _, n_points = x.shape
    two, huber2 = x.dtype.type(2), huber * huber
    cost = 0.0
    w[0] = 0
    w[n_times - 1] = 0
    for t in range(1, n_times - 1):
        for k in range(n_points):
            e0 = x[t - 1, 0, k] - two * x[t, 0, k] + x[t + 1, 0, k]
            e1 = x[t - 1, 1, k] - two * x[t, 1, k] + x[t + 1, 1, k]
            e2 = x[t - 1, 2, k] - two * x[t, 2, k] + x[t + 1, 2, k]
            size2 = (e0 * e0 + e1 * e1 + e2 * e2) * weight[k]
            q = math.sqrt(huber2 / max(size2, huber2))
            cost += size2 * q * (two - q)
            q *= weight[k]
            w[t, k] = q
            e0, e1, e2 = q * e0, q * e1, q * e2
            g[t - 1, 0, k] += e0
            g[t - 1, 1, k] += e1
            g[t - 1, 2, k] += e2
            g[t, 0, k] -= two * e0
            g[t, 1, k] -= two * e1
            g[t, 2, k] -= two * e2
            g[t + 1, 0, k] += e0
            g[t + 1, 1, k] += e1
            g[t + 1, 2, k] += e2
    return cost


@kernel
def add_coupling_blocks(pairs, pair_rows, angles, angle_rows, h):
    """Add the own blocks (not the mixed ones) of the rank-1 rows to h (t 6 k)."""
    for t in range(len(h)):
        for b in range(len(pairs)):
            u0, u1, u2 = pair_rows[t, 0, b], pair_rows[t, 1, b], pair_rows[t, 2, b]
            for s in range(2):
                _add_outer(h, t, pairs[b, s], u0, u1, u2)
        for a in range(len(angles)):
            u0, u1, u2 = angle_rows[t, 0, a], angle_rows[t, 1, a], angle_rows[t, 2, a]
            v0, v1, v2 = angle_rows[t, 3, a], angle_rows[t, 4, a], angle_rows[t, 5, a]
            if u0 * u0 + u1 * u1 + u2 * u2 > 0:
                _add_outer(h, t, angles[a, 0], u0, u1, u2)
                _add_outer(h, t, angles[a, 1], u0 + v0, u1 + v1, u2 + v2)
                _add_outer(h, t, angles[a, 2], v0, v1, v2)


@kernel
def _add_outer(h, t, k, u0, u1, u2):
    h[t, 0, k] += u0 * u0
    h[t, 1, k] += u0 * u1
    h[t, 2, k] += u0 * u2
    h[t, 3, k] += u1 * u1
    h[t, 4, k] += u1 * u2
    h[t, 5, k] += u2 * u2


@kernel
def product(h, w, pairs, pair_rows, angles, angle_rows, p, q):
    """q = A p for the whole normal matrix; returns p.q."""
    n_times, _, n_points = p.shape
    two = p.dtype.type(2)
    for t in range(n_times):
        for k in range(n_points):
            a, b, c = p[t, 0, k], p[t, 1, k], p[t, 2, k]
            q[t, 0, k] = h[t, 0, k] * a + h[t, 1, k] * b + h[t, 2, k] * c
            q[t, 1, k] = h[t, 1, k] * a + h[t, 3, k] * b + h[t, 4, k] * c
            q[t, 2, k] = h[t, 2, k] * a + h[t, 4, k] * b + h[t, 5, k] * c
        for b in range(len(pairs)):
            i, j = pairs[b, 0], pairs[b, 1]
            u0, u1, u2 = pair_rows[t, 0, b], pair_rows[t, 1, b], pair_rows[t, 2, b]
            s = u0 * (p[t, 0, i] - p[t, 0, j]) + u1 * (p[t, 1, i] - p[t, 1, j]) + u2 * (p[t, 2, i] - p[t, 2, j])
            q[t, 0, i] += s * u0
            q[t, 1, i] += s * u1
            q[t, 2, i] += s * u2
            q[t, 0, j] -= s * u0
            q[t, 1, j] -= s * u1
            q[t, 2, j] -= s * u2
        for a in range(len(angles)):
            i, v, j = angles[a, 0], angles[a, 1], angles[a, 2]
            s = angle_rows[t, 0, a] * 0
            for c in range(3):
                s += angle_rows[t, c, a] * (p[t, c, i] - p[t, c, v]) + angle_rows[t, 3 + c, a] * (
                    p[t, c, j] - p[t, c, v]
                )
            if s != 0:
                for c in range(3):
                    q[t, c, i] += s * angle_rows[t, c, a]
                    q[t, c, j] += s * angle_rows[t, 3 + c, a]
                    q[t, c, v] -= s * (angle_rows[t, c, a] + angle_rows[t, 3 + c, a])
    for t in range(1, n_times - 1):
        for c in range(3):
            for k in range(n_points):
                e = w[t, k] * (p[t - 1, c, k] - two * p[t, c, k] + p[t + 1, c, k])
                q[t - 1, c, k] += e
                q[t, c, k] -= two * e
                q[t + 1, c, k] += e
    dot = 0.0
    for t in range(n_times):
        for c in range(3):
            for k in range(n_points):
                dot += p[t, c, k] * q[t, c, k]
    return dot


@kernel
def _add_scaled(scale, x, y):
    for t in range(x.shape[0]):
        for c in range(3):
            for k in range(x.shape[2]):
                y[t, c, k] += scale * x[t, c, k]


@kernel
def _scale_and_add(x, scale, y):
    for t in range(x.shape[0]):
        for c in range(3):
            for k in range(x.shape[2]):
                y[t, c, k] = x[t, c, k] + scale * y[t, c, k]


@kernel
def _take_step(step, x):
    """Add the step, each point's limited to _MAX_STEP_M; returns the largest squared step."""
    largest = 0.0
    limit = x.dtype.type(_MAX_STEP_M)
    for t in range(x.shape[0]):
        for k in range(x.shape[2]):
            d0, d1, d2 = step[t, 0, k], step[t, 1, k], step[t, 2, k]
            size = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
            largest = max(largest, size)
            scale = limit / max(size, limit)
            x[t, 0, k] += scale * d0
            x[t, 1, k] += scale * d1
            x[t, 2, k] += scale * d2
    return largest


@kernel
def gauss_newton(
    poses, first, obs, x, pairs, length, pair_weight, angles, angle_limit, angle_weight, motion_weight,
    gates, damping, n_steps, n_cg, cg_tolerance, step_tolerance,
):  # fmt: skip
    """Improve x (t 3 k) in place; returns (steps taken, conjugate gradient steps, cost before the last step)."""
    n_times, _, n_points = x.shape
    kind = x.dtype
    h, blocks = np.empty((n_times, 6, n_points), kind), np.empty((n_times, 6, n_points), kind)
    g, step, z = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    p, q = np.empty_like(x), np.empty_like(x)
    w = np.empty((n_times, n_points), kind)
    pair_rows = np.empty((n_times, 3, len(pairs)), kind)
    angle_rows = np.empty((n_times, 6, len(angles)), kind)
    inv_pivot, lower = np.empty((n_times, 6, n_points), kind), np.empty((n_times, 9, n_points), kind)
    cost, inner, steps = 0.0, 0, 0
    for _ in range(n_steps):
        cost = linearise_views(poses, first, obs, x, gates[0], h, g)
        cost += linearise_pairs(x, pairs, length, pair_weight, gates[1], g, pair_rows)
        cost += linearise_angles(x, angles, angle_limit, angle_weight, g, angle_rows)
        cost += linearise_motion(x, motion_weight, gates[2], g, w)
        for t in range(n_times):
            for k in range(n_points):
                h[t, 0, k] += damping
                h[t, 3, k] += damping
                h[t, 5, k] += damping
        blocks[:] = h
        add_coupling_blocks(pairs, pair_rows, angles, angle_rows, blocks)
        banded.factor(blocks, w, inv_pivot, lower)
        for t in range(n_times):
            for c in range(3):
                for k in range(n_points):
                    g[t, c, k] = -g[t, c, k]
                    step[t, c, k] = 0
        rz = banded.solve(inv_pivot, lower, w, g, z)
        enough = rz * cg_tolerance * cg_tolerance
        p[:] = z
        for _ in range(n_cg):
            if not rz > 0:
                break
            alpha = rz / product(h, w, pairs, pair_rows, angles, angle_rows, p, q)
            _add_scaled(kind.type(alpha), p, step)
            _add_scaled(kind.type(-alpha), q, g)
            inner += 1
            rz_next = banded.solve(inv_pivot, lower, w, g, z)
            if rz_next < enough:
                break
            _scale_and_add(z, kind.type(rz_next / rz), p)
            rz = rz_next
        steps += 1
        if _take_step(step, x) < step_tolerance:
            break
    return steps, inner, cost
