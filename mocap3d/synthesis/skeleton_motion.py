"""People whose bodies are exactly a kinematic tree, moving at random: truth for lengths, turns and angles."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from mocap3d.skeletons.forward import keypoints_of, posed
from mocap3d.skeletons.kinematics import Joint, JointKind, KinematicTree, ScaledSkeleton
from mocap3d.skeletons.skeleton import Skeleton
from mocap3d.synthesis.series import band_limited

_ASYMMETRY_M = 0.002
_UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""World from a segment that stands upright and faces +x."""


@dataclass(frozen=True, slots=True, eq=False)
class SkeletonTruth:
    """A body, its turns, and where its joints and keypoints are."""

    skeleton: ScaledSkeleton
    root_in_world: Float[Tensor, "t 3"]
    parent_from_joint: Float[Tensor, "t j 3 3"]
    joint_in_world: Float[Tensor, "t j 3"]
    p_in_world: Float[Tensor, "t k 3"]


def random_body(tree: KinematicTree, skeleton: Skeleton, height_m: float, *, seed: int = 0) -> ScaledSkeleton:
    """Somebody of that height: lengths and keypoint offsets drawn as they differ among people, nearly symmetric."""
    rng = np.random.default_rng([seed, 51])
    length = np.array([j.length_ratio + rng.normal() * j.length_ratio_sigma for j in tree.joints]) * height_m
    length = (length + length[[j.mirror for j in tree.joints]]) / 2
    length[1:] += rng.normal(0, _ASYMMETRY_M, len(length) - 1)
    offset = np.zeros((len(skeleton.keypoints), 3))
    placements = tree.placements(skeleton)
    for k, p in enumerate(placements):
        if p is None:
            raise ValueError(f"the body has no place for keypoint '{skeleton.keypoints[k]}'")
        offset[k] = (np.array(p.offset_ratio) + rng.normal(size=3) * p.sigma_ratio) * height_m
    mirrored = offset[list(skeleton.mirror)] * [1, 1, -1]
    zero = torch.zeros(len(length), dtype=torch.float64)
    return ScaledSkeleton(
        tree,
        height_m,
        torch.from_numpy(length),
        zero,
        skeleton.keypoints,
        torch.from_numpy((offset + mirrored) / 2),
        torch.zeros(len(offset), 3, dtype=torch.float64),
    )


def moving_at_random(
    body: ScaledSkeleton,
    skeleton: Skeleton,
    n_frames: int,
    *,
    fps: float = 60.0,
    seed: int = 0,
    liveliness: float = 0.5,
) -> SkeletonTruth:
    """Turning and bending within the ranges of the joints, up to about 2 Hz, near the origin."""
    rng = np.random.default_rng([seed, 52])
    joints = body.tree.joints
    n_dofs = sum(len(joint.dofs) for joint in joints)
    waves = iter(liveliness * band_limited(rng, n_frames, n_dofs + 3, fps=fps, cutoff_hz=2.0))
    turns = [_turn(joint, waves, n_frames) for joint in joints]
    root = np.stack([next(waves) for _ in range(3)], axis=1) * [0.3, 0.3, 0.05] + [0, 0, 0.53 * body.height_m]
    return truth_of(body, skeleton, torch.from_numpy(root), torch.from_numpy(np.stack(turns, axis=1)))


def truth_of(
    body: ScaledSkeleton,
    skeleton: Skeleton,
    root_in_world: Float[Tensor, "t 3"],
    parent_from_joint: Float[Tensor, "t j 3 3"],
) -> SkeletonTruth:
    """Forward kinematics of a motion."""
    joint_in_world, world_from_joint = posed(body, root_in_world, parent_from_joint)
    placed = tuple((p.anchor, p.segment) for p in body.tree.placements(skeleton) if p is not None)
    keypoints = keypoints_of(body, placed, joint_in_world, world_from_joint)
    return SkeletonTruth(body, root_in_world, parent_from_joint, joint_in_world, keypoints)


def _turn(joint: Joint, waves: Iterator[np.ndarray], n_frames: int) -> Float[np.ndarray, "t 3 3"]:
    """(t 3 3): each degree of freedom about its ease, within its range; the root turns about the vertical."""
    turn = Rotation.identity(n_frames)
    for dof in joint.dofs:
        wave = next(waves)
        if joint.kind is JointKind.FREE:
            angle = wave * (1.5 if dof.axis[1] else 0.15)
        else:
            angle = np.clip(dof.ease_rad + wave * dof.spread_rad, dof.min_rad, dof.max_rad)
        turn = turn * Rotation.from_rotvec(angle[:, None] * np.array(dof.axis))
    return _UPRIGHT @ turn.as_matrix() if joint.kind is JointKind.FREE else turn.as_matrix()
