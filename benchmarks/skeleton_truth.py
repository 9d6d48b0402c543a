"""Truth for the skeleton fit: recorded people's motion through our own kinematic tree.

A clip's keypoints are followed by the tree; its turns are then the truth. Degrees of freedom that the clip's keypoints
do not tell (how back, neck and clavicles share their turns; forearms, wrists) are given slow motions of their own.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mocap3d.fusion.skeleton_fit.evidence import sample_of
from mocap3d.fusion.skeleton_fit.measures import HABIT, expected_measures
from mocap3d.fusion.skeleton_fit.measuring import solve_measures
from mocap3d.fusion.skeleton_fit.packed_tree import pack_tree
from mocap3d.fusion.skeleton_fit.start import first_poses
from mocap3d.fusion.skeleton_fit.terms import NearPoints, loose_prior
from mocap3d.fusion.skeleton_fit.window import solve_poses
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.kinematics import Joint, JointKind, Placement
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton
from mocap3d.synthesis.motion.keypoints import halpe26_of
from mocap3d.synthesis.motion.read import read_clip
from mocap3d.synthesis.series import band_limited
from mocap3d.synthesis.skeleton_motion import SkeletonTruth, random_body, truth_of

RATE = 60.0
HIP = load_skeleton("halpe26").index("Hip")
EASE = 20.0
STIFF = 1e9
"""1/rad^2: a clip's people have the usual posture at ease."""
OWN_RAD = np.radians(2.0)
"""What back, neck and clavicles do beyond their even share."""


@dataclass(frozen=True)
class Clip60:
    """A clip's keypoints (t k 3) at 60 per second, about the origin."""

    name: str
    p: np.ndarray
    height_m: float
    pelvis: np.ndarray
    """(t 3 3): how the clip's root is turned; its rest pose faces +x."""


def read_clips(folder: Path, n_frames: int) -> list[Clip60]:
    """The BVH and AMC clips of a folder, their first frames."""
    clips = []
    for path in sorted([*folder.rglob("*.bvh"), *folder.rglob("*.amc")]):
        clip = read_clip(path)
        keypoints, height_m = halpe26_of(clip)
        p = np.stack([keypoints[name] for name in load_skeleton("halpe26").keypoints], axis=1)
        every = max(1, round(float(clip.rate) / RATE))
        p, pelvis = p[::every][:n_frames], clip.world_from_joint[::every, 0][:n_frames]
        p = p - [*np.median(p[:, :, :2], axis=(0, 1)), 0]
        if len(p) >= 200 and np.abs(p[:, :, :2]).max() < 2.2:
            clips.append(Clip60(path.stem, p, height_m, pelvis))
    return clips


def truth_from(clip: Clip60, skeleton: Skeleton, seed: int) -> SkeletonTruth:
    """The clip's motion by a body of its height whose measures are drawn."""
    tree, halpe26 = load_body(), load_skeleton("halpe26")
    # Hips alone do not tell how the pelvis is tilted: the clip does, as a keypoint above them.
    above = Placement(0, 0, (0.0, 0.15, 0.0), (0.0, 0.0, 0.0))
    p = np.concatenate([clip.p, clip.p[:, [HIP]] + 0.15 * clip.height_m * clip.pelvis[:, None, :, 2]], axis=1)
    placements = (*tree.placements(halpe26), above)
    packed = pack_tree(tree, placements, np.ones(len(placements), bool))
    measures = expected_measures(packed, placements, clip.height_m, {})
    habits = measures.free[:, 0] == HABIT
    measures.information[habits, habits] = STIFF
    data = NearPoints(np.ascontiguousarray(p.transpose(0, 2, 1)), 0.005)
    poses, prior = first_poses(packed, measures, p, RATE), loose_prior(packed, RATE)
    # Offsets, and not odd postures, take up how the clip's keypoints differ from ours.
    prior = replace(prior, ease_weight=EASE * prior.ease_weight)
    prior.ease_weight[0] = 0  # the clip tells how the pelvis leans
    solve_poses(packed, measures, poses, data, prior, steps=10)
    windows = [(poses[s].copy(), NearPoints(data.p[s], 0.005)) for s in sample_of([slice(0, len(p))])]
    measures, _ = solve_measures(packed, measures, windows, prior, steps=15, persistence=0.1)
    solve_poses(packed, measures, poses, data, prior, steps=20)
    turns = [_livelier(poses.turn[:, j], joint, seed, j) for j, joint in enumerate(tree.joints)]
    body = random_body(tree, skeleton, clip.height_m, seed=seed)
    root = torch.from_numpy(poses.root)
    return truth_of(body, skeleton, root, torch.from_numpy(np.stack(turns, axis=1)))


def _livelier(turn: np.ndarray, joint: Joint, seed: int, j: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 53, j])
    dofs = joint.dofs
    if not dofs:
        return turn
    waves = band_limited(rng, len(turn), len(dofs), fps=RATE, cutoff_hz=1.5)
    if joint.name.startswith(("lumbar", "thorax", "neck", "head", "clavicle")):
        own = OWN_RAD * waves
    elif joint.name.startswith("wrist"):
        own = np.array([[dof.spread_rad / 2] for dof in dofs]) * waves
    elif joint.name.startswith("elbow"):
        own = np.array([[0.0], [dofs[1].spread_rad / 2]]) * waves
    else:
        return turn
    if joint.kind is JointKind.BALL:
        return turn @ Rotation.from_rotvec(own.T).as_matrix()
    axes = np.array([dof.axis for dof in dofs])
    return turn @ Rotation.from_rotvec(own.T @ axes if len(dofs) < 2 else own[1][:, None] * axes[1]).as_matrix()
