"""Block-pentadiagonal systems in time, one per point: what a per-instant 3x3 term and an acceleration prior make.

``A = blockdiag(H_t) + D' diag(w) D`` with ``D`` the second difference; the off-diagonal blocks are multiples of the
identity. All points are factorised side by side (k innermost), in time linear in the number of instants.

Symmetric 3x3 blocks are stored as xx xy xz yy yz zz, general ones row by row. ``w`` (t k) is the weight of the second
difference centred at t, 0 at both ends.
"""

import numpy as np

from mocap3d.solve.jit import kernel


@kernel
def factor(h, w, inv_pivot, lower):
    """Block LDL': h (t 6 k), w (t k) -> inv_pivot (t 6 k), inverses of D; lower (t 9 k), the first sub-diagonal of L.

    The second sub-diagonal of L is ``w[t-1] inv_pivot[t-2]`` and is not stored. Source: Golub and Van Loan, 4.5.1.
    """
    n_times, _, n_points = h.shape
    for t in range(n_times):
        for k in range(n_points):
            here = w[t, k]
            before = w[t - 1, k] if t > 0 else here * 0
            after = w[t + 1, k] if t + 1 < n_times else here * 0
            diagonal = before + 4 * here + after
            d0, d1, d2 = h[t, 0, k] + diagonal, h[t, 1, k], h[t, 2, k]
            d3, d4, d5 = h[t, 3, k] + diagonal, h[t, 4, k], h[t, 5, k] + diagonal
            if t >= 2:
                b2 = before * before
                d0 -= b2 * inv_pivot[t - 2, 0, k]
                d1 -= b2 * inv_pivot[t - 2, 1, k]
                d2 -= b2 * inv_pivot[t - 2, 2, k]
                d3 -= b2 * inv_pivot[t - 2, 3, k]
                d4 -= b2 * inv_pivot[t - 2, 4, k]
                d5 -= b2 * inv_pivot[t - 2, 5, k]
            if t >= 1:
                off = -2 * (before + here)
                m00, m11, m22 = off, off, off
                m01 = m02 = m10 = m12 = m20 = m21 = off * 0
                if t >= 2:  # minus (block t,t-2) times (block t-1,t-2 of L)'
                    m00 -= before * lower[t - 1, 0, k]
                    m10 -= before * lower[t - 1, 1, k]
                    m20 -= before * lower[t - 1, 2, k]
                    m01 -= before * lower[t - 1, 3, k]
                    m11 -= before * lower[t - 1, 4, k]
                    m21 -= before * lower[t - 1, 5, k]
                    m02 -= before * lower[t - 1, 6, k]
                    m12 -= before * lower[t - 1, 7, k]
                    m22 -= before * lower[t - 1, 8, k]
                i0, i1, i2 = inv_pivot[t - 1, 0, k], inv_pivot[t - 1, 1, k], inv_pivot[t - 1, 2, k]
                i3, i4, i5 = inv_pivot[t - 1, 3, k], inv_pivot[t - 1, 4, k], inv_pivot[t - 1, 5, k]
                l00, l01, l02 = (
                    m00 * i0 + m01 * i1 + m02 * i2,
                    m00 * i1 + m01 * i3 + m02 * i4,
                    m00 * i2 + m01 * i4 + m02 * i5,
                )
                l10, l11, l12 = (
                    m10 * i0 + m11 * i1 + m12 * i2,
                    m10 * i1 + m11 * i3 + m12 * i4,
                    m10 * i2 + m11 * i4 + m12 * i5,
                )
                l20, l21, l22 = (
                    m20 * i0 + m21 * i1 + m22 * i2,
                    m20 * i1 + m21 * i3 + m22 * i4,
                    m20 * i2 + m21 * i4 + m22 * i5,
                )
                lower[t, 0, k], lower[t, 1, k], lower[t, 2, k] = l00, l01, l02
                lower[t, 3, k], lower[t, 4, k], lower[t, 5, k] = l10, l11, l12
                lower[t, 6, k], lower[t, 7, k], lower[t, 8, k] = l20, l21, l22
                d0 -= l00 * m00 + l01 * m01 + l02 * m02
                d1 -= l00 * m10 + l01 * m11 + l02 * m12
                d2 -= l00 * m20 + l01 * m21 + l02 * m22
                d3 -= l10 * m10 + l11 * m11 + l12 * m12
                d4 -= l10 * m20 + l11 * m21 + l12 * m22
                d5 -= l20 * m20 + l21 * m21 + l22 * m22
            c0, c1, c2 = d3 * d5 - d4 * d4, d2 * d4 - d1 * d5, d1 * d4 - d2 * d3
            i = 1 / (d0 * c0 + d1 * c1 + d2 * c2)
            inv_pivot[t, 0, k], inv_pivot[t, 1, k], inv_pivot[t, 2, k] = c0 * i, c1 * i, c2 * i
            inv_pivot[t, 3, k] = (d0 * d5 - d2 * d2) * i
            inv_pivot[t, 4, k] = (d1 * d2 - d0 * d4) * i
            inv_pivot[t, 5, k] = (d0 * d3 - d1 * d1) * i


