"""The only place where axes are converted: from the world (right-handed, Z up) to what a format expects.

Every conversion is a proper rotation: it renames axes and flips signs, and leaves every distance and handedness as it
was. Swapping two columns only would mirror the person, and left and right with them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Axes:
    """Another program's axes, as signed axes of the world."""

    description: str
    order: tuple[int, int, int]
    """Which world axis each of the three axes is."""
    sign: tuple[int, int, int]

    def from_world(self, p_in_world: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
        """The same points in these axes; exact, no arithmetic but signs."""
        return p_in_world[..., list(self.order)] * p_in_world.new_tensor(self.sign)

    def to_world(self, p_in_axes: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
        """Undoes :meth:`from_world`."""
        unsigned = p_in_axes * p_in_axes.new_tensor(self.sign)
        return unsigned[..., [self.order.index(axis) for axis in range(3)]]

    def rotation_from_world(self) -> Float[Tensor, "3 3"]:
        """The rotation matrix, for poses rather than points."""
        return self.from_world(torch.eye(3, dtype=torch.float64)).T


WORLD = Axes("right-handed, Z up", (0, 1, 2), (1, 1, 1))

OPENSIM = Axes("right-handed, Y up: (x, y, z) = (world y, world z, world x)", (1, 2, 0), (1, 1, 1))
"""X forward, Y up, Z right for somebody who walks along world +Y. Source: Pose2Sim's zup2yup."""

BLENDER_Y_UP = Axes("right-handed, Y up: (x, y, z) = (world x, world z, -world y)", (0, 2, 1), (1, 1, -1))
"""What Blender's importers turn back into its own Z-up axes, unchanged; also the habit of Motive, glTF and BVH."""
