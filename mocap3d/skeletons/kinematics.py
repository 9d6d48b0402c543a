"""Bodies as kinematic trees: segments joined where they turn about each other, and where keypoints sit on them.

Every segment has the axes of Wu et al. (2002): x forward, y up, z to the right, all parallel in the anatomical position
(upright, arms hanging, palms forward). A joint carries the segment of which it is the origin. Joints, segments and
degrees of freedom are named as in OpenSim's gait2392 and Rajagopal (2016) models, and never numbered by a user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import Mocap3dError
from mocap3d.skeletons.naming import did_you_mean
from mocap3d.skeletons.skeleton import Skeleton

Vector = tuple[float, float, float]


class JointKind(Enum):
    """How a joint's segment moves against its parent's."""

    FREE = "free"
    """Turns and moves freely in the world: the root."""
    BALL = "ball"
    """Turns freely: any rotation; its three degrees of freedom are read off it."""
    HINGES = "hinges"
    """Turns about one or two axes, the second carried along by the first."""
    FIXED = "fixed"
    """Does not turn: the end of a segment."""


@dataclass(frozen=True, slots=True)
class Dof:
    """One degree of freedom: an angle about an axis."""

    name: str
    """As in OpenSim, e.g. knee_angle_r."""
    axis: Vector
    """Unit vector in the segment's axes: the sense in which the angle counts."""
    min_rad: float
    max_rad: float
    """The range that no body leaves."""
    ease_rad: float
    """Where it rests when nothing is known."""
    spread_rad: float
    """One sigma about that, over all that people do: a weak prior that only counts where nothing is seen."""
    isb: str
    """What the angle is called in Wu et al. (2002, 2005) or Grood & Suntay (1983)."""


@dataclass(frozen=True, slots=True)
class Joint:
    """One joint, and the segment that begins there."""

    name: str
    """e.g. knee_r."""
    segment: str
    """The segment it carries, e.g. tibia_r; empty for the end of one."""
    parent: int
    """-1 for the root."""
    direction: Vector
    """Unit vector from the parent joint to this one, in the parent segment's axes; zero for the root."""
    length_ratio: float
    """Distance to the parent joint / body height."""
    length_ratio_sigma: float
    kind: JointKind
    dofs: tuple[Dof, ...]
    """In the order in which they turn: the first axis is fixed to the parent, the last to the segment."""
    mirror: int
    """The same joint on the other side; itself if central."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a keypoint sits: beside a joint, carried by a segment."""

    anchor: int
    """The joint beside which it sits."""
    segment: int
    """The joint whose segment carries it: the anchor itself, or the anchor's parent."""
    offset_ratio: Vector
    """From the anchor, in the segment's axes / body height."""
    sigma_ratio: Vector
    """How far people, and detectors, differ in that; zero where the keypoint is the joint centre by definition."""


@dataclass(frozen=True, slots=True)
class Span:
    """Two segments with joints between them whose common angle means more than its parts, e.g. the trunk."""

    name: str
    segment: int
    """The joint whose segment turns ..."""
    relative_to: int
    """... against the segment of this one; -1 for the world."""


@dataclass(frozen=True, slots=True)
class KinematicTree:
    """A body: joints, parents before children; all indices point into ``joints``."""

    name: str
    joints: tuple[Joint, ...]
    spans: tuple[Span, ...]
    keypoints: Mapping[str, Mapping[str, Placement]]
    """By keypoint set ("" holds for all sets), then by keypoint name."""
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the joints."""
        return tuple(joint.name for joint in self.joints)

    @property
    def parents(self) -> tuple[int, ...]:
        """Of each joint; -1 for the root."""
        return tuple(joint.parent for joint in self.joints)

    @property
    def direction(self) -> Float[Tensor, "j 3"]:
        """From each joint's parent to it, in the parent segment's axes; zero for the root."""
        return torch.tensor([joint.direction for joint in self.joints], dtype=torch.float64)

    def index(self, name: str) -> int:
        """Place of a joint; refuses an unknown name and offers the nearest ones."""
        if name not in self.names:
            raise Mocap3dError(f"body {self.name} has no joint '{name}'.{did_you_mean(name, self.names)}")
        return self.names.index(name)

    def children(self, joint: int) -> tuple[int, ...]:
        """Joints whose parent this one is."""
        return tuple(j for j, other in enumerate(self.joints) if other.parent == joint)

    def placements(self, skeleton: Skeleton) -> tuple[Placement | None, ...]:
        """Of every keypoint of a set; None where the body does not know it."""
        own, general = self.keypoints.get(skeleton.name, {}), self.keypoints[""]
        return tuple(own.get(name, general.get(name)) for name in skeleton.keypoints)


@dataclass(frozen=True, slots=True, eq=False)
class ScaledSkeleton:
    """A kinematic tree with one person's measures."""

    tree: KinematicTree
    height_m: float
    """Stated, or told by the measured lengths."""
    length_m: Float[Tensor, " j"]
    """From each joint's parent to it; 0 for the root."""
    length_sigma_m: Float[Tensor, " j"]
    keypoints: tuple[str, ...]
    """Names of the keypoints it was fitted to."""
    offset_m: Float[Tensor, "k 3"]
    """Of each keypoint from its anchor, in its segment's axes; NaN where the body does not know the keypoint."""
    offset_sigma_m: Float[Tensor, "k 3"]

    @property
    def offset_in_parent(self) -> Float[Tensor, "j 3"]:
        """Of each joint from its parent, in the parent segment's axes: the rest pose."""
        return self.tree.direction * self.length_m[:, None]

    @classmethod
    def of_height(cls, tree: KinematicTree, height_m: float) -> "ScaledSkeleton":
        """The mean person of that height, without keypoints; sigmas are those among people."""
        mean = torch.tensor([joint.length_ratio for joint in tree.joints], dtype=torch.float64)
        sigma = torch.tensor([joint.length_ratio_sigma for joint in tree.joints], dtype=torch.float64)
        none = torch.zeros(0, 3, dtype=torch.float64)
        return cls(tree, height_m, mean * height_m, sigma * height_m, (), none, none)
