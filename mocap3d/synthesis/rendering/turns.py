"""Small rotations: about an axis, from one direction to another, a part of one."""

import numpy as np

from mocap3d.synthesis.rendering.jit import kernel

_EPS = 1e-9


@kernel
def about(axis, angle_rad):
    """Rotation matrix about a direction (3), which need not be of unit length."""
    x, y, z = axis[0], axis[1], axis[2]
    length = np.sqrt(x * x + y * y + z * z)
    out = np.eye(3)
    if length < _EPS:
        return out
    x, y, z = x / length, y / length, z / length
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    d = 1 - c
    out[0, 0], out[0, 1], out[0, 2] = c + x * x * d, x * y * d - z * s, x * z * d + y * s
    out[1, 0], out[1, 1], out[1, 2] = y * x * d + z * s, c + y * y * d, y * z * d - x * s
    out[2, 0], out[2, 1], out[2, 2] = z * x * d - y * s, z * y * d + x * s, c + z * z * d
    return out


@kernel
def between(source, target):
    """The smallest rotation that turns the direction ``source`` (3) into ``target``."""
    a = source / (np.sqrt((source * source).sum()) + _EPS)
    b = target / (np.sqrt((target * target).sum()) + _EPS)
    axis = np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    sine, cosine = np.sqrt((axis * axis).sum()), (a * b).sum()
    if sine < 1e-6:
        if cosine > 0:
            return np.eye(3)
        least = np.zeros(3)  # opposite: half a turn about any direction across
        least[np.argmin(np.abs(a))] = 1.0
        across = np.array(
            [a[1] * least[2] - a[2] * least[1], a[2] * least[0] - a[0] * least[2], a[0] * least[1] - a[1] * least[0]]
        )
        return about(across, np.pi)
    return about(axis, np.arctan2(sine, cosine))


@kernel
def part_of(rotation, share):
    """A rotation about the same axis by ``share`` of its angle."""
    cosine = min(1.0, max(-1.0, 0.5 * (rotation[0, 0] + rotation[1, 1] + rotation[2, 2] - 1)))
    angle = np.arccos(cosine)
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    return about(axis, angle * share)


def turn_x(angle_rad: float) -> np.ndarray:
    """About x; a person who faces -y then bows forward for positive angles."""
    return about(np.array([1.0, 0.0, 0.0]), angle_rad)


def turn_y(angle_rad: float) -> np.ndarray:
    """About y."""
    return about(np.array([0.0, 1.0, 0.0]), angle_rad)


def turn_z(angle_rad: float) -> np.ndarray:
    """About the vertical."""
    return about(np.array([0.0, 0.0, 1.0]), angle_rad)


def frame(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Columns (left, backward, up) of the axes in which bodies rest: exactly this ``up``, nearly this ``left``."""
    up = up / (np.linalg.norm(up) + _EPS)
    backward = np.cross(up, left)
    backward /= np.linalg.norm(backward) + _EPS
    return np.stack([np.cross(backward, up), backward, up], axis=1)
