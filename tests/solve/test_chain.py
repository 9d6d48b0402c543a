"""The block-pentadiagonal solver against dense algebra."""

import numpy as np
import pytest

from mocap3d.solve import chain

SIZES = [(1, 3), (2, 4), (3, 2), (9, 5)]


def _system(n_times: int, n: int, heavier: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blocks h (t n n), weights w (t n), and the whole matrix they stand for."""
    rng = np.random.default_rng(n_times)
    half = rng.normal(size=(n_times, n, n))
    h, w = half @ half.transpose(0, 2, 1) + np.eye(n), heavier * rng.uniform(0.1, 30, (n_times, n))
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


@pytest.mark.parametrize("n_sides", [1, 3])
@pytest.mark.parametrize(("n_times", "n"), SIZES)
def test_solves_like_a_dense_solver(n_times, n, n_sides):
    h, w, dense = _system(n_times, n)
    inv_pivot, lower = np.empty_like(h), np.zeros_like(h)
    chain.factor(h, w, inv_pivot, lower)
    r = np.random.default_rng(1).normal(size=(n_times, n, n_sides))
    z = np.empty_like(r)
    chain.solve(inv_pivot, lower, w, r, z)
    assert np.allclose(z.reshape(-1, n_sides), np.linalg.solve(dense, r.reshape(-1, n_sides)), atol=1e-10)


@pytest.mark.parametrize(("n_times", "n"), SIZES)
def test_marginals_are_the_diagonal_blocks_of_the_inverse(n_times, n):
    h, w, dense = _system(n_times, n)
    inv_pivot, lower, cov = np.empty_like(h), np.zeros_like(h), np.empty_like(h)
    chain.factor(h, w, inv_pivot, lower)
    chain.marginals(inv_pivot, lower, w, cov)
    inverse = np.linalg.inv(dense).reshape(n_times, n, n_times, n)
    assert np.allclose(cov, np.stack([inverse[t, :, t] for t in range(n_times)]), atol=1e-10)


def test_a_body_that_is_hardly_held_is_solved_as_exactly_as_by_a_dense_solver():
    """Accelerations weigh a million times what instants tell, as in a gap. Measured: 8e-10 against 10e-10."""
    h, w, dense = _system(12, 43, heavier=1e6)
    inv_pivot, lower = np.empty_like(h), np.zeros_like(h)
    chain.factor(h, w, inv_pivot, lower)
    truth = np.random.default_rng(1).normal(size=(12, 43, 1))
    r, z = (dense @ truth.ravel()).reshape(truth.shape), np.empty_like(truth)
    chain.solve(inv_pivot, lower, w, r, z)
    own, other = np.abs(z - truth).max(), np.abs(np.linalg.solve(dense, r.ravel()) - truth.ravel()).max()
    assert own < 10 * other


def test_inner_sums_over_instants():
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=(4, 3, 6)) * (rng.random((4, 3, 6)) < 0.3), rng.normal(size=(4, 3, 2))
    assert np.allclose(chain.inner(left, right), np.tensordot(left, right, axes=((0, 1), (0, 1))), atol=1e-12)
