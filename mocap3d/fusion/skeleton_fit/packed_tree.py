"""A kinematic tree as the plain arrays of ``solve.tree``, with the unknowns that the keypoints can tell."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.errors import FusionError
from mocap3d.skeletons.kinematics import JointKind, KinematicTree, Placement
from mocap3d.solve import tree as kernels

_LEVER = 0.02
"""Of body height: a degree of freedom that moves no keypoint farther per radian is not told by the keypoints."""
_NEAR = 0.01
"""Of body height: so close to a joint centre is a keypoint that measures a limb to begin with."""
_KINDS = {JointKind.FREE: 3, JointKind.BALL: 3, JointKind.FIXED: 0}


@dataclass(frozen=True, slots=True, eq=False)
class PackedTree:
    """See ``solve.tree``; j joints, k keypoints, n unknowns."""

    tree: KinematicTree
    placed: tuple[Placement | None, ...]
    """Of every keypoint of the set, seen or not."""
    parent: np.ndarray
    direction: np.ndarray
    kind: np.ndarray
    axes: np.ndarray
    column: np.ndarray
    anchor: np.ndarray
    """(k): -1 for a keypoint that the body does not know."""
    segment: np.ndarray
    is_centre: np.ndarray
    """(k): whether it lies near the centre of its anchor."""
    ease: np.ndarray
    """(j 3): at rest; this and the limits in the order of the degrees of freedom, about the segment's own axes."""
    ease_turn: np.ndarray
    """(j 3 3)"""
    spread: np.ndarray
    """(j 3)"""
    least: np.ndarray
    most: np.ndarray
    n: int
    """Number of unknowns of a pose."""

    @property
    def forward(self) -> tuple[np.ndarray, ...]:
        """First arguments of ``solve.tree.place``."""
        return self.parent, self.direction, self.kind, self.axes, self.anchor, self.segment

    def children(self, joint: int) -> tuple[int, ...]:
        """Joints whose parent this one is."""
        return self.tree.children(joint)


def pack_tree(tree: KinematicTree, placements: tuple[Placement | None, ...], seen: np.ndarray) -> PackedTree:
    """The tree for the keypoints that are seen at all (k); the others do not count."""
    n_joints = len(tree.joints)
    anchor = np.array([p.anchor if p else -1 for p in placements], np.int64)
    segment = np.array([p.segment if p else -1 for p in placements], np.int64)
    anchor[~seen], segment[~seen] = -1, -1
    kind, axes = np.zeros(n_joints, np.int64), np.zeros((n_joints, 2, 3))
    ease, spread = np.zeros((n_joints, 3)), np.ones((n_joints, 3))
    least, most = np.full((n_joints, 3), -np.inf), np.full((n_joints, 3), np.inf)
    for j, joint in enumerate(tree.joints):
        kind[j] = _KINDS.get(joint.kind, len(joint.dofs))
        for a, dof in enumerate(joint.dofs):
            sense = sense_of(dof.axis) if kind[j] == 3 else 1.0
            ease[j, a] = sense * dof.ease_rad
            spread[j, int(np.argmax(np.abs(dof.axis))) if kind[j] == 3 else a] = dof.spread_rad
            least[j, a], most[j, a] = sorted((sense * dof.min_rad, sense * dof.max_rad))
            if kind[j] != 3:
                axes[j, a] = dof.axis
    packed = PackedTree(
        tree,
        placements,
        np.array(tree.parents, np.int64),
        tree.direction.numpy(),
        kind,
        axes,
        np.full((n_joints, 3), -1, np.int64),
        anchor,
        segment,
        np.array([p is not None and np.linalg.norm(p.offset_ratio) < _NEAR for p in placements], bool),
        ease,
        np.where(kind[:, None, None] == 3, Rotation.from_euler("ZXY", ease).as_matrix(), np.eye(3)),
        spread,
        least,
        most,
        0,
    )
    return _with_unknowns(packed, placements)


def sense_of(axis: tuple[float, float, float]) -> float:
    """1 or -1: whether an angle of a freely turning joint counts about a segment's own axis or against it."""
    if max(map(abs, axis)) < 1:
        raise FusionError(f"a joint that turns freely has the axis {axis}. Needed: x, y or z of its segment.")
    return float(np.sign(sum(axis)))


def _with_unknowns(packed: PackedTree, placements: tuple[Placement | None, ...]) -> PackedTree:
    """Numbers the degrees of freedom whose turning moves a keypoint, in a body at rest."""
    joint, world, x = _at_rest(packed, placements)
    below = kernels.ancestors(packed.parent)
    column, n = packed.column.copy(), 3
    for j, kind in enumerate(packed.kind):
        carried = packed.segment >= 0
        carried[carried] &= below[j, packed.segment[carried]]
        arm = x[carried] - joint[j]
        levers = [np.linalg.norm(np.cross(arm, axis), axis=-1).max(initial=0) for axis in _axes_of(packed, j, world)]
        if kind == 3 and j > 0 and sum(lever > _LEVER for lever in levers) < 2:
            continue  # a free joint needs more than one sense to be told
        for a in range(3 if kind == 3 else kind):
            if j == 0 or kind == 3 or levers[a] > _LEVER:
                column[j, a] = n
                n += 1
    return replace(packed, column=column, n=n)


def _axes_of(packed: PackedTree, j: int, world: np.ndarray) -> list[np.ndarray]:
    if packed.kind[j] == 3:
        return list(world[j].T)
    frames = [world[packed.parent[j]], world[j]]
    return [frames[a] @ packed.axes[j, a] for a in range(packed.kind[j])]


def _at_rest(packed: PackedTree, placements: tuple[Placement | None, ...]) -> tuple[np.ndarray, ...]:
    """joint (j 3), world (j 3 3), keypoints (k 3) of a body of unit height, at ease."""
    length = np.array([joint.length_ratio for joint in packed.tree.joints])
    offset = np.array([p.offset_ratio if p else (0.0, 0.0, 0.0) for p in placements]).reshape(-1, 3)
    n_joints, n_points = len(length), len(offset)
    world, joint, x = np.empty((1, n_joints, 3, 3)), np.empty((1, n_joints, 3)), np.zeros((1, 3, n_points))
    turn = packed.ease_turn[None].copy()
    kernels.place(
        *packed.forward, length, offset, np.zeros((1, 3)), turn, packed.ease[None, :, :2].copy(), world, joint, x
    )
    return joint[0], world[0], x[0].T
