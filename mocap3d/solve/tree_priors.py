"""How bodies move and stand: accelerations, posture at ease, limits of joints; terms of the tree's normal equations.

Arrays of a tree: see ``solve.tree``.
"""

import math

import numpy as np

from mocap3d.solve.jit import inlined, kernel
from mocap3d.solve.turns import rotation_vector, zxy_angles

LEANING = 0.35
"""Sine beyond which a root that leans is not taken for one that stands: it lies, or bends down."""


@inlined
def _transposed_right(v, e, f, sign, out, column, t):
    """Add f times e seen through the inverse Jacobian of the rotation vector v, to second order in v."""
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        cross = e[b] * v[c] - e[c] * v[b]  # e x v
        out[t, column[a]] += f * (e[a] + sign * 0.5 * cross)


@kernel
def linearise_motion(kind, column, root, turn, angle, weight, huber, gradient, w):
    """Second differences of unknowns (Huber per joint): adds to the gradient (t n), fills w (t n); returns the cost.

    weight (n). A joint that turns freely accelerates by the change of the turn from instant to instant.
    """
    n_times = len(root)
    ahead, behind, e = np.empty(3), np.empty(3), np.empty(3)
    w[:] = 0
    cost = 0.0
    for t in range(1, n_times - 1):
        for i in range(3):
            e[i] = root[t - 1, i] - 2 * root[t, i] + root[t + 1, i]
        size = math.sqrt(e[0] * e[0] * weight[0] + e[1] * e[1] * weight[1] + e[2] * e[2] * weight[2])
        q = huber / max(size, huber)
        cost += size * size * q * (2 - q)
        for i in range(3):
            f = q * weight[i]
            w[t, i] = f
            gradient[t - 1, i] += f * e[i]
            gradient[t, i] -= 2 * f * e[i]
            gradient[t + 1, i] += f * e[i]
        for j in range(len(kind)):
            if kind[j] == 3 and column[j, 0] >= 0:
                rotation_vector(turn[t, j], turn[t + 1, j], ahead)
                rotation_vector(turn[t - 1, j], turn[t, j], behind)
                size = 0.0
                for i in range(3):
                    e[i] = ahead[i] - behind[i]
                    size += e[i] * e[i] * weight[column[j, i]]
                q = huber / max(math.sqrt(size), huber)
                cost += size * q * (2 - q)
                for i in range(3):
                    w[t, column[j, i]] = q * weight[column[j, i]]
                    e[i] *= w[t, column[j, i]]
                _transposed_right(ahead, e, 1.0, 1.0, gradient, column[j], t + 1)
                _transposed_right(ahead, e, -1.0, -1.0, gradient, column[j], t)
                _transposed_right(behind, e, -1.0, 1.0, gradient, column[j], t)
                _transposed_right(behind, e, 1.0, -1.0, gradient, column[j], t - 1)
            elif kind[j] == 1 or kind[j] == 2:
                for a in range(2):
                    c = column[j, a]
                    if c < 0:
                        continue
                    d = angle[t - 1, j, a] - 2 * angle[t, j, a] + angle[t + 1, j, a]
                    q = huber / max(abs(d) * math.sqrt(weight[c]), huber)
                    cost += d * d * weight[c] * q * (2 - q)
                    f = weight[c] * q
                    w[t, c] = f
                    gradient[t - 1, c] += f * d
                    gradient[t, c] -= 2 * f * d
                    gradient[t + 1, c] += f * d
    return cost


@kernel
def linearise_posture(
    kind, column, turn, angle, ease, ease_turn, ease_weight, least, most, limit_weight, matrix, gradient
):
    """What bodies do at rest and never do: adds to matrix (t n n) and gradient (t n); returns the cost.

    ease and limits (j 3) per degree of freedom; ease_turn (j 3 3); weights 1/rad^2: ease_weight (j 3), limit_weight.
    """
    v, euler, back = np.empty(3), np.empty(3), np.empty((3, 3))
    cost = 0.0
    for t in range(len(turn)):
        cost += _standing(turn[t, 0], ease[0, 0], ease_weight[0, 2], column[0], matrix[t], gradient[t])
        for j in range(1, len(kind)):
            if column[j].max() < 0:
                continue
            if kind[j] != 3:
                for a in range(2):
                    c = column[j, a]
                    if c < 0:
                        continue
                    here = angle[t, j, a]
                    gradient[t, c] += ease_weight[j, a] * (here - ease[j, a])
                    cost += ease_weight[j, a] * (here - ease[j, a]) ** 2
                    matrix[t, c, c] += ease_weight[j, a]
                    beyond = min(here - least[j, a], 0.0) + max(here - most[j, a], 0.0)
                    cost += limit_weight * beyond * beyond
                    if beyond != 0:
                        gradient[t, c] += limit_weight * beyond
                        matrix[t, c, c] += limit_weight
                continue
            rotation_vector(ease_turn[j], turn[t, j], v)
            for a in range(3):
                b, d = (a + 1) % 3, (a + 2) % 3
                e0, e1, e2 = ease_weight[j, a] * v[a], ease_weight[j, b] * v[b], ease_weight[j, d] * v[d]
                gradient[t, column[j, a]] += e0 + 0.5 * (e1 * v[d] - e2 * v[b])
                matrix[t, column[j, a], column[j, a]] += ease_weight[j, a]
                cost += e0 * v[a]
            if most[j, 0] > 3:
                continue
            zxy_angles(turn[t, j], euler, back)
            for a in range(3):
                beyond = min(euler[a] - least[j, a], 0.0) + max(euler[a] - most[j, a], 0.0)
                cost += limit_weight * beyond * beyond
                if beyond == 0:
                    continue
                for b in range(3):
                    gradient[t, column[j, b]] += limit_weight * beyond * back[a, b]
                    for d in range(3):
                        matrix[t, column[j, b], column[j, d]] += limit_weight * back[a, b] * back[a, d]
    return cost


@inlined
def _standing(turn, ease, weight, column, matrix, gradient):
    """How far the root's x axis leaves its usual slope (Geman-McClure): adds to one instant; returns the cost."""
    apart = turn[2, 0] - math.sin(ease)
    drawn_in = LEANING * LEANING / (LEANING * LEANING + apart * apart)
    f = weight * drawn_in * drawn_in
    for a, slope_a in ((1, -turn[2, 2]), (2, turn[2, 1])):
        gradient[column[a]] += f * apart * slope_a
        for b, slope_b in ((1, -turn[2, 2]), (2, turn[2, 1])):
            matrix[column[a], column[b]] += f * slope_a * slope_b
    return weight * apart * apart * drawn_in
