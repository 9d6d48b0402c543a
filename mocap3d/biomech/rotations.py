"""Angles of rotations about axes that take turns, and how small turns change them.

A rotation goes from a segment's axes to its parent's. Small turns are about the segment's own axes. All for the right
side; the left side's rotations are mirrored first, so that the same angle means the same movement.
"""

import numpy as np
from jaxtyping import Bool, Float

_FLAT = 0.02
"""Sine or cosine of the angle from a singularity below which derivatives are held."""
_X, _Y, _Z = np.eye(3)


def mirrored(rotation: Float[np.ndarray, "*b 3 3"]) -> Float[np.ndarray, "*b 3 3"]:
    """The mirror image about the sagittal plane."""
    sign = np.array([1.0, 1.0, -1.0])
    return rotation * sign * sign[:, None]


def mirrored_cov(cov: Float[np.ndarray, "*b 3 3"]) -> Float[np.ndarray, "*b 3 3"]:
    """Covariance of a small turn in the mirror: axes of rotation change sign the other way round."""
    sign = np.array([-1.0, -1.0, 1.0])
    return cov * sign * sign[:, None]


def flexion_adduction_rotation(r: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 3"]:
    """Angles about z (flexion), the floating x' (adduction), and y'' (internal rotation); the second within 90 deg.

    The joint coordinate systems of hip, ankle and spine in Wu et al. (2002), of elbow and wrist in Wu et al. (2005),
    and of the knee in Grood & Suntay (1983): z of the proximal segment, y of the distal one, and their common normal.
    """
    second = np.arcsin(np.clip(r[:, 2, 1], -1, 1))
    return np.stack([np.arctan2(-r[:, 0, 1], r[:, 1, 1]), second, np.arctan2(-r[:, 2, 0], r[:, 2, 2])], axis=1)


def tilt_obliquity_rotation(r: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 3"]:
    """Angles about z'' (tilt), the floating x' (obliquity) and the upright y (rotation); the second within 90 deg.

    The rotation comes first: a pelvis is tilted by the same angle wherever its owner walks.
    Source: Baker (2001) Gait Posture 13:1.
    """
    return -flexion_adduction_rotation(np.swapaxes(r, -1, -2))


def plane_elevation_rotation(r: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 3"]:
    """Plane of elevation (0 = abduction, 90 deg = forward), elevation (0 to 180 deg), axial rotation (internal +).

    The humerus against the thorax in Wu et al. (2005): about y, x', y''. With the arm hanging or straight up the first
    and the last are one and the same movement, and neither is told.
    """
    elevation = np.arccos(np.clip(r[:, 1, 1], -1, 1))
    return np.stack([np.arctan2(-r[:, 0, 1], -r[:, 2, 1]), elevation, np.arctan2(-r[:, 1, 0], r[:, 1, 2])], axis=1)


def other_cardan(angles: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3"]:
    """The other three angles that make the same rotation of :func:`flexion_adduction_rotation`, and of a pelvis."""
    return np.stack([angles[:, 0] + np.pi, np.pi - angles[:, 1], angles[:, 2] + np.pi], axis=1)


def cardan_slopes(angles: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3 3"]:
    """Derivatives of flexion, adduction, rotation by a small turn about the segment's own x, y, z."""
    _, x, y = angles.T
    cx = _held(np.cos(x))
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = [
        [-np.sin(y) / cx, zero, np.cos(y) / cx],
        [np.cos(y), zero, np.sin(y)],
        [np.sin(y) * np.sin(x) / cx, one, -np.cos(y) * np.sin(x) / cx],
    ]
    return np.array(rows).transpose(2, 0, 1)


def pelvic_slopes(angles: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3 3"]:
    """Derivatives of tilt, obliquity, rotation by a small turn about the segment's own x, y, z."""
    tilt, x, _ = angles.T
    cx, c, s = _held(np.cos(x)), np.cos(tilt), np.sin(tilt)
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = [[s * np.sin(x) / cx, c * np.sin(x) / cx, one], [c, -s, zero], [s / cx, c / cx, zero]]
    return np.array(rows).transpose(2, 0, 1)


def euler_slopes(angles: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3 3"]:
    """Derivatives of plane, elevation, axial rotation by a small turn about the segment's own x, y, z."""
    _, elevation, y = angles.T
    s, c = _held(np.sin(elevation)), np.cos(elevation)
    zero, one = np.zeros_like(s), np.ones_like(s)
    rows = [
        [-np.sin(y) / s, zero, np.cos(y) / s],
        [-np.cos(y), zero, -np.sin(y)],
        [np.sin(y) * c / s, one, -np.cos(y) * c / s],
    ]
    return np.array(rows).transpose(2, 0, 1)


def about_axes(r: Float[np.ndarray, "t 3 3"], axes: Float[np.ndarray, "a 3"]) -> Float[np.ndarray, "t a"]:
    """Angles about one axis, or two of which the first carries the second, that make a rotation (or most nearly)."""
    if len(axes) == 1:
        return _about(r, axes[0])[:, None]
    first, second = axes
    # The second axis does not turn about itself: its image shows the first angle.
    image = r @ second
    angle = _between(second, image, first)
    rest = _matrix(first, -angle) @ r
    return np.stack([angle, _about(rest, second)], axis=1)


def axes_slopes(angles: Float[np.ndarray, "t a"], axes: Float[np.ndarray, "a 3"]) -> Float[np.ndarray, "t a 3"]:
    """Derivatives of the angles about one or two axes by a small turn about the segment's own x, y, z."""
    if len(axes) == 1:
        return np.broadcast_to(axes, (len(angles), 1, 3)).copy()
    first = (_matrix(axes[1], -angles[:, 1]) @ axes[0])[:, None]
    both = np.concatenate([first, np.broadcast_to(axes[1], first.shape)], axis=1)  # rows: what each axis turns
    return np.linalg.pinv(both.transpose(0, 2, 1))


def continuous(
    angles: Float[np.ndarray, "t 3"], other: Float[np.ndarray, "t 3"], known: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t 3"]:
    """Without jumps: of the two triples that make each rotation the one that follows on, and no full turns.

    Over what is not known it goes on from the last known instant. The branch is the usual one most of the time.
    """
    out = angles.copy()
    at = np.flatnonzero(known)
    if not len(at):
        return out
    here, there = angles[at], other[at]
    # On the singularity itself neither triple means anything, and no branch may hang on it.
    clear = np.flatnonzero(np.abs(np.cos(here[:, 1])) > _FLAT)
    stay, change = _apart(here[clear[1:]], here[clear[:-1]]), _apart(there[clear[1:]], here[clear[:-1]])
    on_other = np.zeros(len(at), bool)
    on_other[clear[1:]] = np.cumsum(change < stay) % 2
    if on_other.mean() > 0.5:
        on_other[clear] = ~on_other[clear]
    chosen = np.where(on_other[:, None], there, here)
    if len(clear):
        last = clear[np.maximum(np.searchsorted(clear, np.arange(len(at)), side="right") - 1, 0)]
        nearer = _apart(there, chosen[last]) < _apart(here, chosen[last])
        chosen = np.where(nearer[:, None], there, here)
    out[at] = np.unwrap(chosen, axis=0)
    out[at] -= 2 * np.pi * np.round(np.median(out[at], axis=0) / (2 * np.pi))
    return out


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (np.abs((a - b + np.pi) % (2 * np.pi) - np.pi)).sum(-1)


def _held(value: np.ndarray) -> np.ndarray:
    return np.where(np.abs(value) < _FLAT, np.copysign(_FLAT, value), value)


def _about(r: np.ndarray, axis: np.ndarray) -> np.ndarray:
    twist = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1)
    return np.arctan2(twist @ axis, np.trace(r, axis1=1, axis2=2) - (r @ axis) @ axis)


def _between(before: np.ndarray, after: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(t): the angle about ``axis`` that takes one vector (3) to others (t 3)."""
    flat, flat_after = before - (before @ axis) * axis, after - (after @ axis)[:, None] * axis
    return np.arctan2(np.cross(flat, flat_after) @ axis, flat_after @ flat)


def _matrix(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + s * cross + (1 - c) * (cross @ cross)
