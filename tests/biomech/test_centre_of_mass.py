"""Centre of mass of bodies laid out by hand; jumps that obey gravity; chairs."""

import numpy as np
import pytest
from motions import make_fitted, points_of

from mocap3d.biomech.centre_of_mass import (
    centre_of_mass,
    joints_of_motion,
    joints_of_points,
    jumps,
    sit_to_stand,
)
from mocap3d.skeletons.inertia import SEGMENTS

SHIFT = np.array([1.0, 2.0, 3.0])


def test_masses_sum_to_one():
    for sex in (0, 1):
        total = sum(segment.mass_fraction[sex] * (2 if "{side}" in segment.proximal else 1) for segment in SEGMENTS)
        assert total == pytest.approx(1, abs=2e-4)


def test_an_upright_body_by_hand():
    """All joints at one point but the ankles and below, a metre lower: legs weigh what they weigh."""
    names = [f"{joint}_{side}" for joint in ("hip", "shoulder", "elbow", "wrist", "hand_tip", "knee") for side in "rl"]
    joints = {name: np.zeros((1, 3)) for name in [*names, "neck", "head_top"]}
    joints |= {
        f"{joint}_{side}": np.array([[0.0, 0.0, -1.0]]) for joint in ("ankle", "subtalar", "toe_tip") for side in "rl"
    }
    tibia, foot = (next(segment for segment in SEGMENTS if segment.name == name) for name in ("tibia", "foot"))
    shank = 2 * sum(tibia.mass_fraction) / 2 * sum(tibia.centre_fraction) / 2
    assert centre_of_mass(joints)[0, 2] == pytest.approx(-(shank + 2 * sum(foot.mass_fraction) / 2), abs=1e-4)


def test_it_lies_in_the_pelvis_and_moves_with_the_body():
    motion = make_fitted(10)
    joints = joints_of_motion(motion, 0)
    centre = centre_of_mass(joints)
    assert np.linalg.norm(centre - joints["pelvis"], axis=-1).max() < 0.35
    moved = centre_of_mass({name: track + SHIFT for name, track in joints.items()})
    np.testing.assert_allclose(moved, centre + SHIFT, atol=1e-12)


def test_keypoints_and_joints_tell_nearly_the_same():
    motion = make_fitted(10)
    of_points = centre_of_mass(joints_of_points(points_of(motion), 0))
    np.testing.assert_allclose(of_points, centre_of_mass(joints_of_motion(motion, 0)), atol=0.03)


def test_an_unknown_arm_is_borne_and_an_unknown_trunk_is_not():
    joints = joints_of_motion(make_fitted(3), 0)
    hidden = {
        name: np.full((3, 3), np.nan) if name in ("elbow_l", "wrist_l", "hand_tip_l") else at
        for name, at in joints.items()
    }
    assert np.isfinite(centre_of_mass(hidden)).all()
    no_hips = {name: np.full((3, 3), np.nan) if name.startswith("hip") else at for name, at in joints.items()}
    assert np.isnan(centre_of_mass(no_hips)).all()


@pytest.mark.parametrize("height_m", [0.1, 0.4])
def test_a_jump_is_as_high_by_path_as_by_time(height_m):
    """Both within 2 cm of the truth at 100 Hz."""
    t_s = np.arange(300) / 100.0
    flight_s = np.sqrt(8 * height_m / 9.81)
    u = np.clip((t_s - 1.0) / flight_s, 0, 1)
    rise = 4 * height_m * u * (1 - u)
    centre = np.stack([0 * t_s, 0 * t_s, 1.0 + rise], axis=-1)
    (jump,) = jumps(centre, 0.05 + rise, 100.0, above_m=0.01)
    assert jump.height_m == pytest.approx(height_m, abs=0.02)
    assert jump.height_by_time_m == pytest.approx(height_m, abs=0.03)
    assert jump.take_off_s == pytest.approx(1.0, abs=0.03)


def test_stepping_up_is_no_jump():
    t_s = np.arange(300) / 100.0
    rise = 0.3 * ((t_s > 1) & (t_s < 2.5))
    assert jumps(np.stack([0 * t_s, 0 * t_s, 1 + rise], -1), 0.05 + rise, 100.0) == ()
    assert jumps(np.full((10, 3), np.nan), np.full(10, np.nan), 100.0) == ()


def test_rising_is_counted_once_per_way_up():
    t_s = np.linspace(0, 30, 1800)
    pelvis = 0.7 - 0.2 * np.cos(2 * np.pi * t_s / 6) + 0.01 * np.sin(50 * t_s)
    assert sit_to_stand(pelvis) == 5
    assert sit_to_stand(np.full(100, 0.9)) == 0
    assert sit_to_stand(np.full(100, np.nan)) == 0
