"""Joint angles against those that Vicon's Plug-in Gait computed of a recorded trial: a kick, with markers.

Twice: with Plug-in Gait's own segments, which shows that the conventions are the same; and with our body put through
the joint centres alone, as a reconstruction has them.
"""

import numpy as np
import pytest
import torch

from mocap3d.biomech import rotations
from mocap3d.biomech.angles import joint_angles
from mocap3d.fusion.skeleton_fit.measures import expected_measures
from mocap3d.fusion.skeleton_fit.measuring import solve_measures
from mocap3d.fusion.skeleton_fit.packed_tree import pack_tree
from mocap3d.fusion.skeleton_fit.start import first_poses
from mocap3d.fusion.skeleton_fit.terms import NearPoints, loose_prior
from mocap3d.fusion.skeleton_fit.window import solve_poses
from mocap3d.session.motion_files.c3d import read_c3d
from mocap3d.session.motion_files.markers import MarkerTrial
from mocap3d.session.records import Motion, Provenance
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.kinematics import Placement, ScaledSkeleton

TREE, ZERO = load_body(), (0.0, 0.0, 0.0)
SEGMENTS = {"Hip": ("PEL", "FE"), "Knee": ("FE", "TI"), "Ankle": ("TI", "FO")}
SAGITTAL = {"Hip": "hip_flexion", "Knee": "knee_angle", "Ankle": "foot_dorsiflexion", "Elbow": "elbow_flex"}
CENTRES = {"FEP": "hip", "FEO": "knee", "TIO": "ankle", "CLO": "shoulder", "HUO": "elbow", "RAO": "wrist"}


@pytest.fixture(scope="module")
def trial(real_data) -> MarkerTrial:
    return read_c3d(real_data / "07_c3d/pycgm/Movement_trial.c3d")


def _frame(trial: MarkerTrial, segment: str) -> np.ndarray:
    """(t 3 3): world from our axes of a segment; the file has points ahead (A), left (L), above (P) of its origin."""
    ahead, left, above = (trial.track(segment + end) - trial.track(f"{segment}O") for end in "ALP")
    axes = np.stack([ahead, above, -left], axis=-1)
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def _theirs(trial: MarkerTrial, joint: str) -> np.ndarray:
    return trial.quantities["ANGLES"][f"{joint}Angles"]


@pytest.mark.parametrize("side", "RL")
@pytest.mark.parametrize("joint", ["Hip", "Knee", "Ankle"])
def test_angles_of_their_segments_are_theirs(trial, joint, side):
    """Measured: the same to 0.002 deg; their knee counts flexion, their ankle from the foot at right angles.

    Their ankle turns and inverts in another order, so only its flexion is the same.
    """
    proximal, distal = SEGMENTS[joint]
    proximal = proximal if joint == "Hip" else side + proximal
    turn = np.swapaxes(_frame(trial, proximal), 1, 2) @ _frame(trial, side + distal)
    ours = np.degrees(rotations.flexion_adduction_rotation(rotations.mirrored(turn) if side == "L" else turn))
    theirs = _theirs(trial, side + joint)
    if joint == "Knee":
        ours[:, 0] *= -1
    if joint == "Ankle":
        ours, theirs = ours[:, :1] - 90, theirs[:, :1]
    assert np.abs(ours - theirs).max() < 0.01


def _fitted(trial: MarkerTrial) -> Motion:
    """Our body through joint centres, heels and toes."""
    names = [(side + theirs, f"{ours}_{side.lower()}") for theirs, ours in CENTRES.items() for side in "RL"]
    placements = [Placement(TREE.index(ours), _carrier(ours), ZERO, ZERO) for _, ours in names]
    feet = [(f"{side}{what}", f"{side}{ours}") for what, ours in (("HEE", "Heel"), ("TOE", "BigToe")) for side in "RL"]
    placements += [TREE.keypoints[""][ours] for _, ours in feet]
    p = np.stack([trial.track(label) for label, _ in (*names, *feet)], axis=1)
    packed = pack_tree(TREE, tuple(placements), np.ones(len(placements), bool))
    measures = expected_measures(packed, tuple(placements), 1.70, {})
    data, rate = NearPoints(np.ascontiguousarray(p.transpose(0, 2, 1)), 0.005), float(trial.rate)
    poses, prior = first_poses(packed, measures, p, rate), loose_prior(packed, rate)
    solve_poses(packed, measures, poses, data, prior, steps=10)
    measures, _ = solve_measures(packed, measures, [(poses, data)], prior, steps=15, persistence=1.0)
    solve_poses(packed, measures, poses, data, prior, steps=10)
    return _motion(trial, poses.turn, poses.root, ScaledSkeleton.of_height(TREE, 1.70))


def _carrier(joint: str) -> int:
    """A joint centre is carried by the segment before it."""
    return TREE.joints[TREE.index(joint)].parent


def _motion(trial: MarkerTrial, turn: np.ndarray, root: np.ndarray, skeleton: ScaledSkeleton) -> Motion:
    shape = (len(turn), 1, len(TREE.joints))
    zero = torch.zeros(*shape, 3, 3, dtype=torch.float64)
    return Motion(
        (skeleton,),
        ("P1",),
        torch.from_numpy(trial.t_s),
        trial.rate,
        torch.from_numpy(root)[:, None],
        zero[:, :, 0],
        torch.from_numpy(turn)[:, None],
        zero,
        zero[:, :, : len(TREE.spans)],
        zero[..., 0],
        zero,
        torch.full(shape, int(Provenance.MEASURED), dtype=torch.int8),
    )


@pytest.fixture(scope="module")
def fitted(trial) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and degrees (t a) of our angles."""
    angles = joint_angles(_fitted(trial))
    return angles.names, np.degrees(angles.angle_rad[:, 0].numpy())


@pytest.mark.slow
@pytest.mark.parametrize("side", "RL")
@pytest.mark.parametrize("joint", SAGITTAL)
def test_sagittal_angles_from_joint_centres_have_their_shape(trial, fitted, joint, side):
    """Measured 0.966 (left ankle) to 0.9995 (right elbow); what is the same all the time, 22 deg at the hips, is left
    out: four pelvis markers show a tilt that joint centres do not."""
    names, degrees = fitted
    ours, theirs = degrees[:, names.index(f"{SAGITTAL[joint]}_{side.lower()}")], _theirs(trial, side + joint)[:, 0]
    assert np.corrcoef(ours, theirs)[0, 1] >= 0.95
