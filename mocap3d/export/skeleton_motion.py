"""A person's fitted skeleton as a tree of joints, in the axes, the unit, the names and the rest pose of a target."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.export.animation import in_axes
from mocap3d.export.description import person_index
from mocap3d.export.targets import Target
from mocap3d.session.motion_files.tree import Tree, TreeMotion
from mocap3d.session.records import Motion
from mocap3d.skeletons.kinematics import JointKind, KinematicTree

FILE_FROM_SEGMENT = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Segments are x forward, y up, z right; animation programs want a rest pose that faces +z, y up, its left at +x."""
ARMS_OUT_DEG = {"r": -90.0, "l": 90.0}
PALMS_DOWN_DEG = -90.0


def tree_motion(motion: Motion, person: str, target: Target) -> TreeMotion:
    """In a T-pose at rest, palms down, as retargeting expects; segments' own axes and N-pose stay in the NPZ file."""
    who = person_index(motion.people, person)
    skeleton = motion.skeletons[who]
    names = tuple(target.bone(joint) for joint in skeleton.tree.names)
    tree = Tree(_with_ends(skeleton.tree, names), skeleton.tree.parents, skeleton.offset_in_parent.numpy())
    root, turns = motion.root_in_world[:, who].numpy(), motion.parent_from_joint[:, who].numpy()
    inside = TreeMotion(Path(person), tree, motion.rate, root, turns, unit_m=1.0)
    return in_axes(inside, target.axes, t_pose(skeleton.tree), target.units_per_m)


def _with_ends(tree: KinematicTree, names: Sequence[str]) -> tuple[str, ...]:
    """The names; a joint that only ends a segment is ``<parent>_end`` where it is alone."""
    return tuple(
        f"{names[joint.parent]}_end"
        if joint.kind is JointKind.FIXED and tree.parents.count(joint.parent) == 1
        else name
        for joint, name in zip(tree.joints, names, strict=True)
    )


def t_pose(tree: KinematicTree) -> Float[np.ndarray, "j 3 3"]:
    """From each segment's axes to those of a T-pose that faces +z."""
    turns = np.tile(FILE_FROM_SEGMENT, (len(tree.joints), 1, 1))
    for side, out_deg in ARMS_OUT_DEG.items():
        shoulder, elbow = tree.index(f"shoulder_{side}"), tree.index(f"elbow_{side}")
        out = Rotation.from_euler("x", out_deg, degrees=True)
        down = Rotation.from_euler("z", PALMS_DOWN_DEG, degrees=True)
        for joint in _from(tree, shoulder):
            turns[joint] = FILE_FROM_SEGMENT @ out.as_matrix()
        for joint in _from(tree, elbow):
            turns[joint] = FILE_FROM_SEGMENT @ (down * out).as_matrix()
    return turns


def _from(tree: KinematicTree, joint: int) -> list[int]:
    """A joint and all that hangs on it."""
    found = [joint]
    for child in tree.children(joint):
        found += _from(tree, child)
    return found
