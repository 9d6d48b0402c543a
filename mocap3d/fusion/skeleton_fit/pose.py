"""A body in motion as the kernels hold it."""

from dataclasses import dataclass

import numpy as np

from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.solve import tree as kernels


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """Of one person over t instants: root (t 3), turn (t j 3 3), angle (t j 2) of the hinges; changed in place."""

    root: np.ndarray
    turn: np.ndarray
    angle: np.ndarray

    @staticmethod
    def at_ease(packed: PackedTree, n_times: int) -> "Poses":
        """Upright at the origin, facing +x."""
        turn = np.broadcast_to(packed.ease_turn, (n_times, *packed.ease_turn.shape)).copy()
        turn[:, 0] = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        angle = np.where(packed.kind[:, None] == 3, 0.0, packed.ease[:, :2])
        return Poses(np.zeros((n_times, 3)), turn, np.broadcast_to(angle, (n_times, *angle.shape)).copy())

    def __getitem__(self, times: slice) -> "Poses":
        return Poses(self.root[times], self.turn[times], self.angle[times])

    def copy(self) -> "Poses":
        """Poses of their own."""
        return Poses(self.root.copy(), self.turn.copy(), self.angle.copy())

    def put(self, times: slice, other: "Poses") -> None:
        """Write over a stretch of instants."""
        self.root[times], self.turn[times], self.angle[times] = other.root, other.turn, other.angle


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Forward kinematics of poses: world (t j 3 3), joint (t j 3), keypoints x (t 3 k)."""

    world: np.ndarray
    joint: np.ndarray
    x: np.ndarray


def place(packed: PackedTree, length: np.ndarray, offset: np.ndarray, poses: Poses) -> Placed:
    """Where all is; keypoints that the tree does not know lie at the root. Fills in the turns of hinges."""
    n_times, n_joints = poses.turn.shape[:2]
    world, joint = np.empty((n_times, n_joints, 3, 3)), np.empty((n_times, n_joints, 3))
    x = np.repeat(poses.root[:, :, None], len(offset), axis=2)
    kernels.place(*packed.forward, length, offset, poses.root, poses.turn, poses.angle, world, joint, x)
    return Placed(world, joint, x)
