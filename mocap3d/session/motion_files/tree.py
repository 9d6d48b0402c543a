"""A tree of joints and its motion: what BVH and Acclaim files hold, and what BVH and glTF are written from."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.session.views import did_you_mean

CMU_UNIT_M = 0.0254 / 0.45
"""Lengths of CMU's ASF files are inches divided by 0.45."""
UNITS_M = (1.0, 0.01, 0.001, CMU_UNIT_M)
LEG_M = 0.82  # hip to ankle of a person of 1.7 m (Drillis & Contini 1966)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A skeleton of offsets, parents before their children."""

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offset: Float[np.ndarray, "j 3"]
    """Of each joint from its parent in the rest pose, in the file's own unit and axes."""

    def posed(
        self, parent_from_joint: Sequence[Rotation], root: Float[np.ndarray, "t 3"]
    ) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j 3 3"]]:
        """Forward kinematics, in the file's unit and axes: positions, and rotations away from the rest pose."""
        turns: list[Rotation] = []
        positions: list[np.ndarray] = []
        for parent, offset, local in zip(self.parents, self.offset, parent_from_joint, strict=True):
            turns.append(local if parent < 0 else turns[parent] * local)
            positions.append(root if parent < 0 else positions[parent] + turns[parent].apply(offset))
        matrices = [np.broadcast_to(turn.as_matrix(), (len(root), 3, 3)) for turn in turns]
        return np.stack(positions, axis=1), np.stack(matrices, axis=1)

    def leg_length(self, up: int = 1) -> float:
        """Of the longest chain of joints straight down: hip to ankle in any naming."""
        down = [0.0] * len(self.joints)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                down[joint] = down[parent] + max(0.0, -float(self.offset[joint, up]))
        return max(down, default=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class TreeMotion:
    """One person's motion, in the axes and the unit of its file."""

    path: Path
    tree: Tree
    rate: Fraction
    root: Float[np.ndarray, "t 3"]
    """Where the first joint is."""
    parent_from_joint: Float[np.ndarray, "t j 3 3"]
    """Turns against the rest pose, in which every joint has the axes of the file. NaN where a frame is not known."""
    unit_m: float | None = None
    """Metres per unit, where the file states it."""

    def index(self, joint: str) -> int:
        """Place of a joint; refuses an unknown name and offers the nearest one."""
        if joint not in self.tree.joints:
            raise FormatError(f"{self.path}: there is no joint '{joint}'.{did_you_mean(joint, self.tree.joints)}")
        return self.tree.joints.index(joint)

    def posed(self) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j 3 3"]]:
        """Forward kinematics: positions, and rotations away from the rest pose."""
        n_frames, n_joints = self.parent_from_joint.shape[:2]
        positions, turns = np.empty((n_frames, n_joints, 3)), np.empty((n_frames, n_joints, 3, 3))
        for joint, (parent, offset) in enumerate(zip(self.tree.parents, self.tree.offset, strict=True)):
            local = self.parent_from_joint[:, joint]
            turns[:, joint] = local if parent < 0 else turns[:, parent] @ local
            positions[:, joint] = self.root if parent < 0 else positions[:, parent] + turns[:, parent] @ offset
        return positions, turns


def likely_unit_m(leg_length: float) -> float:
    """Metres per unit of a file that does not say: the customary unit that makes its leg most like a person's."""
    if leg_length <= 0:
        return 1.0
    return min(UNITS_M, key=lambda unit_m: abs(np.log(leg_length * unit_m / LEG_M)))


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """The same names; one that comes again is numbered: ``Hand``, ``Hand_2``."""
    seen: list[str] = []
    for name in names:
        candidate, n = name, 2
        while candidate in seen:
            candidate, n = f"{name}_{n}", n + 1
        seen.append(candidate)
    return tuple(seen)
