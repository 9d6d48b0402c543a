"""Keypoints from real clips: a person's, rigid where people are rigid, and not mirrored."""

from fractions import Fraction

import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.motion.clip import Clip
from mocap3d.synthesis.motion.keypoints import halpe26_of
from mocap3d.synthesis.motion.read import read_clip

WALKS = (
    "amc/02_01.amc",
    "bvh_asfscale/12_01_walk.bvh",
    "bvh_daz_cm/10_03.bvh",
    "amp_humanoid_npy/amp_humanoid_walk.npy",
    "joints_npz/running_1.npz",
)
RIGID = ("LHip-LKnee", "LKnee-LAnkle", "RKnee-RAnkle", "LShoulder-LElbow", "RElbow-RWrist", "Hip-LHip", "Head-Nose")


@pytest.fixture(params=WALKS)
def walk(request, real_data):
    """Keypoints of somebody who walks or runs, and their height."""
    return halpe26_of(read_clip(real_data / "05_cmu_motions" / request.param))


def test_all_keypoints_are_there(walk):
    keypoints, height_m = walk
    assert set(keypoints) == set(load_skeleton("halpe26").keypoints)
    assert all(np.isfinite(p).all() for p in keypoints.values())
    assert 1.5 < height_m < 1.9


def test_segments_are_rigid(walk):
    """Measured 2e-3 mm worst, of file precision; the joint-position clips are float32."""
    keypoints, _ = walk
    for name in RIGID:
        a, b = name.split("-")
        assert np.linalg.norm(keypoints[a] - keypoints[b], axis=-1).std() < 1e-4, name


def test_people_walk_forwards_with_their_left_on_the_left(walk):
    keypoints, _ = walk
    travel = keypoints["Hip"][-1] - keypoints["Hip"][0]
    left = np.cross([0.0, 0.0, 1.0], travel / np.linalg.norm(travel))
    for part in ("Hip", "Shoulder", "Ear", "Eye"):
        assert ((keypoints[f"L{part}"] - keypoints[f"R{part}"]) @ left).mean() > 0.03, part
    ahead = {
        "nose before the ears": keypoints["Nose"] - keypoints["LEar"],
        "toes before the heel": keypoints["RBigToe"] - keypoints["RHeel"],
        "big toe before the ankle": keypoints["LBigToe"] - keypoints["LAnkle"],
    }
    for what, vector in ahead.items():
        assert (vector @ travel).mean() > 0, what
    inwards = {side: (keypoints[f"{side}BigToe"] - keypoints[f"{side}SmallToe"]) @ left for side in "LR"}
    assert inwards["L"].mean() < 0 < inwards["R"].mean()


def test_people_have_the_proportions_of_people(walk):
    """Within 4 sigma of the skeleton's table; measured 3.4 worst, the forearm of CMU's subject 12."""
    keypoints, height_m = walk
    skeleton = load_skeleton("halpe26")
    for name, mean, sigma in zip(skeleton.limb_names, skeleton.length_ratio, skeleton.length_ratio_sigma, strict=True):
        a, b = name.split("-")
        ratio = np.linalg.norm(keypoints[a] - keypoints[b], axis=-1).mean() / height_m
        assert not abs(ratio - mean) > 4 * sigma, name
    assert np.median(keypoints["Head"][:, 2] - keypoints["Hip"][:, 2]) == pytest.approx(0.47 * height_m, rel=0.1)


def test_unknown_joint_names_are_refused(tmp_path):
    clip = Clip(tmp_path / "x.bvh", ("a", "b"), Fraction(60), np.zeros((2, 2, 3)), np.zeros((2, 2, 3, 3)))
    with pytest.raises(FormatError, match=r"x\.bvh.*\(a, b, \.\.\.\).*Needed"):
        halpe26_of(clip)
