"""Marginal covariances of points that are coupled within an instant (distances) and along time (acceleration prior).

Exact where nothing is coupled within the instant, and where the situation does not change over a smoothing length:
each point's own chain is replaced by the stationary information that gives the same marginal, and the coupled problem
is then ``F`` of one sparse matrix (``response``), whose selected inverse block elimination finds, in a fixed order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocap3d.solve.jit import kernel


@dataclass(frozen=True, slots=True, eq=False)
class Elimination:
    """In which order to eliminate points, and which later points each one then touches."""

    order: np.ndarray
    """(k): the point eliminated at each step."""
    start: np.ndarray
    """(k + 1): where each step's neighbours begin in ``neighbour``."""
    neighbour: np.ndarray
    """Points, all eliminated later."""


def elimination(n_points: int, pairs: Sequence[tuple[int, int]]) -> Elimination:
    """Minimum-degree order of the graph of pairs, with its fill (George and Liu, 1989)."""
    touching: list[set[int]] = [set() for _ in range(n_points)]
    for i, j in pairs:
        touching[i].add(j)
        touching[j].add(i)
    left = set(range(n_points))
    order, start, neighbour = [], [0], []
    while left:
        point = min(left, key=lambda k: (len(touching[k]), k))
        later = sorted(touching[point])
        for i in later:
            touching[i] |= set(later) - {i}
            touching[i].discard(point)
        left.discard(point)
        order.append(point)
        neighbour += later
        start.append(len(neighbour))
    return Elimination(np.array(order), np.array(start), np.array(neighbour, np.int64))


@kernel
def _invert3(a, out):
    """Inverse of a symmetric positive 3x3 matrix."""
    c0, c1, c2 = (
        a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1],
        a[0, 2] * a[2, 1] - a[0, 1] * a[2, 2],
        a[0, 1] * a[1, 2] - a[0, 2] * a[1, 1],
    )
    i = 1 / (a[0, 0] * c0 + a[0, 1] * c1 + a[0, 2] * c2)
    out[0, 0], out[0, 1], out[0, 2] = c0 * i, c1 * i, c2 * i
    out[1, 0], out[1, 1], out[1, 2] = (
        c1 * i,
        (a[0, 0] * a[2, 2] - a[0, 2] * a[0, 2]) * i,
        (a[0, 1] * a[0, 2] - a[0, 0] * a[1, 2]) * i,
    )
    out[2, 0], out[2, 1], out[2, 2] = c2 * i, out[1, 2], (a[0, 0] * a[1, 1] - a[0, 1] * a[0, 1]) * i


@kernel
def _selected_inverse(a, order, start, neighbour, pivot, lower):
    """Overwrite the blocks of a (k k 3 3) on the diagonal and the fill pattern with those of its inverse."""
    n = len(order)
    total = np.empty((3, 3))
    for step in range(n):
        i = order[step]
        _invert3(a[i, i], pivot[i])
        for s in range(start[step], start[step + 1]):
            j = neighbour[s]
            for r in range(3):
                for c in range(3):
                    lower[s, r, c] = (
                        a[j, i, r, 0] * pivot[i, 0, c] + a[j, i, r, 1] * pivot[i, 1, c] + a[j, i, r, 2] * pivot[i, 2, c]
                    )
        for s in range(start[step], start[step + 1]):
            j = neighbour[s]
            for u in range(start[step], s + 1):
                k = neighbour[u]
                for r in range(3):
                    for c in range(3):
                        a[j, k, r, c] -= (
                            lower[s, r, 0] * a[k, i, c, 0]
                            + lower[s, r, 1] * a[k, i, c, 1]
                            + lower[s, r, 2] * a[k, i, c, 2]
                        )
                if j != k:
                    for r in range(3):
                        for c in range(3):
                            a[k, j, c, r] = a[j, k, r, c]
    for step in range(n - 1, -1, -1):
        i = order[step]
        for s in range(start[step], start[step + 1]):
            j = neighbour[s]
            total[:] = 0
            for u in range(start[step], start[step + 1]):
                k = neighbour[u]
                for r in range(3):
                    for c in range(3):
                        total[r, c] -= (
                            a[j, k, r, 0] * lower[u, 0, c]
                            + a[j, k, r, 1] * lower[u, 1, c]
                            + a[j, k, r, 2] * lower[u, 2, c]
                        )
            for r in range(3):
                for c in range(3):
                    a[j, i, r, c] = total[r, c]
                    a[i, j, c, r] = total[r, c]
        for r in range(3):
            for c in range(3):
                a[i, i, r, c] = pivot[i, r, c]
        for s in range(start[step], start[step + 1]):
            j = neighbour[s]
            for r in range(3):
                for c in range(3):
                    a[i, i, r, c] -= (
                        lower[s, 0, r] * a[j, i, 0, c] + lower[s, 1, r] * a[j, i, 1, c] + lower[s, 2, r] * a[j, i, 2, c]
                    )


