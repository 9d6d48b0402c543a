"""The block-pentadiagonal solver against numpy on the dense matrix."""

import numpy as np
import pytest

from mocap3d.solve import banded


def dense(h: np.ndarray, w: np.ndarray, k: int) -> np.ndarray:
    """The matrix of point k, (3t 3t), written out."""
    n = len(h)
    matrix = np.zeros((n, 3, n, 3))
    second = np.zeros((n, n))
    for t in range(1, n - 1):
        second[t, t - 1 : t + 2] = 1, -2, 1
    chain = second.T @ np.diag(w[:, k]) @ second
    for i in range(3):
        matrix[:, i, :, i] += chain
    for t in range(n):
        a, b, c, d, e, f = h[t, :, k]
        matrix[t, :, t, :] += np.array([[a, b, c], [b, d, e], [c, e, f]])
    return matrix.reshape(3 * n, 3 * n)


@pytest.fixture(params=[1, 2, 3, 40, 250])
def system(request):
    rng = np.random.default_rng(request.param)
    n, k = request.param, 3
    root = rng.normal(size=(n, k, 3, 3))
    full = np.einsum("tkij,tklj->tkil", root, root)
    full[n // 2, 0] = 1e-3 * np.eye(3)  # an instant that is hardly seen
    h = np.stack([full[..., i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], 1)
    w = rng.uniform(0.1, 30, (n, k))
    w[[0, -1]] = 0
    inv_pivot, lower = np.empty((n, 6, k)), np.empty((n, 9, k))
    banded.factor(h, w, inv_pivot, lower)
    return h, w, inv_pivot, lower


def test_solves_the_system(system):
    h, w, inv_pivot, lower = system
    r = np.random.default_rng(0).normal(size=(len(h), 3, h.shape[2]))
    z = np.empty_like(r)
    dot = banded.solve(inv_pivot, lower, w, r, z)
    for k in range(h.shape[2]):
        expected = np.linalg.solve(dense(h, w, k), r[:, :, k].ravel())
        np.testing.assert_allclose(z[:, :, k].ravel(), expected, rtol=1e-8, atol=1e-10)
    assert dot == pytest.approx((r * z).sum())


def test_marginals_are_the_diagonal_blocks_of_the_inverse(system):
    h, w, inv_pivot, lower = system
    cov = np.empty_like(h)
    banded.marginals(inv_pivot, lower, w, cov)
    for k in range(h.shape[2]):
        n = len(h)
        inverse = np.linalg.inv(dense(h, w, k)).reshape(n, 3, n, 3)
        for t in range(n):
            block = inverse[t, :, t, :]
            expected = block[[0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
            np.testing.assert_allclose(cov[t, :, k], expected, rtol=1e-7, atol=1e-10)
