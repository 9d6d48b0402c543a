"""Kinematic trees in numbers: where points are, how they move with every degree of freedom, and the normal matrix.

Every degree of freedom moves all that hangs on it by a twist: a rate of turn and a velocity of the point at the root.
What points below a joint tell is a 6x6 information about that twist, summed from the leaves to the root (composite
bodies; Featherstone 2008, chapter 6), so a normal matrix costs hardly more than placing the points.

Arrays of a tree: parent (j), direction (j 3), kind (j; 0 fixed, 1 or 2 hinges, 3 turns freely), axes (j 2 3) of the
hinges, column (j 3) of each angle's unknown or -1, anchor and segment (k) of the points, -1 where unknown. Unknowns 0
to 2 are the root's position. State: root (t 3), turn (t j 3 3), angle (t j 2).
"""

import math

import numpy as np

from mocap3d.solve.jit import inlined, kernel

MAX_TURN, MAX_STEP_M = 0.6, 0.3
"""No joint turns farther in one step: a bad start then cannot fold a limb the wrong way."""


@inlined
def turn_about(axis, angle, out):
    """out (3 3): the rotation about a unit axis (Rodrigues)."""
    s, c = math.sin(angle), math.cos(angle)
    x, y, z = axis[0], axis[1], axis[2]
    d = 1 - c
    out[0, 0], out[0, 1], out[0, 2] = c + d * x * x, d * x * y - s * z, d * x * z + s * y
    out[1, 0], out[1, 1], out[1, 2] = d * x * y + s * z, c + d * y * y, d * y * z - s * x
    out[2, 0], out[2, 1], out[2, 2] = d * x * z - s * y, d * y * z + s * x, c + d * z * z


@inlined
def _multiply(a, b, out):
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]


@inlined
def rotation_vector(a, b, out):
    """out (3): the rotation vector of ``a' b``, the turn from a to b."""
    m = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            m[i, j] = a[0, i] * b[0, j] + a[1, i] * b[1, j] + a[2, i] * b[2, j]
    x, y, z = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    sine, cosine = 0.5 * math.sqrt(x * x + y * y + z * z), 0.5 * (m[0, 0] + m[1, 1] + m[2, 2] - 1)
    angle = math.atan2(sine, cosine)
    if sine > 1e-6:
        f = 0.5 * angle / sine
        out[0], out[1], out[2] = f * x, f * y, f * z
    elif cosine > 0:
        out[0], out[1], out[2] = 0.5 * x, 0.5 * y, 0.5 * z
    else:  # half a turn: the axis from the diagonal
        k = int(np.argmax(np.array([m[0, 0], m[1, 1], m[2, 2]])))
        length = 0.0
        for i in range(3):
            out[i] = m[i, k] + (1.0 if i == k else 0.0)
            length += out[i] * out[i]
        f = math.pi / math.sqrt(length)
        out[0], out[1], out[2] = f * out[0], f * out[1], f * out[2]


@kernel
def place(parent, direction, kind, axes, anchor, segment, length, offset, root, turn, angle, world, joint, x):
    """Forward kinematics: fills turn of the hinges, world (t j 3 3), joint (t j 3) and x (t 3 k).

    length (j), offset (k 3). Points that the tree does not know are left as they are.
    """
    first, second = np.empty((3, 3)), np.empty((3, 3))
    for t in range(len(root)):
        world[t, 0] = turn[t, 0]
        joint[t, 0] = root[t]
        for j in range(1, len(parent)):
            p = parent[j]
            if kind[j] == 1:
                turn_about(axes[j, 0], angle[t, j, 0], turn[t, j])
            elif kind[j] == 2:
                turn_about(axes[j, 0], angle[t, j, 0], first)
                turn_about(axes[j, 1], angle[t, j, 1], second)
                _multiply(first, second, turn[t, j])
            for i in range(3):
                joint[t, j, i] = joint[t, p, i] + length[j] * (
                    world[t, p, i, 0] * direction[j, 0]
                    + world[t, p, i, 1] * direction[j, 1]
                    + world[t, p, i, 2] * direction[j, 2]
                )
            _multiply(world[t, p], turn[t, j], world[t, j])
        for k in range(len(anchor)):
            a, s = anchor[k], segment[k]
            if a < 0:
                continue
            for i in range(3):
                x[t, i, k] = joint[t, a, i] + (
                    world[t, s, i, 0] * offset[k, 0]
                    + world[t, s, i, 1] * offset[k, 1]
                    + world[t, s, i, 2] * offset[k, 2]
                )


