"""How far what moves with a tree may be off, from the covariance of its degrees of freedom."""

import numpy as np

from mocap3d.solve.jit import kernel


@kernel
def covariances(moves, cov, out):
    """out (t b 3 3): ``J C J'`` of each block of three rows J of moves (t b 3 n), for C of cov (t n n).

    A joint moves only with those above it, so that most of J is zero and a plain loop is twice as fast as BLAS.
    """
    n_times, n_blocks, _, n = moves.shape
    which, rows = np.empty(n, np.int64), np.empty((3, n))
    for t in range(n_times):
        for b in range(n_blocks):
            count = 0
            for c in range(n):
                x, y, z = moves[t, b, 0, c], moves[t, b, 1, c], moves[t, b, 2, c]
                if x != 0 or y != 0 or z != 0:
                    which[count] = c
                    rows[0, count], rows[1, count], rows[2, count] = x, y, z
                    count += 1
            out[t, b] = 0
            for i in range(count):
                x = y = z = 0.0
                for k in range(count):
                    value = cov[t, which[i], which[k]]
                    x, y, z = x + value * rows[0, k], y + value * rows[1, k], z + value * rows[2, k]
                for a in range(3):
                    out[t, b, a, 0] += rows[a, i] * x
                    out[t, b, a, 1] += rows[a, i] * y
                    out[t, b, a, 2] += rows[a, i] * z