@kernel
def solve(inv_pivot, lower, w, r, z):
    """z = A^-1 r for r, z (t 3 k), from :func:`factor`; returns r.z, which conjugate gradients want."""
    n_times, _, n_points = r.shape
    y = np.zeros((2, 3, n_points), r.dtype)
    for t in range(n_times):
        now, then = t & 1, 1 - (t & 1)
        for k in range(n_points):
            y0, y1, y2 = r[t, 0, k], r[t, 1, k], r[t, 2, k]
            if t > 0:
                a, b, c = y[then, 0, k], y[then, 1, k], y[then, 2, k]
                y0 -= lower[t, 0, k] * a + lower[t, 1, k] * b + lower[t, 2, k] * c
                y1 -= lower[t, 3, k] * a + lower[t, 4, k] * b + lower[t, 5, k] * c
                y2 -= lower[t, 6, k] * a + lower[t, 7, k] * b + lower[t, 8, k] * c
            if t > 1:
                before = w[t - 1, k]
                y0 -= before * z[t - 2, 0, k]
                y1 -= before * z[t - 2, 1, k]
                y2 -= before * z[t - 2, 2, k]
            y[now, 0, k], y[now, 1, k], y[now, 2, k] = y0, y1, y2
            z[t, 0, k] = inv_pivot[t, 0, k] * y0 + inv_pivot[t, 1, k] * y1 + inv_pivot[t, 2, k] * y2
            z[t, 1, k] = inv_pivot[t, 1, k] * y0 + inv_pivot[t, 3, k] * y1 + inv_pivot[t, 4, k] * y2
            z[t, 2, k] = inv_pivot[t, 2, k] * y0 + inv_pivot[t, 4, k] * y1 + inv_pivot[t, 5, k] * y2
    dot = 0.0
    for t in range(n_times - 1, -1, -1):
        for k in range(n_points):
            z0, z1, z2 = z[t, 0, k], z[t, 1, k], z[t, 2, k]
            if t + 1 < n_times:
                a, b, c = z[t + 1, 0, k], z[t + 1, 1, k], z[t + 1, 2, k]
                z0 -= lower[t + 1, 0, k] * a + lower[t + 1, 3, k] * b + lower[t + 1, 6, k] * c
                z1 -= lower[t + 1, 1, k] * a + lower[t + 1, 4, k] * b + lower[t + 1, 7, k] * c
                z2 -= lower[t + 1, 2, k] * a + lower[t + 1, 5, k] * b + lower[t + 1, 8, k] * c
            if t + 2 < n_times:
                after = w[t + 1, k]
                a, b, c = after * z[t + 2, 0, k], after * z[t + 2, 1, k], after * z[t + 2, 2, k]
                z0 -= inv_pivot[t, 0, k] * a + inv_pivot[t, 1, k] * b + inv_pivot[t, 2, k] * c
                z1 -= inv_pivot[t, 1, k] * a + inv_pivot[t, 3, k] * b + inv_pivot[t, 4, k] * c
                z2 -= inv_pivot[t, 2, k] * a + inv_pivot[t, 4, k] * b + inv_pivot[t, 5, k] * c
            z[t, 0, k], z[t, 1, k], z[t, 2, k] = z0, z1, z2
            dot += r[t, 0, k] * z0 + r[t, 1, k] * z1 + r[t, 2, k] * z2
    return dot


@kernel
def marginals(inv_pivot, lower, w, cov):
    """cov (t 6 k): the diagonal blocks of A^-1, from :func:`factor` by Takahashi's recursion (1973)."""
    n_times, _, n_points = inv_pivot.shape
    here, next_here, next_next = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    after_next, after_here = np.empty((3, 3)), np.empty((3, 3))
    l1, l2 = np.empty((3, 3)), np.empty((3, 3))
    for k in range(n_points):
        next_next[:] = 0  # Z[t+1, t+1]
        after_next[:] = 0  # Z[t+2, t+1]
        after_after = np.zeros((3, 3))  # Z[t+2, t+2]
        for t in range(n_times - 1, -1, -1):
            has1, has2 = t + 1 < n_times, t + 2 < n_times
            for i in range(3):
                for j in range(3):
                    l1[i, j] = lower[t + 1, 3 * i + j, k] if has1 else 0.0
            scale = w[t + 1, k] if has2 else 0.0
            _symmetric(inv_pivot, t, k, here)
            for i in range(3):
                for j in range(3):
                    l2[i, j] = scale * here[i, j]
            for i in range(3):
                for j in range(3):
                    a = b = 0.0
                    for m in range(3):
                        a -= next_next[i, m] * l1[m, j] + after_next[m, i] * l2[m, j]
                        b -= after_next[i, m] * l1[m, j] + after_after[i, m] * l2[m, j]
                    next_here[i, j] = a
                    after_here[i, j] = b
            for i in range(3):
                for j in range(3):
                    for m in range(3):
                        here[i, j] -= l1[m, i] * next_here[m, j] + l2[m, i] * after_here[m, j]
            # Rounding makes it a little unsymmetric, and that part would grow from step to step.
            for i in range(3):
                for j in range(i):
                    here[i, j] = here[j, i] = 0.5 * (here[i, j] + here[j, i])
            cov[t, 0, k], cov[t, 1, k], cov[t, 2, k] = here[0, 0], here[0, 1], here[0, 2]
            cov[t, 3, k], cov[t, 4, k], cov[t, 5, k] = here[1, 1], here[1, 2], here[2, 2]
            after_after[:] = next_next
            next_next[:] = here
            after_next[:] = next_here


@kernel
def _symmetric(blocks, t, k, out):
    out[0, 0], out[0, 1], out[0, 2] = blocks[t, 0, k], blocks[t, 1, k], blocks[t, 2, k]
    out[1, 0], out[1, 1], out[1, 2] = blocks[t, 1, k], blocks[t, 3, k], blocks[t, 4, k]
    out[2, 0], out[2, 1], out[2, 2] = blocks[t, 2, k], blocks[t, 4, k], blocks[t, 5, k]
