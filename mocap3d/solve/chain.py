"""Block-pentadiagonal systems in time with dense blocks: one pose of n unknowns per instant.

``A = blockdiag(H_t) + D' diag(w) D`` with ``D`` the second difference and a weight per unknown; the off-diagonal blocks
are diagonal. Time is linear in instants. ``w`` (t n) is the weight of the difference centred at t, 0 at both ends.
"""

import numpy as np

from mocap3d.solve.jit import inlined, kernel


@kernel
def factor(h, w, inv_pivot, lower):
    """Block LDL': h (t n n) -> inv_pivot (t n n), inverses of D; lower (t n n), first sub-diagonal of L.

    The second sub-diagonal of L is ``diag(w[t-1]) inv_pivot[t-2]``, not stored. Source: Golub and Van Loan, 4.5.1.
    """
    n_times, n, _ = h.shape
    even = n + n % 2
    pivot, pair, scaled = np.zeros((even, even)), np.empty((2, even)), np.empty((2, even))
    beside, product = np.zeros((n, n)), np.empty((n, n))  # beside: block (t-1, t) of what is left to factorise
    for t in range(n_times):
        for i in range(n):
            for j in range(i + 1):
                pivot[i, j] = h[t, i, j]
            before = w[t - 1, i] if t > 0 else 0.0
            after = w[t + 1, i] if t + 1 < n_times else 0.0
            pivot[i, i] += before + 4 * w[t, i] + after
        if t >= 2:  # minus (block t-1,t-2 of L) times (block t-2,t), which is diagonal
            for i in range(n):
                for j in range(i + 1):
                    pivot[i, j] -= w[t - 1, i] * inv_pivot[t - 2, i, j] * w[t - 1, j]
                for j in range(n):
                    beside[i, j] = -lower[t - 1, i, j] * w[t - 1, j]
        if t >= 1:
            for i in range(n):
                beside[i, i] -= 2 * (w[t - 1, i] + w[t, i])
            np.dot(beside.T, inv_pivot[t - 1], lower[t])
            np.dot(lower[t], beside, product)
            for i in range(n):
                for j in range(i + 1):
                    pivot[i, j] -= product[i, j]
        if even > n:
            pivot[n, n] = 1
        _sweep(pivot, pair, scaled)
        for i in range(n):
            for j in range(i + 1):
                inv_pivot[t, i, j] = inv_pivot[t, j, i] = -pivot[i, j]


@inlined
def _sweep(a, pair, scaled):
    """Minus the inverse, in place, of a positive definite matrix of even size; lower triangles only.

    Three times as fast as LAPACK at a body's size. Two pivots at a time, so that a row is read half as often; pair and
    scaled (2 n) are room to work in. Source: Goodnight, A tutorial on the SWEEP operator (1979).
    """
    n = len(a)
    for k in range(0, n, 2):
        scale = 1 / (a[k, k] * a[k + 1, k + 1] - a[k + 1, k] * a[k + 1, k])
        i00, i10, i11 = scale * a[k + 1, k + 1], -scale * a[k + 1, k], scale * a[k, k]
        for j in range(k):
            pair[0, j], pair[1, j] = a[k, j], a[k + 1, j]
        pair[:, k : k + 2] = 0
        for i in range(k + 2, n):
            pair[0, i], pair[1, i] = a[i, k], a[i, k + 1]
        for i in range(n):
            scaled[0, i] = i00 * pair[0, i] + i10 * pair[1, i]
            scaled[1, i] = i10 * pair[0, i] + i11 * pair[1, i]
        for i in range(n):
            first, second = scaled[0, i], scaled[1, i]
            for j in range(i + 1):
                a[i, j] -= first * pair[0, j] + second * pair[1, j]
        for j in range(k):
            a[k, j], a[k + 1, j] = scaled[0, j], scaled[1, j]
        for i in range(k + 2, n):
            a[i, k], a[i, k + 1] = scaled[0, i], scaled[1, i]
        a[k, k], a[k + 1, k], a[k + 1, k + 1] = -i00, -i10, -i11


@inlined
def _times(a, x, out):
    """out = a x; for one right-hand side a plain loop, since starting BLAS takes longer than multiplying."""
    if x.shape[1] > 1:
        np.dot(a, x, out)
        return
    for i in range(len(a)):
        total = 0.0
        for j in range(len(a)):
            total += a[i, j] * x[j, 0]
        out[i, 0] = total


@kernel
def solve(inv_pivot, lower, w, r, z):
    """z = A^-1 r for r, z (t n m) of m right-hand sides, from :func:`factor`."""
    n_times, n, n_sides = r.shape
    part, weighted = np.empty((n, n_sides)), np.empty((n, n_sides))
    over_pivot = np.zeros((2, n, n_sides))
    for t in range(n_times):  # z = L^-1 r
        z[t] = r[t]
        if t > 0:
            _times(lower[t], z[t - 1], part)
            z[t] -= part
        if t > 1:
            for i in range(n):
                for s in range(n_sides):
                    z[t, i, s] -= w[t - 1, i] * over_pivot[t & 1, i, s]
        _times(inv_pivot[t], z[t], over_pivot[t & 1])
    for t in range(n_times - 1, -1, -1):  # and from what is known after t: L' is inv_pivot times what it was made of
        if t + 1 < n_times:
            for i in range(n):
                for s in range(n_sides):
                    weighted[i, s] = w[t, i] * z[t + 1, i, s]
                    z[t, i, s] += 2 * (w[t, i] + w[t + 1, i]) * z[t + 1, i, s]
        if 0 < t < n_times - 1:
            _times(lower[t], weighted, part)
            z[t] += part
        if t + 2 < n_times:
            for i in range(n):
                for s in range(n_sides):
                    z[t, i, s] -= w[t + 1, i] * z[t + 2, i, s]
        _times(inv_pivot[t], z[t], part)
        z[t] = part


@kernel
def inner(left, right):
    """(m s): left' right summed over instants, for left (t n m), most of which is zero, and right (t n s).

    A plain loop: it skips the zeros, and BLAS would wake threads that wait for work at the cost of whole processors.
    """
    n_times, n, m = left.shape
    n_sides = right.shape[2]
    out = np.zeros((m, n_sides))
    for t in range(n_times):
        for i in range(n):
            for a in range(m):
                if left[t, i, a] != 0:
                    for s in range(n_sides):
                        out[a, s] += left[t, i, a] * right[t, i, s]
    return out


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
