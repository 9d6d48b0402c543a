"""What every motion file is turned into: joints in a Z-up world of metres, and how each is turned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.session.views import did_you_mean

WORLD_FROM_Y_UP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Files are Y up with the rest pose facing +z and its left at +x; ours is Z up, facing +x, with its left at +y."""
CMU_UNIT_M = 0.0254 / 0.45
"""Lengths of CMU's ASF files are inches divided by 0.45."""
UNITS_M = (1.0, 0.01, 0.001, CMU_UNIT_M)
THROWN, FASTEST = 35.0, 12.0  # m/s: out of a rest pose, and a person's joint at the start of a clip
GLIDE_FRAMES = 8
LEG_M = 0.82  # hip to ankle of a person of 1.7 m (Drillis & Contini 1966)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One person's motion as a file gives it."""

    path: Path
    joints: tuple[str, ...]
    """Names as in the file; a joint lies where its segment begins, and ``<joint>_end`` where the last one ends."""
    rate: Fraction
    p_in_world: Float[np.ndarray, "t j 3"]
    """Metres, Z up."""
    world_from_joint: Float[np.ndarray, "t j 3 3"]
    """Turn away from the rest pose, which faces +x with its left at +y; NaN where the file does not tell."""

    def index(self, joint: str) -> int:
        """Place of a joint; refuses an unknown name and offers the nearest one."""
        if joint not in self.joints:
            raise FormatError(f"{self.path}: there is no joint '{joint}'.{did_you_mean(joint, self.joints)}")
        return self.joints.index(joint)

    def without_rest_pose(self) -> "Clip":
        """The clip without a leading rest pose, and without the few frames in which some files glide out of it.

        Measured: the first step of all of 25 BVH and npz clips throws a joint at 54-186 m/s, of 21 others at 6 at most.
        """
        step_m = np.linalg.norm(np.diff(self.p_in_world[:GLIDE_FRAMES], axis=0), axis=-1).max(axis=-1)
        speed = step_m * float(self.rate)
        if not len(speed) or speed[0] < THROWN:
            return self
        first = int(np.flatnonzero(speed > FASTEST)[-1]) + 1
        return replace(self, p_in_world=self.p_in_world[first:], world_from_joint=self.world_from_joint[first:])


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


def in_our_world(
    p_y_up: Float[np.ndarray, "t j 3"], turn_y_up: Float[np.ndarray, "t j 3 3"], unit_m: float
) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j 3 3"]]:
    """From a file's Y-up axes and unit to ours."""
    return p_y_up @ WORLD_FROM_Y_UP.T * unit_m, WORLD_FROM_Y_UP @ turn_y_up @ WORLD_FROM_Y_UP.T


def likely_unit_m(leg_length: float) -> float:
    """Metres per unit of a file that does not say: the customary unit that makes its leg most like a person's."""
    return min(UNITS_M, key=lambda unit_m: abs(np.log(leg_length * unit_m / LEG_M)))
