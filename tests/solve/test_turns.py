"""Rotations of the kernels against scipy's; not compiled, as that would take seconds of every run."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap3d.solve import turns

multiply, rotation_vector, turn_about, zxy_angles = (
    getattr(function, "py_func", function)
    for function in (turns.multiply, turns.rotation_vector, turns.turn_about, turns.zxy_angles)
)
TURNS = Rotation.random(40, random_state=2)


def test_a_turn_about_an_axis_is_rodrigues():
    out = np.empty((3, 3))
    for rotvec in TURNS.as_rotvec():
        angle = float(np.linalg.norm(rotvec))
        turn_about(rotvec / angle, angle, out)
        np.testing.assert_allclose(out, Rotation.from_rotvec(rotvec).as_matrix(), atol=1e-12)


def test_the_product_is_numpy_s():
    out, (a, b) = np.empty((3, 3)), TURNS[:2].as_matrix()
    multiply(a, b, out)
    np.testing.assert_allclose(out, a @ b, atol=1e-15)


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 1e-4, 1.0, 3.0, np.pi - 1e-4])
def test_the_turn_from_one_to_another_is_in_the_first_one_s_axes(angle_rad):
    out = np.empty(3)
    for start, axis in zip(TURNS, Rotation.random(40, random_state=3).as_matrix()[:, 0], strict=True):
        end = start * Rotation.from_rotvec(angle_rad * axis)
        rotation_vector(start.as_matrix(), end.as_matrix(), out)
        np.testing.assert_allclose(out, angle_rad * axis, atol=1e-9)


@pytest.mark.parametrize("axis", [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0.6, -0.8, 0], [0.48, -0.6, 0.64]])
def test_half_a_turn_is_about_its_axis_either_way(axis):
    out = np.empty(3)
    rotation_vector(np.eye(3), Rotation.from_rotvec(np.pi * np.array(axis)).as_matrix(), out)
    np.testing.assert_allclose(out * np.sign(out @ axis), np.pi * np.array(axis), atol=1e-6)


def test_angles_are_scipy_s_and_their_derivatives_those_of_small_turns():
    """Held where x' is within 6 degrees of 90."""
    euler, back, moved, _back = np.empty(3), np.empty((3, 3)), np.empty(3), np.empty((3, 3))
    for turn in Rotation.from_euler("ZXY", np.random.default_rng(1).uniform(-1.3, 1.3, (40, 3))):
        zxy_angles(turn.as_matrix(), euler, back)
        np.testing.assert_allclose(euler, turn.as_euler("ZXY"), atol=1e-12)
        for a in range(3):
            zxy_angles((turn * Rotation.from_rotvec(1e-6 * np.eye(3)[a])).as_matrix(), moved, _back)
            np.testing.assert_allclose((moved - euler) / 1e-6, back[:, a], atol=1e-4)
    zxy_angles(Rotation.from_euler("ZXY", [0.3, np.pi / 2, 0.2]).as_matrix(), euler, back)
    assert np.isfinite(back).all()
    assert np.abs(back).max() <= 10
