"""Segments as 4x4 matrices for C3D's group ROTATION, which Theia3D writes, and Visual3D and others read.

Each takes points of its segment into the world, in millimetres. A segment's axes are x to the right, y forward and z up
in the anatomical position, as in Visual3D; its origin is the joint at its upper end.

Source: HAS-Motion, Visual3D documentation, ROTATION data type.
"""

import numpy as np
from jaxtyping import Float

from mocap3d.session.records import Motion
from mocap3d.skeletons.forward import posed

OURS_FROM_VISUAL3D = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""Ours are x forward, y up, z to the right."""
MM_PER_M = 1000.0
_CALLED = {
    "pelvis": "pelvis", "thorax": "torso", "head": "head", "humerus": "uarm", "forearm": "larm", "hand": "hand",
    "femur": "thigh", "tibia": "shank", "calcn": "foot", "toes": "toes",
}  # fmt: skip
"""Theia3D's names for our segments, as far as it has them."""


def segment_poses(motion: Motion, who: int) -> tuple[list[str], Float[np.ndarray, "4 4 s t"]]:
    """(labels, world_from_segment); all NaN where the pose is not known."""
    skeleton = motion.skeletons[who]
    joint_in_world, world_from_joint = posed(skeleton, motion.root_in_world[:, who], motion.parent_from_joint[:, who])
    joints = {_label(joint.segment): j for j, joint in enumerate(skeleton.tree.joints)}
    joints.pop("", None)
    chosen = list(joints.values())
    poses = np.zeros((len(motion.t_s), len(chosen), 4, 4))
    poses[..., :3, :3] = world_from_joint[:, chosen].numpy() @ OURS_FROM_VISUAL3D
    poses[..., :3, 3] = MM_PER_M * joint_in_world[:, chosen].numpy()
    poses[..., 3, 3] = 1.0
    poses[~np.isfinite(poses).all((-2, -1))] = np.nan
    return list(joints), poses.transpose(2, 3, 1, 0)


def _label(segment: str) -> str:
    """femur_r -> r_thigh_4X4; empty for segments that go by no such name."""
    bone, side = (segment[:-2], f"{segment[-1]}_") if segment.endswith(("_r", "_l")) else (segment, "")
    return f"{side}{_CALLED[bone]}_4X4" if bone in _CALLED else ""
