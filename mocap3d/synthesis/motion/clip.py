"""What every motion file is turned into: joints in a Z-up world of metres, and how each is turned."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.tree import TreeMotion, likely_unit_m
from mocap3d.session.views import did_you_mean

WORLD_FROM_Y_UP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Files are Y up with the rest pose facing +z and its left at +x; ours is Z up, facing +x, with its left at +y."""
THROWN, FASTEST = 35.0, 12.0  # m/s: out of a rest pose, and a person's joint at the start of a clip
GLIDE_FRAMES = 8


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


def clip_of_tree(motion: TreeMotion, *, unit_m: float | None = None) -> Clip:
    """A clip in our world; a unit that is neither given nor stated is the customary one that fits the legs best."""
    unit_m = unit_m or motion.unit_m or likely_unit_m(motion.tree.leg_length())
    p_y_up, turn_y_up = motion.posed()
    p_in_world = p_y_up @ WORLD_FROM_Y_UP.T * unit_m
    return Clip(
        motion.path, motion.tree.joints, motion.rate, p_in_world, WORLD_FROM_Y_UP @ turn_y_up @ WORLD_FROM_Y_UP.T
    )
