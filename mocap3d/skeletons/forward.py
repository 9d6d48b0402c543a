"""Forward kinematics: where the joints of a scaled skeleton are, and how its segments are turned."""

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.skeletons.kinematics import ScaledSkeleton


def posed(
    skeleton: ScaledSkeleton, root_in_world: Float[Tensor, "*b 3"], parent_from_joint: Float[Tensor, "*b j 3 3"]
) -> tuple[Float[Tensor, "*b j 3"], Float[Tensor, "*b j 3 3"]]:
    """(joint_in_world, world_from_joint); the root's parent is the world."""
    positions, turns = [root_in_world], [parent_from_joint[..., 0, :, :]]
    offsets = skeleton.offset_in_parent
    for j, parent in enumerate(skeleton.tree.parents[1:], start=1):
        positions.append(positions[parent] + turns[parent] @ offsets[j])
        turns.append(turns[parent] @ parent_from_joint[..., j, :, :])
    return torch.stack(positions, dim=-2), torch.stack(turns, dim=-3)


def keypoints_of(
    skeleton: ScaledSkeleton,
    placements: tuple[tuple[int, int], ...],
    joint_in_world: Float[Tensor, "*b j 3"],
    world_from_joint: Float[Tensor, "*b j 3 3"],
) -> Float[Tensor, "*b k 3"]:
    """Keypoints of a posed skeleton; ``placements`` gives (anchor, segment) of each of ``skeleton.offset_m``."""
    at = [
        joint_in_world[..., anchor, :] + world_from_joint[..., segment, :, :] @ skeleton.offset_m[k]
        for k, (anchor, segment) in enumerate(placements)
    ]
    return torch.stack(at, dim=-2)
