"""The procedural walk: rigid segments, feet that stand, knees that bend forward, and nobody mirrored."""

import numpy as np
import pytest

from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.walk import Circle, Gait, walking_person

RATE = 60.0


@pytest.fixture(scope="module")
def walk():
    return walking_person(300, rate_hz=RATE, height_m=1.80, seed=3)


def length(keypoints, a, b):
    return np.linalg.norm(keypoints[a] - keypoints[b], axis=-1)


def ahead(keypoints):
    """Unit vectors along the way."""
    forward = np.gradient(keypoints["Hip"], axis=0) * [1, 1, 0]
    return forward / np.linalg.norm(forward, axis=-1, keepdims=True)


def test_segments_are_rigid(walk):
    """Measured 1e-15 m; only the head nods against the neck."""
    skeleton = load_skeleton("halpe26")
    for first, last in skeleton.limbs:
        a, b = skeleton.keypoints[first], skeleton.keypoints[last]
        if (a, b) != ("Neck", "Head"):
            assert length(walk, a, b).std() < 1e-12, (a, b)


def test_proportions_are_a_persons(walk):
    """Within one sigma of the skeleton's table; measured 0.5."""
    skeleton = load_skeleton("halpe26")
    for name, mean, sigma in zip(skeleton.limb_names, skeleton.length_ratio, skeleton.length_ratio_sigma, strict=True):
        assert not abs(length(walk, *name.split("-")).mean() / 1.80 - mean) > sigma, name


def test_a_standing_foot_stays_and_a_swinging_one_clears_the_floor(walk):
    """Heel and toe are both down for a third of the time; measured: then they stand, 36 mm/s at worst."""
    for side in "LR":
        heel, toe = walk[f"{side}Heel"], walk[f"{side}BigToe"]
        down = (heel[:, 2] < heel[:, 2].min() + 0.002) & (toe[:, 2] < toe[:, 2].min() + 0.003)
        flat = down[:-2] & down[1:-1] & down[2:]
        assert 0.2 < flat.mean() < 0.5
        speed = np.linalg.norm(np.gradient(heel, axis=0), axis=-1)[1:-1] * RATE
        assert np.median(speed[flat]) < 0.02
        assert min(heel[:, 2].min(), toe[:, 2].min()) > 0.005
        assert heel[:, 2].max() > 0.15


def test_knees_bend_forward_and_within_their_range(walk):
    forward = ahead(walk)
    for side in "LR":
        hip, knee, ankle = (walk[f"{side}{joint}"] for joint in ("Hip", "Knee", "Ankle"))
        assert (((2 * knee - hip - ankle) * forward).sum(-1) > 0).all()
        cosine = ((hip - knee) * (ankle - knee)).sum(-1) / length(walk, f"{side}Hip", f"{side}Knee") ** 2
        flexion_deg = 180 - np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
        assert flexion_deg.min() > 5
        assert 50 < flexion_deg.max() < 90


def test_left_is_left_and_arms_swing_against_legs(walk):
    forward = ahead(walk)
    left = np.cross([0, 0, 1], forward)
    for part in ("Shoulder", "Hip", "Ear", "Knee"):
        assert ((walk[f"L{part}"] - walk[f"R{part}"]) * left).sum(-1).min() > 0, part
    assert ((walk["Nose"] - walk["LEar"]) * forward).sum(-1).min() > 0
    arm = ((walk["LWrist"] - walk["LShoulder"]) * forward).sum(-1)
    leg = ((walk["LAnkle"] - walk["LHip"]) * forward).sum(-1)
    assert np.corrcoef(arm, leg)[0, 1] < -0.5


def test_the_way_is_walked_at_the_stated_speed():
    way, gait = Circle((1.0, 2.0), 1.5), Gait(2.0, 0.6)
    hip = walking_person(240, rate_hz=RATE, gait=gait, way=way)["Hip"]
    assert np.linalg.norm(hip[:, :2] - [1.0, 2.0], axis=-1) == pytest.approx(1.5, abs=0.03)
    speed = np.linalg.norm(np.diff(hip[:, :2], axis=0), axis=-1) * RATE
    assert speed.mean() == pytest.approx(1.2, rel=0.01)


def test_the_rate_only_samples_the_motion():
    """Measured 3 mm, of smoothing over whole frames."""
    coarse, fine = (walking_person(n, rate_hz=rate, seed=1) for n, rate in ((90, 30.0), (360, 120.0)))
    for name in ("Hip", "LKnee", "RBigToe"):
        assert np.linalg.norm(coarse[name][5:-5] - fine[name][::4][5:-5], axis=-1).max() < 0.02