@kernel
def twists(parent, kind, axes, column, world, joint, out, owner):
    """out (n 6): rate of turn and velocity at the root of every unknown at one instant; owner (n): its joint."""
    axis = np.empty(3)
    for c in range(3):
        out[c] = 0
        out[c, 3 + c] = 1
        owner[c] = 0
    for j in range(len(parent)):
        for a in range(3):
            c = column[j, a]
            if c < 0:
                continue
            if kind[j] == 3:
                axis[0], axis[1], axis[2] = world[j, 0, a], world[j, 1, a], world[j, 2, a]
            else:
                local = axes[j, a]
                # The second axis is carried by the first; seen from the segment it stands still.
                base = world[j] if a == 1 else world[parent[j]]
                for i in range(3):
                    axis[i] = base[i, 0] * local[0] + base[i, 1] * local[1] + base[i, 2] * local[2]
            x, y, z = joint[j, 0] - joint[0, 0], joint[j, 1] - joint[0, 1], joint[j, 2] - joint[0, 2]
            out[c, 0], out[c, 1], out[c, 2] = axis[0], axis[1], axis[2]
            out[c, 3] = y * axis[2] - z * axis[1]
            out[c, 4] = z * axis[0] - x * axis[2]
            out[c, 5] = x * axis[1] - y * axis[0]
            owner[c] = j


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
    below = np.zeros((len(parent), len(parent)), np.bool_)
    for j in range(len(parent)):
        i = j
        while i >= 0:
            below[i, j] = True
            i = parent[i]
    move, weighted = np.empty((known_by.shape[1], 3)), np.empty((known_by.shape[1], 3))
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
                base = world[t, parent[i]] if what == 0 else world[t, segment[k]]
                v = move[count]
                for r in range(3):
                    if what == 0:
                        v[r] = (
                            base[r, 0] * direction[i, 0] + base[r, 1] * direction[i, 1] + base[r, 2] * direction[i, 2]
                        )
                    else:
                        v[r] = base[r, what - 1]
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
            r0, r1, r2 = x[t, 0, k] - joint[t, 0, 0], x[t, 1, k] - joint[t, 0, 1], x[t, 2, k] - joint[t, 0, 2]
            for c in range(n):
                if not below[owner[c], segment[k]]:
                    continue
                d0 = s[c, 3] + s[c, 1] * r2 - s[c, 2] * r1
                d1 = s[c, 4] + s[c, 2] * r0 - s[c, 0] * r2
                d2 = s[c, 5] + s[c, 0] * r1 - s[c, 1] * r0
                for a in range(count):
                    mixed[t, c, known_by[k, a]] += d0 * weighted[a, 0] + d1 * weighted[a, 1] + d2 * weighted[a, 2]


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
            _zxy(turn[t, j], euler, back)
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
def _zxy(m, euler, back):
    """Cardan angles about z, x', y'' and their derivatives, back (3 3), by a turn about the segment's own axes.

    Within a few degrees of the singularity (x' = 90 deg) the derivatives are held.
    """
    x = math.asin(min(max(m[2, 1], -1.0), 1.0))
    z, y = math.atan2(-m[0, 1], m[1, 1]), math.atan2(-m[2, 0], m[2, 2])
    euler[0], euler[1], euler[2] = z, x, y
    cy, sy, tx, cx = math.cos(y), math.sin(y), math.tan(x), math.cos(x)
    if abs(cx) < 0.1:
        cx = math.copysign(0.1, cx)
        tx = math.copysign(10.0, tx)
    back[0, 0], back[0, 1], back[0, 2] = -sy / cx, 0.0, cy / cx
    back[1, 0], back[1, 1], back[1, 2] = cy, 0.0, sy
    back[2, 0], back[2, 1], back[2, 2] = sy * tx, 1.0, -cy * tx


@kernel
def advance(kind, column, step, root, turn, angle):
    """Take a step (t n): positions and hinges add, free turns multiply; returns the largest turn or move."""
    largest = 0.0
    delta, small = np.empty(3), np.empty((3, 3))
    for t in range(len(root)):
        size = math.sqrt(step[t, 0] ** 2 + step[t, 1] ** 2 + step[t, 2] ** 2)
        largest = max(largest, size)
        f = MAX_STEP_M / max(size, MAX_STEP_M)
        for i in range(3):
            root[t, i] += f * step[t, i]
        for j in range(len(kind)):
            if kind[j] == 3 and column[j, 0] >= 0:
                for i in range(3):
                    delta[i] = step[t, column[j, i]]
                size = math.sqrt(delta[0] ** 2 + delta[1] ** 2 + delta[2] ** 2)
                largest = max(largest, size)
                if size > 1e-12:
                    delta /= size
                    turn_about(delta, min(size, MAX_TURN), small)
                    old = turn[t, j].copy()
                    _multiply(old, small, turn[t, j])
            elif kind[j] == 1 or kind[j] == 2:
                for a in range(2):
                    if column[j, a] >= 0:
                        d = step[t, column[j, a]]
                        largest = max(largest, abs(d))
                        angle[t, j, a] += min(max(d, -MAX_TURN), MAX_TURN)
    return largest


@kernel
def moves(parent, kind, axes, column, world, joint, times, moved, turned, frames, out):
    """out (t b 3 n): how every joint moves in the world, then how segments turn about their own axes.

    moved (j n): whether an unknown moves a joint; turned (b-j n): whether it counts for a turn, seen from the segment
    of the joint frames (b-j).
    """
    n, n_joints = moved.shape[1], len(parent)
    s, owner = np.zeros((n, 6)), np.zeros(n, np.int64)
    for row, t in enumerate(times):
        twists(parent, kind, axes, column, world[t], joint[t], s, owner)
        for j in range(n_joints):
            r0, r1, r2 = (
                joint[t, j, 0] - joint[t, 0, 0],
                joint[t, j, 1] - joint[t, 0, 1],
                joint[t, j, 2] - joint[t, 0, 2],
            )
            for c in range(n):
                if moved[j, c]:
                    out[row, j, 0, c] = s[c, 3] + s[c, 1] * r2 - s[c, 2] * r1
                    out[row, j, 1, c] = s[c, 4] + s[c, 2] * r0 - s[c, 0] * r2
                    out[row, j, 2, c] = s[c, 5] + s[c, 0] * r1 - s[c, 1] * r0
        for b in range(len(frames)):
            base = world[t, frames[b]]
            for c in range(n):
                if turned[b, c]:
                    for i in range(3):
                        out[row, n_joints + b, i, c] = (
                            base[0, i] * s[c, 0] + base[1, i] * s[c, 1] + base[2, i] * s[c, 2]
                        )