@kernel
def _jacobi3(a, values, vectors):
    """Eigenvalues and eigenvectors (columns) of a symmetric 3x3 matrix; destroys a."""
    for i in range(3):
        for j in range(3):
            vectors[i, j] = 1.0 if i == j else 0.0
    for _ in range(6):
        off = abs(a[0, 1]) + abs(a[0, 2]) + abs(a[1, 2])
        if off < 1e-10 * (abs(a[0, 0]) + abs(a[1, 1]) + abs(a[2, 2])):
            break
        for p in range(2):
            for q in range(p + 1, 3):
                if a[p, q] == 0:
                    continue
                theta = (a[q, q] - a[p, p]) / (2 * a[p, q])
                t = (1.0 if theta >= 0 else -1.0) / (abs(theta) + np.sqrt(theta * theta + 1))
                c = 1 / np.sqrt(t * t + 1)
                s = t * c
                for k in range(3):
                    x, y = a[k, p], a[k, q]
                    a[k, p], a[k, q] = c * x - s * y, s * x + c * y
                for k in range(3):
                    x, y = a[p, k], a[q, k]
                    a[p, k], a[q, k] = c * x - s * y, s * x + c * y
                for k in range(3):
                    x, y = vectors[k, p], vectors[k, q]
                    vectors[k, p], vectors[k, q] = c * x - s * y, s * x + c * y
    for i in range(3):
        values[i] = a[i, i]


@kernel
def _stationary_information(alone, motion_weight, log_m, log_f, out):
    """The information per instant (3x3) whose stationary posterior covariance is ``alone`` (six entries)."""
    a, values, vectors = np.empty((3, 3)), np.empty(3), np.empty((3, 3))
    a[0, 0], a[0, 1], a[0, 2] = alone[0], alone[1], alone[2]
    a[1, 0], a[1, 1], a[1, 2] = alone[1], alone[3], alone[4]
    a[2, 0], a[2, 1], a[2, 2] = alone[2], alone[4], alone[5]
    _jacobi3(a, values, vectors)
    for i in range(3):
        target = np.log(max(values[i], 1e-12) * motion_weight)
        low, high = 0, len(log_f) - 1  # log_f falls
        while high - low > 1:
            middle = (low + high) // 2
            if log_f[middle] > target:
                low = middle
            else:
                high = middle
        part = min(max((target - log_f[low]) / (log_f[high] - log_f[low]), 0.0), 1.0)
        values[i] = np.exp(log_m[low] + part * (log_m[high] - log_m[low])) * motion_weight
    for i in range(3):
        for j in range(3):
            out[i, j] = (
                vectors[i, 0] * values[0] * vectors[j, 0]
                + vectors[i, 1] * values[1] * vectors[j, 1]
                + vectors[i, 2] * values[2] * vectors[j, 2]
            )


@kernel
def coupled_marginals(
    alone, motion_weight, pairs, pair_rows, order, start, neighbour, shifts, coefficients, log_m, log_f, stride, cov
):
    """cov (t 6 k) from each chain's own marginal ``alone`` (t 6 k) and the pair rows (t 3 b) of the solution.

    Computed at every ``stride``-th instant and in between interpolated, keeping each instant's own size.
    """
    n_times, _, n_points = alone.shape
    a = np.zeros((n_points, n_points, 3, 3))
    base = np.zeros((n_points, n_points, 3, 3))
    pivot, lower = np.empty((n_points, 3, 3)), np.empty((len(neighbour), 3, 3))
    here = np.empty(6)
    t = 0
    while t < n_times:
        base[:] = 0
        for k in range(n_points):
            for i in range(6):
                here[i] = alone[t, i, k]
            _stationary_information(here, motion_weight[k], log_m, log_f, base[k, k])
        for b in range(len(pairs)):
            i, j = pairs[b, 0], pairs[b, 1]
            for r in range(3):
                for c in range(3):
                    outer = pair_rows[t, r, b] * pair_rows[t, c, b]
                    base[i, i, r, c] += outer
                    base[j, j, r, c] += outer
                    base[i, j, r, c] -= outer
                    base[j, i, r, c] -= outer
        for i in range(6):
            for k in range(n_points):
                cov[t, i, k] = 0
        for s in range(len(shifts)):
            for step in range(n_points):
                i = order[step]
                a[i, i] = base[i, i]
                for u in range(start[step], start[step + 1]):
                    a[i, neighbour[u]] = base[i, neighbour[u]]
                    a[neighbour[u], i] = base[neighbour[u], i]
            for k in range(n_points):
                for i in range(3):
                    a[k, k, i, i] += shifts[s] * motion_weight[k]
            _selected_inverse(a, order, start, neighbour, pivot, lower)
            for k in range(n_points):
                cov[t, 0, k] += coefficients[s] * a[k, k, 0, 0]
                cov[t, 1, k] += coefficients[s] * a[k, k, 0, 1]
                cov[t, 2, k] += coefficients[s] * a[k, k, 0, 2]
                cov[t, 3, k] += coefficients[s] * a[k, k, 1, 1]
                cov[t, 4, k] += coefficients[s] * a[k, k, 1, 2]
                cov[t, 5, k] += coefficients[s] * a[k, k, 2, 2]
        before = t
        t = t + stride if t + stride < n_times or t == n_times - 1 else n_times - 1
        if before == n_times - 1:
            break
    _interpolate(alone, stride, cov)


@kernel
def _interpolate(alone, stride, cov):
    n_times, _, n_points = alone.shape
    first = 0
    while first < n_times - 1:
        last = min(first + stride, n_times - 1)
        for t in range(first + 1, last):
            part = (t - first) / (last - first)
            for k in range(n_points):
                own = alone[t, 0, k] + alone[t, 3, k] + alone[t, 5, k]
                left = alone[first, 0, k] + alone[first, 3, k] + alone[first, 5, k]
                right = alone[last, 0, k] + alone[last, 3, k] + alone[last, 5, k]
                scale = own / ((1 - part) * left + part * right)
                for i in range(6):
                    cov[t, i, k] = scale * ((1 - part) * cov[first, i, k] + part * cov[last, i, k])
        first = last
