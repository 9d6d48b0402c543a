"""A body to be posed and dressed: one mesh of many shapes, its bones, and where the keypoints lie in it.

At rest a body faces -y with its left at +x, Z up, in metres; arms hang away from the trunk.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Float32, Int8, Int32
from scipy.sparse import csr_array

from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.rendering.skinning import bone_transforms, skinned
from mocap3d.synthesis.rendering.turns import about, part_of

KEYPOINTS = load_skeleton("halpe26").keypoints
LEFT, RIGHT = 0, 1


class Part(IntEnum):
    """What of a body a vertex belongs to."""

    HEAD = 0
    TORSO = 1
    UPPER_ARM_L = 2
    UPPER_ARM_R = 3
    FOREARM_L = 4
    FOREARM_R = 5
    HAND_L = 6
    HAND_R = 7
    THIGH_L = 8
    THIGH_R = 9
    SHANK_L = 10
    SHANK_R = 11
    FOOT_L = 12
    FOOT_R = 13


@dataclass(frozen=True, slots=True)
class Rig:
    """Which bones do what; pairs are (left, right), and several bones share a turn."""

    spine: tuple[int, ...]
    neck: tuple[int, ...]
    clavicle: tuple[int, int]
    upper_arm: tuple[tuple[int, ...], tuple[int, ...]]
    forearm: tuple[tuple[int, ...], tuple[int, ...]]
    hand: tuple[int, int]
    fingers: tuple[tuple[int, ...], tuple[int, ...]]
    thigh: tuple[int, int]
    shank: tuple[int, int]
    foot: tuple[int, int]
    toes: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How each joint is turned away from rest, in the axes of rest; pairs are (left, right)."""

    root: Float[np.ndarray, "3 3"]
    """Of the pelvis in the world."""
    spine: Float[np.ndarray, "3 3"]
    neck: Float[np.ndarray, "3 3"]
    clavicle: Float[np.ndarray, "2 3 3"]
    upper_arm: Float[np.ndarray, "2 3 3"]
    arm_twist_rad: Float[np.ndarray, " 2"]
    """Of the upper arm about itself."""
    forearm: Float[np.ndarray, "2 3 3"]
    forearm_twist_rad: Float[np.ndarray, " 2"]
    """Pronation."""
    hand: Float[np.ndarray, "2 3 3"]
    curl_rad: Float[np.ndarray, " 2"]
    """Of each joint of the fingers."""
    thigh: Float[np.ndarray, "2 3 3"]
    shank: Float[np.ndarray, "2 3 3"]
    foot: Float[np.ndarray, "2 3 3"]
    toes_rad: Float[np.ndarray, " 2"]


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A mesh of v vertices, of which the first ``n_drawn`` are seen; b bones, s shapes."""

    name: str
    parents: Int32[np.ndarray, " b"]
    """Parents before their children; -1 for the root, which comes first."""
    rig: Rig
    n_drawn: int
    triangles: Int32[np.ndarray, "t 3"]
    texture_uv: Float32[np.ndarray, "w 2"]
    texture_triangles: Int32[np.ndarray, "t 3"]
    weight: Float32[np.ndarray, "v k"]
    """In descending order."""
    bone: Int32[np.ndarray, "v k"]
    part: Int8[np.ndarray, " v"]
    light: Float32[np.ndarray, " v"]
    """How much of the sky a point of the skin sees at rest, 0..1."""
    regions: dict[str, Float32[np.ndarray, " v"]]
    """Membership 0..1 of a vertex in ``torso hand foot``, ``scalp brow lips cheek nostril beard``, ``sclera iris
    pupil`` and what is worn on the face: ``mask glass rim``. ``arm`` and ``leg`` run from 0 at their root to 1 at wrist
    and ankle, NaN elsewhere; ``height`` from 0 at the ankles to 1 at the neck."""
    keypoint_of_vertex: csr_array
    """(26 v): keypoints are weighted sums of vertices."""
    shapes: Float[np.ndarray, "s v 3"]
    """Rest vertices, float16 or float32."""
    heads: Float32[np.ndarray, "s b 3"]
    """Where each shape's bones begin."""

    def figure(self, shape: int) -> "Figure":
        """One person's body."""
        rest = self.shapes[shape].astype(np.float32)
        return Figure(self, rest, self.heads[shape].astype(np.float64), self.keypoints(rest))

    def keypoints(self, vertices: Float32[np.ndarray, "v 3"]) -> Float32[np.ndarray, "26 3"]:
        """In the order of halpe26."""
        return (self.keypoint_of_vertex @ vertices).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A body of one shape, at rest."""

    body: Body
    rest: Float32[np.ndarray, "v 3"]
    heads: Float[np.ndarray, "b 3"]
    rest_keypoints: Float32[np.ndarray, "26 3"]

    def at(self, keypoint: str) -> Float[np.ndarray, " 3"]:
        """Where a keypoint lies at rest."""
        return self.rest_keypoints[KEYPOINTS.index(keypoint)].astype(np.float64)

    def span(self, start: str, end: str) -> Float[np.ndarray, " 3"]:
        """From one keypoint to another, at rest."""
        return self.at(end) - self.at(start)

    def transforms(self, pose: Pose) -> Float[np.ndarray, "b 3 4"]:
        """World from rest of every bone."""
        return bone_transforms(_bone_turns(self, pose), self.heads, self.body.parents)

    def posed(self, transforms: Float[np.ndarray, "b 3 4"]) -> Float32[np.ndarray, "v 3"]:
        """All vertices of the bare body."""
        return skinned(self.rest, self.body.weight, self.body.bone, transforms)


def _bone_turns(figure: Figure, pose: Pose) -> Float[np.ndarray, "b 3 3"]:
    rig = figure.body.rig
    turns = np.repeat(np.eye(3)[None], len(figure.body.parents), axis=0)
    turns[0] = pose.root
    for bones, turn in ((rig.spine, pose.spine), (rig.neck, pose.neck)):
        turns[list(bones)] = part_of(turn, 1 / len(bones))
    for side, letter in enumerate("LR"):
        turns[rig.clavicle[side]] = pose.clavicle[side]
        arm, forearm = (
            figure.span(f"{letter}Shoulder", f"{letter}Elbow"),
            figure.span(f"{letter}Elbow", f"{letter}Wrist"),
        )
        _twisted(turns, rig.upper_arm[side], pose.upper_arm[side], arm, float(pose.arm_twist_rad[side]))
        _twisted(turns, rig.forearm[side], pose.forearm[side], forearm, float(pose.forearm_twist_rad[side]))
        turns[rig.hand[side]] = pose.hand[side]
        if rig.fingers[side]:
            inwards = np.array([0.0, 1.0 if side == LEFT else -1.0, 0.0])
            turns[list(rig.fingers[side])] = about(inwards, pose.curl_rad[side])
        turns[rig.thigh[side]], turns[rig.shank[side]] = pose.thigh[side], pose.shank[side]
        turns[rig.foot[side]] = pose.foot[side]
        if rig.toes[side]:
            turns[list(rig.toes[side])] = about(np.array([1.0, 0.0, 0.0]), -pose.toes_rad[side])
    return turns


def _twisted(turns: np.ndarray, bones: tuple[int, ...], turn: np.ndarray, axis: np.ndarray, twist_rad: float) -> None:
    """The first bone is turned, and all share the twist about the limb: one alone would wring the skin."""
    share = about(axis, twist_rad / len(bones))
    turns[list(bones)] = share
    turns[bones[0]] = turn @ share
