"""SMPL's 24 joints, and how nine of its segments are turned, from keypoints of the skin; both approximate.

The spine, the collars and the hands of SMPL lie where no keypoint is: they are put at fixed shares of the trunk and of
the forearm. Shares: our measurements on pictures of the model in Loper et al. (2015), rounded.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

NEEDED = (
    "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle", "LBigToe", "RBigToe", "LSmallToe", "RSmallToe", "LShoulder",
    "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist", "LEar", "REar",
)  # fmt: skip
PARTS = (0, 1, 2, 4, 5, 16, 17, 18, 19)
"""The segments that 3DPW's challenge scores: pelvis, thighs, shanks, upper arms, forearms; by their SMPL joints."""
_SPINE = {"Pelvis": 0.17, "Spine1": 0.37, "Spine2": 0.62, "Spine3": 0.72, "Neck": 1.11}
"""Along the line from the middle of the hips to that of the shoulders."""
_STRAIGHT = 0.2
"""Sine of a bend below which a hinge's axis is rather taken from the trunk."""

Places = Mapping[str, Float[Tensor, "t 3"]]


def smpl24_of(at: Places) -> Float[Tensor, "t 24 3"]:
    """In the order of the skeleton smpl24; ``at`` has all of NEEDED."""
    hips, shoulders = (at["LHip"] + at["RHip"]) / 2, (at["LShoulder"] + at["RShoulder"]) / 2
    trunk = shoulders - hips
    spine = {name: hips + share * trunk for name, share in _SPINE.items()}
    head = (spine["Neck"] + (at["LEar"] + at["REar"]) / 2) / 2

    def pair(place: str) -> list[Tensor]:
        return [at[f"L{place}"], at[f"R{place}"]]

    collars = [shoulders + 0.42 * (shoulder - shoulders) - 0.06 * trunk for shoulder in pair("Shoulder")]
    feet = [(at[f"{side}BigToe"] + at[f"{side}SmallToe"]) / 2 for side in "LR"]
    hands = [wrist + (wrist - elbow) / 3 for wrist, elbow in zip(pair("Wrist"), pair("Elbow"), strict=True)]
    joints = [
        spine["Pelvis"], *pair("Hip"), spine["Spine1"], *pair("Knee"), spine["Spine2"], *pair("Ankle"), spine["Spine3"],
        *feet, spine["Neck"], *collars, head, *pair("Shoulder"), *pair("Elbow"), *pair("Wrist"), *hands,
    ]  # fmt: skip
    return torch.stack(joints, 1)


def world_from_parts(joint_in_world: Float[Tensor, "t 24 3"]) -> Float[Tensor, "t 9 3 3"]:
    """How the nine PARTS are turned away from SMPL's rest pose (x left, y up, z ahead, arms out), from joints alone.

    How far a limb is twisted about itself is told by the plane of the bent limb, and where it is straight by the trunk.
    """
    j = joint_in_world
    pelvis = _frame(y=j[:, 3] - j[:, 0], x=j[:, 1] - j[:, 2])
    chest = _frame(y=j[:, 12] - j[:, 9], x=j[:, 16] - j[:, 17])
    turns = [pelvis]
    legs = [_leg(j[:, [h, h + 3, h + 6]], pelvis[..., 0]) for h in (1, 2)]
    arms = [_arm(j[:, [s, s + 2, s + 4]], chest[..., 1], left) for s, left in ((16, 1.0), (17, -1.0))]
    turns += [leg[0] for leg in legs] + [leg[1] for leg in legs] + [arm[0] for arm in arms] + [arm[1] for arm in arms]
    return torch.stack(turns, 1)


def _leg(joints: Float[Tensor, "t 3 3"], left: Float[Tensor, "t 3"]) -> list[Tensor]:
    thigh, shank = _unit(joints[:, 1] - joints[:, 0]), _unit(joints[:, 2] - joints[:, 1])
    hinge = torch.linalg.cross(thigh, shank) + _STRAIGHT * left
    return [_frame(y=-thigh, x=hinge), _frame(y=-shank, x=hinge)]


def _arm(joints: Float[Tensor, "t 3 3"], up: Float[Tensor, "t 3"], left: float) -> list[Tensor]:
    upper, fore = _unit(joints[:, 1] - joints[:, 0]), _unit(joints[:, 2] - joints[:, 1])
    hinge = -left * torch.linalg.cross(upper, fore) + _STRAIGHT * up
    return [_frame(x=left * upper, y=hinge, exact="x"), _frame(x=left * fore, y=hinge, exact="x")]


def _frame(*, x: Float[Tensor, "t 3"], y: Float[Tensor, "t 3"], exact: str = "y") -> Float[Tensor, "t 3 3"]:
    """Right-handed, its columns x y z; the axis called exact is kept, the other one made square to it."""
    x, y = _unit(x), _unit(y)
    z = _unit(torch.linalg.cross(x, y))
    return torch.stack([torch.linalg.cross(y, z), y, z] if exact == "y" else [x, torch.linalg.cross(z, x), z], -1)


def _unit(v: Float[Tensor, "t 3"]) -> Float[Tensor, "t 3"]:
    return v / v.norm(dim=-1, keepdim=True)
