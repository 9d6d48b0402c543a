"""Marginal covariances of coupled chains against the dense inverse of the whole system."""

import numpy as np
import pytest

from mocap3d.solve import banded, coupling, response

PAIRS = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3), (3, 4), (4, 5)]


def test_elimination_covers_every_fill():
    order = coupling.elimination(6, PAIRS)
    place = {int(k): n for n, k in enumerate(order.order)}
    for step, point in enumerate(order.order):
        later = order.neighbour[order.start[step] : order.start[step + 1]]
        assert all(place[int(k)] > step for k in later)
        touched = {j for i, j in PAIRS if i == point} | {i for i, j in PAIRS if j == point}
        assert {k for k in touched if place[k] > step} <= set(later.tolist())


def _scene(n_times: int, changing: bool):
    rng = np.random.default_rng(3)
    n_points = 6
    root = rng.normal(size=(n_points, 3, 3))
    info = 4e3 * (np.einsum("kij,klj->kil", root, root) + 0.3 * np.eye(3))
    h = np.stack([info[:, i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], 0)[None].repeat(
        n_times, 0
    )
    if changing:
        h = h * rng.uniform(0.5, 1.5, (n_times, 1, n_points))
    weight = np.array([1e4, 3e5, 3e4, 1e5, 3e3, 1e4])
    w = np.tile(weight, (n_times, 1))
    w[[0, -1]] = 0
    unit = rng.normal(size=(3, len(PAIRS)))
    rows = np.tile(unit / np.linalg.norm(unit, axis=0) / 0.003, (n_times, 1, 1))
    return h, w, weight, rows


def _dense_marginals(h, w, rows, at):
    n_times, _, n_points = h.shape
    second = np.diff(np.eye(n_times), 2, axis=0)
    matrix = np.zeros((n_times, n_points, 3, n_times, n_points, 3))
    for k in range(n_points):
        chain = second.T @ np.diag(w[1:-1, k]) @ second
        for i in range(3):
            matrix[:, k, i, :, k, i] += chain
    for t in range(n_times):
        for k in range(n_points):
            a, b, c, d, e, f = h[t, :, k]
            matrix[t, k, :, t, k, :] += np.array([[a, b, c], [b, d, e], [c, e, f]])
        for n, (i, j) in enumerate(PAIRS):
            outer = np.outer(rows[t, :, n], rows[t, :, n])
            for p, q, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
                matrix[t, p, :, t, q, :] += sign * outer
    size = n_times * n_points * 3
    inverse = np.linalg.inv(matrix.reshape(size, size)).reshape(matrix.shape)
    return np.stack([inverse[at, k, :, at, k, :] for k in range(n_points)])


def _coupled(h, w, weight, rows):
    n_times, _, n_points = h.shape
    inv_pivot, lower = np.empty_like(h), np.empty((n_times, 9, n_points))
    banded.factor(h, w, inv_pivot, lower)
    alone, cov = np.empty_like(h), np.empty_like(h)
    banded.marginals(inv_pivot, lower, w, alone)
    order = coupling.elimination(n_points, PAIRS)
    shifts, coefficients = response.rational(-4, 3)
    args = alone, weight, np.array(PAIRS), rows, order.order, order.start, order.neighbour, shifts, coefficients
    coupling.coupled_marginals(*args, *response.table(), 4, cov)
    return cov


@pytest.mark.parametrize(("changing", "bound"), [(False, 0.05), (True, 0.1)])
def test_covariances_match_the_dense_inverse(changing, bound):
    """Largest relative error of a standard deviation; measured 0.005 and 0.05."""
    h, w, weight, rows = _scene(61, changing)
    cov = _coupled(h, w, weight, rows)
    for at in (28, 30):
        exact = _dense_marginals(h, w, rows, at)
        for k in range(6):
            a, b, c, d, e, f = cov[at, :, k]
            ours = np.array([[a, b, c], [b, d, e], [c, e, f]])
            ratio = np.sqrt(np.linalg.eigvals(np.linalg.solve(exact[k], ours)).real)
            assert np.abs(ratio - 1).max() < bound, (k, ratio)
