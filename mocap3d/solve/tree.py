"""Kinematic trees in numbers: where points are, and how they move with every degree of freedom.

Every degree of freedom moves all that hangs on it by a twist: a rate of turn and a velocity of the point at the root.

Arrays of a tree: parent (j), direction (j 3), kind (j; 0 fixed, 1 or 2 hinges, 3 turns freely), axes (j 2 3) of the
hinges, column (j 3) of each angle's unknown or -1, anchor and segment (k) of the points, -1 where unknown. Unknowns 0
to 2 are the root's position. State: root (t 3), turn (t j 3 3), angle (t j 2).
"""

import math

import numpy as np

from mocap3d.solve.jit import inlined, kernel
from mocap3d.solve.turns import multiply, turn_about

MAX_TURN, MAX_STEP_M = 0.6, 0.3
"""No joint turns farther in one step: a bad start then cannot fold a limb the wrong way."""


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
                multiply(first, second, turn[t, j])
            for i in range(3):
                joint[t, j, i] = joint[t, p, i] + length[j] * (
                    world[t, p, i, 0] * direction[j, 0]
                    + world[t, p, i, 1] * direction[j, 1]
                    + world[t, p, i, 2] * direction[j, 2]
                )
            multiply(world[t, p], turn[t, j], world[t, j])
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
def ancestors(parent):
    """(j j): whether the first is the second or above it."""
    below = np.eye(len(parent), dtype=np.bool_)
    for j in range(1, len(parent)):
        below[:, j] |= below[:, parent[j]]
    return below


@inlined
def moved_by_unknown(twist, point, root, out):
    """out (3): how a point moves with an unknown's twist (6)."""
    r0, r1, r2 = point[0] - root[0], point[1] - root[1], point[2] - root[2]
    out[0] = twist[3] + twist[1] * r2 - twist[2] * r1
    out[1] = twist[4] + twist[2] * r0 - twist[0] * r2
    out[2] = twist[5] + twist[0] * r1 - twist[1] * r0


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
                    multiply(old, small, turn[t, j])
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
    s, owner, shift = np.zeros((n, 6)), np.zeros(n, np.int64), np.empty(3)
    for row, t in enumerate(times):
        twists(parent, kind, axes, column, world[t], joint[t], s, owner)
        for j in range(n_joints):
            for c in range(n):
                if moved[j, c]:
                    moved_by_unknown(s[c], joint[t, j], joint[t, 0], shift)
                    out[row, j, :, c] = shift
        for b in range(len(frames)):
            base = world[t, frames[b]]
            for c in range(n):
                if turned[b, c]:
                    for i in range(3):
                        out[row, n_joints + b, i, c] = (
                            base[0, i] * s[c, 0] + base[1, i] * s[c, 1] + base[2, i] * s[c, 2]
                        )
