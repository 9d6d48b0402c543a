"""What points on a kinematic tree tell about its degrees of freedom, and about the measures that stay constant.

What points below a joint tell is a 6x6 information about the twist of all that hangs on it, summed from the leaves to
the root (composite bodies; Featherstone 2008, chapter 6), so a normal matrix costs hardly more than placing the points.
Arrays of a tree: see ``solve.tree``; h (t 6 k) and g (t 3 k): information and gradient of the points.
"""

import numpy as np

from mocap3d.solve.jit import inlined, kernel
from mocap3d.solve.tree import ancestors, moved_by_unknown, twists


@inlined
def _add_point(r0, r1, r2, h, g, info, wrench):
    """Add what a point at r (from the root) tells, h (6) and g (3), to a segment's information and wrench."""
    h00, h01, h02, h11, h12, h22 = h[0], h[1], h[2], h[3], h[4], h[5]
    # K = [r]x; K h
    k00, k01, k02 = r1 * h02 - r2 * h01, r1 * h12 - r2 * h11, r1 * h22 - r2 * h12
    k10, k11, k12 = r2 * h00 - r0 * h02, r2 * h01 - r0 * h12, r2 * h02 - r0 * h22
    k20, k21, k22 = r0 * h01 - r1 * h00, r0 * h11 - r1 * h01, r0 * h12 - r1 * h02
    # K h K' = (K h) K', row i: r x (row i of K h)
    info[0, 0] += r1 * k02 - r2 * k01
    info[0, 1] += r2 * k00 - r0 * k02
    info[0, 2] += r0 * k01 - r1 * k00
    info[1, 1] += r2 * k10 - r0 * k12
    info[1, 2] += r0 * k11 - r1 * k10
    info[2, 2] += r0 * k21 - r1 * k20
    info[0, 3] += k00
    info[0, 4] += k01
    info[0, 5] += k02
    info[1, 3] += k10
    info[1, 4] += k11
    info[1, 5] += k12
    info[2, 3] += k20
    info[2, 4] += k21
    info[2, 5] += k22
    info[3, 3] += h00
    info[3, 4] += h01
    info[3, 5] += h02
    info[4, 4] += h11
    info[4, 5] += h12
    info[5, 5] += h22
    wrench[0] += r1 * g[2] - r2 * g[1]
    wrench[1] += r2 * g[0] - r0 * g[2]
    wrench[2] += r0 * g[1] - r1 * g[0]
    wrench[3] += g[0]
    wrench[4] += g[1]
    wrench[5] += g[2]


@kernel
def normal(parent, kind, axes, column, segment, world, joint, x, h, g, matrix, gradient):
    """Normal matrix (t n n) and gradient (t n) from what the points tell: h (t 6 k), g (t 3 k)."""
    n_times, n = gradient.shape
    n_joints = len(parent)
    info, wrench = np.empty((n_joints, 6, 6)), np.empty((n_joints, 6))
    s, owner, force = np.zeros((n, 6)), np.zeros(n, np.int64), np.empty(6)
    h_point, g_point = np.empty(6), np.empty(3)
    for t in range(n_times):
        twists(parent, kind, axes, column, world[t], joint[t], s, owner)
        info[:] = 0
        wrench[:] = 0
        for k in range(len(segment)):
            if segment[k] < 0:
                continue
            for i in range(6):
                h_point[i] = h[t, i, k]
            for i in range(3):
                g_point[i] = g[t, i, k]
            _add_point(
                x[t, 0, k] - joint[t, 0, 0],
                x[t, 1, k] - joint[t, 0, 1],
                x[t, 2, k] - joint[t, 0, 2],
                h_point,
                g_point,
                info[segment[k]],
                wrench[segment[k]],
            )
        for j in range(n_joints - 1, 0, -1):
            info[parent[j]] += info[j]
            wrench[parent[j]] += wrench[j]
        for j in range(n_joints):
            for a in range(6):
                for b in range(a):
                    info[j, a, b] = info[j, b, a]
        matrix[t] = 0
        for c in range(n):
            j = owner[c]
            for a in range(6):
                force[a] = 0.0
                for b in range(6):
                    force[a] += info[j, a, b] * s[c, b]
            pull = 0.0
            for a in range(6):
                pull += s[c, a] * wrench[j, a]
            gradient[t, c] = pull
            i = j
            while i >= 0:
                for a in range(3):
                    d = column[i, a]
                    if 0 <= d <= c:
                        value = 0.0
                        for b in range(6):
                            value += s[d, b] * force[b]
                        matrix[t, c, d] = value
                        matrix[t, d, c] = value
                i = parent[i]
            for d in range(3):
                matrix[t, c, d] = force[3 + d]
                matrix[t, d, c] = force[3 + d]


@inlined
def moved_by_measure(what, direction, base, out):
    """out (3): how a point moves with a length along ``direction`` of base (3 3), or with a part of its offset."""
    for r in range(3):
        if what == 0:
            out[r] = base[r, 0] * direction[0] + base[r, 1] * direction[1] + base[r, 2] * direction[2]
        else:
            out[r] = base[r, what - 1]


@kernel
def border(
    parent, kind, axes, column, segment, direction, measures, known_by, world, joint, x, h, g, mixed, own, pull
):  # fmt: skip
    """Mixed block (t n m) of unknowns and constant measures; own block (m m) and gradient (m), summed over time.

    measures (m 2): (0, joint) for a length, (1 + axis, point) for a part of an offset; known_by (k q): those that move
    each point, -1 beyond the last.
    """
    n_times, n = mixed.shape[:2]
    s, owner = np.zeros((n, 6)), np.zeros(n, np.int64)
    below = ancestors(parent)
    move, weighted, d = np.empty((known_by.shape[1], 3)), np.empty((known_by.shape[1], 3)), np.empty(3)
    own[:] = 0
    pull[:] = 0
    for t in range(n_times):
        twists(parent, kind, axes, column, world[t], joint[t], s, owner)
        mixed[t] = 0
        for k in range(len(segment)):
            if segment[k] < 0:
                continue
            count = 0
            for q in known_by[k]:
                if q < 0:
                    break
                what, i = measures[q]
                v = move[count]
                moved_by_measure(what, direction[i], world[t, parent[i]] if what == 0 else world[t, segment[k]], v)
                weighted[count, 0] = h[t, 0, k] * v[0] + h[t, 1, k] * v[1] + h[t, 2, k] * v[2]
                weighted[count, 1] = h[t, 1, k] * v[0] + h[t, 3, k] * v[1] + h[t, 4, k] * v[2]
                weighted[count, 2] = h[t, 2, k] * v[0] + h[t, 4, k] * v[1] + h[t, 5, k] * v[2]
                pull[q] += g[t, 0, k] * v[0] + g[t, 1, k] * v[1] + g[t, 2, k] * v[2]
                count += 1
            for a in range(count):
                for b in range(count):
                    own[known_by[k, a], known_by[k, b]] += (
                        move[a, 0] * weighted[b, 0] + move[a, 1] * weighted[b, 1] + move[a, 2] * weighted[b, 2]
                    )
            for c in range(n):
                if not below[owner[c], segment[k]]:
                    continue
                moved_by_unknown(s[c], x[t, :, k], joint[t, 0], d)
                for a in range(count):
                    mixed[t, c, known_by[k, a]] += d[0] * weighted[a, 0] + d[1] * weighted[a, 1] + d[2] * weighted[a, 2]
