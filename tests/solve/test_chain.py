"""The block-pentadiagonal solver against dense algebra."""

import numpy as np
import pytest

from mocap3d.solve import chain

SIZES = [(1, 3), (2, 4), (3, 2), (9, 5)]


def _system(n_times: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blocks h (t n n), weights w (t n), and the whole matrix they stand for."""
    rng = np.random.default_rng(n_times)
    half = rng.normal(size=(n_times, n, n))
    h, w = half @ half.transpose(0, 2, 1) + np.eye(n), rng.uniform(0.1, 30, (n_times, n))
    w[[0, -1]] = 0
    dense = np.zeros((n_times, n, n_times, n))
    for t in range(n_times):
        dense[t, :, t] = h[t]
    for t in range(1, n_times - 1):
        for i in range(n):
            row = np.zeros((n_times, n))
            row[t - 1 : t + 2, i] = 1, -2, 1
            dense += w[t, i] * np.multiply.outer(row, row)
    return h, w, dense.reshape(n_times * n, n_times * n)


@pytest.mark.parametrize(("n_times", "n"), SIZES)
def test_solves_like_a_dense_solver(n_times, n):
    h, w, dense = _system(n_times, n)
    inv_pivot, lower = np.empty_like(h), np.zeros_like(h)
    chain.factor(h, w, inv_pivot, lower)
    r = np.random.default_rng(1).normal(size=(n_times, n, 3))
    z = np.empty_like(r)
    chain.solve(inv_pivot, lower, w, r, z)
    assert np.allclose(z.reshape(-1, 3), np.linalg.solve(dense, r.reshape(-1, 3)), atol=1e-10)


@pytest.mark.parametrize(("n_times", "n"), SIZES)
def test_marginals_are_the_diagonal_blocks_of_the_inverse(n_times, n):
    h, w, dense = _system(n_times, n)
    inv_pivot, lower, cov = np.empty_like(h), np.zeros_like(h), np.empty_like(h)
    chain.factor(h, w, inv_pivot, lower)
    chain.marginals(inv_pivot, lower, w, cov)
    inverse = np.linalg.inv(dense).reshape(n_times, n, n_times, n)
    assert np.allclose(cov, np.stack([inverse[t, :, t] for t in range(n_times)]), atol=1e-10)
