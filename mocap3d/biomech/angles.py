"""Joint angles of skeletons in motion, as biomechanists name and count them, each with its sigma.

Every joint gives its degrees of freedom, named as in OpenSim. Pairs of segments that are further apart give angles of
their own: the trunk, the head, the foot against the shank, and the arm against the thorax (Wu et al. 2005). Sigmas are
first order: the covariance of a turn through the derivatives of its angles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from mocap3d.biomech import rotations
from mocap3d.biomech.observability import in_words
from mocap3d.session.records import JointAngles, Motion
from mocap3d.skeletons.kinematics import Joint, JointKind, KinematicTree, Span

_UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""World from the axes of a segment that stands upright: the pelvis counts from there (Y up, as OpenSim's ground)."""
_UNKNOWN_RAD = np.pi / np.sqrt(3)
"""Sigma of an angle that may be anything: no first-order sigma says more."""
_SPAN_ANGLES = {
    "trunk": ("trunk_extension", "trunk_bending", "trunk_rotation"),
    "cervical": ("cervical_extension", "cervical_bending", "cervical_rotation"),
    "shoulder": ("elv_angle", "shoulder_elv", "shoulder_rot"),
    "foot": ("foot_dorsiflexion", "foot_inversion", "foot_rotation"),
}


def joint_angles(motion: Motion) -> JointAngles:
    """Angles of everybody; NaN where a joint's turn is missing. See docs/skeletons.md for what each means."""
    tree = motion.skeletons[0].tree if motion.skeletons else None
    series = [list(_of_person(motion, person)) for person in range(len(motion.people))]
    names = tuple(name for part in (series[0] if series else ()) for name in part.names)
    shape = (len(motion.t_s), len(motion.people), len(names))
    angle, sigma = np.full(shape, np.nan), np.full(shape, np.nan)
    provenance = np.zeros(shape, np.int8)
    for person, parts in enumerate(series):
        angle[:, person] = np.concatenate([part.angle for part in parts], axis=1)
        sigma[:, person] = np.concatenate([part.sigma for part in parts], axis=1)
        provenance[:, person] = np.concatenate([part.provenance for part in parts], axis=1)
    words = tuple(
        tuple(in_words(tree, name, sigma[:, p, a], provenance[:, p, a]) for a, name in enumerate(names))
        for p in range(len(motion.people))
        if tree is not None
    )
    return JointAngles(
        motion.people,
        names,
        motion.t_s,
        motion.rate,
        torch.from_numpy(angle),
        torch.from_numpy(sigma),
        torch.from_numpy(provenance),
        words,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Angles that belong together: (t a)."""

    names: tuple[str, ...]
    angle: np.ndarray
    sigma: np.ndarray
    provenance: np.ndarray


def _of_person(motion: Motion, person: int) -> Iterator[_Part]:
    tree = motion.skeletons[person].tree
    turn = motion.parent_from_joint[:, person].numpy()
    cov = motion.rotation_cov_rad2[:, person].numpy()
    origin = motion.provenance[:, person].numpy()
    for j, joint in enumerate(tree.joints):
        if joint.dofs:
            names = tuple(dof.name for dof in joint.dofs)
            values = _of_joint(joint, turn[:, j], cov[:, j])
            yield _Part(names, *values, origin[:, j, None].repeat(len(names), axis=1))
    for s, span in enumerate(tree.spans):
        between = _path(tree, span)
        relative = np.broadcast_to(np.eye(3), turn[:, 0].shape)
        for j in between:
            relative = relative @ turn[:, j]
        names, values = _of_span(span, relative, motion.span_cov_rad2[:, person, s].numpy())
        yield _Part(names, *values, origin[:, between].min(1, keepdims=True).repeat(3, axis=1))


def _path(tree: KinematicTree, span: Span) -> list[int]:
    """Joints between the two segments of a span, from the nearer to the root."""
    path, j = [], span.segment
    while j != span.relative_to:
        path.append(j)
        j = tree.joints[j].parent
    return path[::-1]


def _of_joint(joint: Joint, turn: np.ndarray, cov: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(angle, sigma), (t a) both."""
    if joint.kind is JointKind.FREE:
        angle = rotations.tilt_obliquity_rotation(_UPRIGHT.T @ turn)
        angle = rotations.continuous(angle, rotations.other_cardan(angle), np.isfinite(turn[:, 0, 0]))
        return angle, _sigma(rotations.pelvic_slopes(angle), cov)
    if joint.kind is JointKind.HINGES:
        axes = np.array([dof.axis for dof in joint.dofs])
        known = np.isfinite(turn[:, 0, 0])
        angle = np.full((len(turn), len(axes)), np.nan)
        angle[known] = rotations.about_axes(turn[known], axes)
        return angle, _sigma(rotations.axes_slopes(np.nan_to_num(angle), axes), cov)
    far = joint.dofs[1].max_rad > np.pi / 2
    return _triple(turn, cov, left=joint.name.endswith("_l"), far=far)


def _of_span(span: Span, turn: np.ndarray, cov: np.ndarray) -> tuple[tuple[str, ...], tuple[np.ndarray, np.ndarray]]:
    side = span.name[-2:] if span.name[-2:] in ("_r", "_l") else ""
    what = span.name.removesuffix(side)
    names = tuple(name + side for name in _SPAN_ANGLES[what])
    return names, _triple(turn, cov, left=side == "_l", arm=what == "shoulder")


def _triple(
    turn: np.ndarray, cov: np.ndarray, *, left: bool, arm: bool = False, far: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Three angles without jumps, and their sigmas; ``far``: the second may well go beyond 90 degrees."""
    if left:
        turn, cov = rotations.mirrored(turn), rotations.mirrored_cov(cov)
    known = np.isfinite(turn[:, 0, 0])
    if arm:
        angle = rotations.plane_elevation_rotation(turn)
        angle = rotations.continuous(angle, angle, known)
        return angle, _sigma(rotations.euler_slopes(angle), cov)
    angle = rotations.flexion_adduction_rotation(turn)
    angle = rotations.continuous(angle, rotations.other_cardan(angle) if far else angle, known)
    return angle, _sigma(rotations.cardan_slopes(angle), cov)


def _sigma(slopes: np.ndarray, cov: np.ndarray) -> np.ndarray:
    variance = np.einsum("tai,tij,taj->ta", slopes, cov, slopes)
    with np.errstate(invalid="ignore"):
        return np.minimum(np.sqrt(np.maximum(variance, 0)), _UNKNOWN_RAD)
