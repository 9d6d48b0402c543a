"""Trees of joints made ready for animation programs: their axes, their rest pose, and no frame without a pose."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation, Slerp

from mocap3d.errors import FormatError
from mocap3d.export.axes import Axes
from mocap3d.session.motion_files.tree import Tree, TreeMotion


def bridged(motion: TreeMotion) -> TreeMotion:
    """Every joint turned in every frame: between known frames straight on, before the first and after the last held.

    A joint that is never known stays as in the rest pose. Refuses a motion whose first joint is never known.
    """
    frames = np.arange(len(motion.root))
    placed = np.flatnonzero(np.isfinite(motion.root).all(-1))
    if len(placed) == 0:
        raise FormatError(f"{motion.path}: there is no frame whose pose is known, so there is nothing to animate.")
    root = np.stack([np.interp(frames, placed, motion.root[placed, axis]) for axis in range(3)], axis=-1)
    turns = np.tile(np.eye(3), (*motion.parent_from_joint.shape[:2], 1, 1))
    for joint in range(len(motion.tree.joints)):
        known = np.flatnonzero(np.isfinite(motion.parent_from_joint[:, joint]).all((-1, -2)))
        if len(known) == len(frames):
            turns[:, joint] = motion.parent_from_joint[:, joint]
        elif len(known):
            held = np.clip(frames, known[0], known[-1])
            turns[:, joint] = _turned_on(known, motion.parent_from_joint[known, joint], held)
    return replace(motion, root=root, parent_from_joint=turns)


def resampled(motion: TreeMotion, t_s: Float[np.ndarray, " n"]) -> TreeMotion:
    """The motion at other times (s after its first frame), straight on between frames; every frame must be known."""
    at = np.clip(t_s * float(motion.rate), 0, len(motion.root) - 1)
    frames = np.arange(len(motion.root))
    root = np.stack([np.interp(at, frames, motion.root[:, axis]) for axis in range(3)], axis=-1)
    turns = [_turned_on(frames, motion.parent_from_joint[:, joint], at) for joint in range(len(motion.tree.joints))]
    return replace(motion, root=root, parent_from_joint=np.stack(turns, axis=1))


def in_axes(
    motion: TreeMotion, axes: Axes, rest_from_joint: Float[np.ndarray, "j 3 3"], units_per_m: float = 1.0
) -> TreeMotion:
    """The same motion in the world of another program, told from another rest pose.

    ``rest_from_joint`` turns the axes of every joint into those of the new rest pose, in which all joints are unturned.
    Every joint is where it was; only what its turn is counted from changes.
    """
    axes_from_world = axes.rotation_from_world().numpy()
    to_rest, parents = rest_from_joint, motion.tree.parents
    turns, offset = np.empty_like(motion.parent_from_joint), np.zeros_like(motion.tree.offset)
    for joint, parent in enumerate(parents):
        left = axes_from_world if parent < 0 else to_rest[parent]
        turns[:, joint] = left @ motion.parent_from_joint[:, joint] @ to_rest[joint].T
        offset[joint] = left @ motion.tree.offset[joint] * units_per_m
    tree = Tree(motion.tree.joints, parents, offset)
    root = motion.root @ axes_from_world.T * units_per_m
    return TreeMotion(motion.path, tree, motion.rate, root, turns, 1 / units_per_m)


def _turned_on(
    known: np.ndarray, turns: Float[np.ndarray, "n 3 3"], at: Float[np.ndarray, " t"] | np.ndarray
) -> Float[np.ndarray, "t 3 3"]:
    if len(known) == 1:
        return np.repeat(turns, len(at), axis=0)
    return Slerp(known, Rotation.from_matrix(turns))(at).as_matrix()
