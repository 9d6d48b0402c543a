"""Centre of mass of bodies laid out by hand."""

import numpy as np
import pytest
from motions import make_fitted

from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.centre_of_mass import centre_of_mass, joint_weights
from mocap3d.skeletons.inertia import SEGMENTS

SHIFT = np.array([1.0, 2.0, 3.0])
TREE = load_body("full_body")


def joints_of(n_instants: int) -> np.ndarray:
    return make_fitted(n_instants).joint_in_world[:, 0].numpy()


def hidden(joints: np.ndarray, *names: str) -> np.ndarray:
    without = joints.copy()
    without[:, [TREE.index(name) for name in names]] = np.nan
    return without


def test_masses_sum_to_one():
    for sex in (0, 1):
        total = sum(segment.mass_fraction[sex] * (2 if "{side}" in segment.proximal else 1) for segment in SEGMENTS)
        assert total == pytest.approx(1, abs=2e-4)


def test_an_upright_body_by_hand():
    """All joints at one point but the ankles and below, a metre lower: legs weigh what they weigh."""
    joints = np.zeros((1, len(TREE.joints), 3))
    for name in ("ankle", "subtalar", "toe_tip"):
        joints[:, [TREE.index(f"{name}_{side}") for side in "rl"], 2] = -1.0
    tibia, foot = (next(segment for segment in SEGMENTS if segment.name == name) for name in ("tibia", "foot"))
    shank = 2 * sum(tibia.mass_fraction) / 2 * sum(tibia.centre_fraction) / 2
    assert centre_of_mass(TREE, joints)[0, 2] == pytest.approx(-(shank + 2 * sum(foot.mass_fraction) / 2), abs=1e-4)


def test_it_lies_in_the_pelvis_and_moves_with_the_body():
    joints = joints_of(10)
    centre = centre_of_mass(TREE, joints)
    assert np.linalg.norm(centre - joints[:, TREE.index("pelvis")], axis=-1).max() < 0.35
    np.testing.assert_allclose(centre_of_mass(TREE, joints + SHIFT), centre + SHIFT, atol=1e-12)


@pytest.mark.parametrize("of_men", [0, 1])
def test_women_and_men_have_their_own_shares(of_men):
    """All joints at one point but the shoulders, a metre higher: they bear parts of the trunk and of the upper arms."""
    joints = np.zeros((1, len(TREE.joints), 3))
    joints[:, [TREE.index("shoulder_r"), TREE.index("shoulder_l")], 2] = 1.0
    trunk, humerus = (next(segment for segment in SEGMENTS if segment.name == name) for name in ("trunk", "humerus"))
    borne = [segment.mass_fraction[of_men] * (1 - segment.centre_fraction[of_men]) for segment in (trunk, humerus)]
    found = centre_of_mass(TREE, joints, share_of_men=float(of_men))[0, 2]
    assert found == pytest.approx(borne[0] + 2 * borne[1], abs=2e-4)


def test_an_unknown_arm_is_borne_and_an_unknown_trunk_is_not():
    joints = joints_of(3)
    no_arm = centre_of_mass(TREE, hidden(joints, "elbow_l", "wrist_l", "hand_tip_l"))
    assert 0 < np.linalg.norm(no_arm - centre_of_mass(TREE, joints), axis=-1).max() < 0.05
    assert np.isnan(centre_of_mass(TREE, hidden(joints, "hip_l", "hip_r"))).all()


def test_weights_sum_to_one_whatever_is_known():
    known = np.ones((2, len(TREE.joints)), bool)
    known[1, TREE.index("wrist_r")] = False
    weights = joint_weights(TREE, known)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights[1, TREE.index("wrist_r")] == 0
