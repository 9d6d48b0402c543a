"""Block-pentadiagonal systems in time with dense blocks: one pose of n unknowns per instant.

``A = blockdiag(H_t) + D' diag(w) D`` with ``D`` the second difference and a weight per unknown; the off-diagonal blocks
are diagonal. Time is linear in instants. ``w`` (t n) is the weight of the difference centred at t, 0 at both ends.
"""

import numpy as np

from mocap3d.solve.jit import kernel


@kernel
def factor(h, w, inv_pivot, lower):
    """Block LDL': h (t n n) -> inv_pivot (t n n), inverses of D; lower (t n n), first sub-diagonal of L.

    The second sub-diagonal of L is ``diag(w[t-1]) inv_pivot[t-2]``, not stored. Source: Golub and Van Loan, 4.5.1.
    """
    n_times, n, _ = h.shape
    m, product = np.zeros((n, n)), np.empty((n, n))
    pivot = np.empty((n, n))
    for t in range(n_times):
        pivot[:] = h[t]
        for i in range(n):
            before = w[t - 1, i] if t > 0 else 0.0
            after = w[t + 1, i] if t + 1 < n_times else 0.0
            pivot[i, i] += before + 4 * w[t, i] + after
        if t >= 2:
            for i in range(n):
                for j in range(n):
                    pivot[i, j] -= w[t - 1, i] * inv_pivot[t - 2, i, j] * w[t - 1, j]
        if t >= 1:
            m[:] = 0
            if t >= 2:  # minus (block t,t-2) times (block t-1,t-2 of L)'
                for i in range(n):
                    for j in range(n):
                        m[i, j] = -w[t - 1, i] * lower[t - 1, j, i]
            for i in range(n):
                m[i, i] -= 2 * (w[t - 1, i] + w[t, i])
            np.dot(m, inv_pivot[t - 1], lower[t])
            np.dot(lower[t], m.T, product)
            for i in range(n):
                for j in range(n):
                    pivot[i, j] -= product[i, j]
        inv_pivot[t] = np.linalg.inv(pivot)
        for i in range(n):
            for j in range(i):
                inv_pivot[t, i, j] = inv_pivot[t, j, i] = 0.5 * (inv_pivot[t, i, j] + inv_pivot[t, j, i])


@kernel
def solve(inv_pivot, lower, w, r, z):
    """z = A^-1 r for r, z (t n m) of m right-hand sides, from :func:`factor`."""
    n_times, n, n_sides = r.shape
    part = np.empty((n, n_sides))
    y = np.empty((2, n, n_sides))
    for t in range(n_times):
        now = y[t & 1]
        now[:] = r[t]
        if t > 0:
            np.dot(lower[t], y[1 - (t & 1)], part)
            now -= part
        if t > 1:
            for i in range(n):
                for s in range(n_sides):
                    now[i, s] -= w[t - 1, i] * z[t - 2, i, s]
        np.dot(inv_pivot[t], now, z[t])
    for t in range(n_times - 2, -1, -1):
        np.dot(lower[t + 1].T, z[t + 1], part)
        z[t] -= part
        if t + 2 < n_times:
            for i in range(n):
                for s in range(n_sides):
                    now = y[0]
                    now[i, s] = w[t + 1, i] * z[t + 2, i, s]
            np.dot(inv_pivot[t], y[0], part)
            z[t] -= part


@kernel
def marginals(inv_pivot, lower, w, cov):
    """cov (t n n): the diagonal blocks of A^-1, from :func:`factor` by Takahashi's recursion (1973)."""
    n_times, n, _ = inv_pivot.shape
    second, part = np.zeros((n, n)), np.empty((n, n))
    after_next = np.zeros((n, n))  # Z[t+2, t+1]
    next_here, after_here = np.empty((n, n)), np.empty((n, n))
    for t in range(n_times - 1, -1, -1):
        cov[t] = inv_pivot[t]
        if t + 1 == n_times:
            continue
        np.dot(cov[t + 1], lower[t + 1], next_here)
        if t + 2 < n_times:
            for i in range(n):
                for j in range(n):
                    second[i, j] = w[t + 1, i] * inv_pivot[t, i, j]
            np.dot(after_next.T, second, part)
            next_here += part
            np.dot(after_next, lower[t + 1], after_here)
            np.dot(cov[t + 2], second, part)
            after_here += part
            np.dot(second.T, after_here, part)
            cov[t] += part
        np.dot(lower[t + 1].T, next_here, part)
        cov[t] += part
        next_here *= -1
        after_next[:] = next_here
        # Rounding makes it a little unsymmetric, and that part would grow from step to step.
        for i in range(n):
            for j in range(i):
                cov[t, i, j] = cov[t, j, i] = 0.5 * (cov[t, i, j] + cov[t, j, i])
