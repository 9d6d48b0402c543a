"""Rotations inside kernels: 3x3 matrices, filled in place."""

import math

import numpy as np

from mocap3d.solve.jit import inlined


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
def multiply(a, b, out):
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


@inlined
def zxy_angles(m, euler, back):
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
