"""Residuals and inliers against the definitions, for fixed and for moving cameras."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap3d.solve import residuals

RNG = np.random.default_rng(5)
N_TIMES, N_VIEWS, N_POINTS = 3, 4, 6


def scene(*, moving: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """poses (t' v 12) from some 4 m away, obs (t v 5 k) a few sigmas off with correlated noise, points x (t 3 k)."""
    n_poses = N_TIMES + 2 if moving else 1
    turns = Rotation.from_rotvec(0.2 * RNG.normal(size=(n_poses * N_VIEWS, 3))).as_matrix()
    poses = np.concatenate([turns.reshape(-1, 9), RNG.normal([0, 0, 4], 0.3, (len(turns), 3))], axis=1)
    poses = poses.reshape(n_poses, N_VIEWS, 12)
    x = RNG.uniform(-0.5, 0.5, (N_TIMES, 3, N_POINTS))
    obs = np.zeros((N_TIMES, N_VIEWS, 5, N_POINTS))
    obs[:, :, :2] = images(poses, 2, x) + 0.004 * RNG.normal(size=(N_TIMES, N_VIEWS, 2, N_POINTS))
    obs[:, :, 2], obs[:, :, 3], obs[:, :, 4] = 4e5, 1e5, 2e5
    return poses, obs, x


def images(poses: np.ndarray, first: int, x: np.ndarray) -> np.ndarray:
    """(t v 2 k): instant 0 of x is instant ``first`` of poses that move."""
    at = poses[first : first + len(x)] if len(poses) > 1 else np.broadcast_to(poses, (len(x), *poses.shape[1:]))
    p_in_cam = np.einsum("tvij,tjk->tvik", at[..., :9].reshape(*at.shape[:2], 3, 3), x) + at[..., 9:, None]
    return p_in_cam[:, :, :2] / p_in_cam[:, :, 2:]


def whitened(poses: np.ndarray, obs: np.ndarray, x: np.ndarray, info: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    out, expected = np.empty((2, N_TIMES, N_VIEWS, N_POINTS)), np.zeros((N_TIMES, N_VIEWS, N_POINTS, 2))
    residuals.whitened(poses, 2, obs, x, info, out, expected)
    return out, expected


def factors(obs: np.ndarray) -> np.ndarray:
    """(2 2): W = L L'."""
    w = obs[0, 0, 2:, 0]
    return np.linalg.cholesky(np.array([[w[0], w[1]], [w[1], w[2]]]))


@pytest.mark.parametrize("moving", [False, True])
def test_whitened_residuals_and_their_expected_size_are_those_of_the_definitions(moving):
    """Derivatives by differences. A fitted point takes its part of the error away: I - A (A'A)^-1 A' is left."""
    poses, obs, x = scene(moving=moving)
    lower, step = factors(obs), 1e-6
    plain = images(poses, 2, x)
    slopes = [(images(poses, 2, x + step * e[:, None]) - plain) / step for e in np.eye(3)]
    white = np.einsum("ji,tvjkc->tvkic", lower, np.stack(slopes, axis=-1))  # L' d(u v) / dx
    normal = np.einsum("tvkia,tvkib->tkab", white, white)
    info = np.stack([normal[..., i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], axis=1)
    out, expected = whitened(poses, obs, x, info)
    ours = np.einsum("ji,tvjk->itvk", lower, plain - obs[:, :, :2])
    np.testing.assert_allclose(out, ours, rtol=1e-9, atol=1e-9)
    left = np.eye(2) - np.einsum("tvkia,tkab,tvkjb->tvkij", white, np.linalg.inv(normal), white)
    trace = np.trace(left, axis1=-2, axis2=-1)
    np.testing.assert_allclose(expected[..., 0], trace, atol=1e-4)
    np.testing.assert_allclose(expected[..., 1], trace**2 / (left**2).sum((-2, -1)), rtol=1e-3)
    assert trace.sum() == pytest.approx(N_TIMES * N_POINTS * (2 * N_VIEWS - 3), rel=1e-4)


def test_what_is_missing_or_behind_a_camera_has_no_residual():
    poses, obs, x = scene(moving=False)
    obs[1, 2, :, 3] = 0
    poses[0, 3, 11] = -9.0
    info = np.tile([1e6, 0, 0, 1e6, 0, 1e6], (N_TIMES, N_POINTS, 1)).transpose(0, 2, 1).copy()
    out, expected = whitened(poses, obs, x, info)
    unknown = np.zeros((N_TIMES, N_VIEWS, N_POINTS), bool)
    unknown[1, 2, 3], unknown[:, 3] = True, True
    for component in out:
        np.testing.assert_array_equal(np.isnan(component), unknown)
    assert (expected[unknown] == 0).all()


@pytest.mark.parametrize("moving", [False, True])
def test_inliers_are_the_views_within_the_gate(moving):
    poses, obs, x = scene(moving=moving)
    obs[0, 1, :, 2] = 0  # missing
    obs[:, 0, :2] += 0.02  # some 10 sigmas off
    apart = images(poses, 2, x) - obs[:, :, :2]
    lower = factors(obs)
    squared = (np.einsum("ji,tvjk->tvik", lower, apart) ** 2).sum(2)
    seen = obs[:, :, 2] > 0
    found = np.full((N_TIMES, N_POINTS), 9, np.int8)
    residuals.count_inliers(poses, 2, obs, x, 9.0, found)
    np.testing.assert_array_equal(found, ((squared < 9.0) & seen).sum(1))
    assert 0 < found.min() + 1 < found.max() + 1 <= 4
    behind = poses.copy()
    behind[:, 1:, 6:9], behind[:, 1:, 11] = -poses[:, 1:, 6:9], -poses[:, 1:, 11]
    behind[:, 1:, :6], behind[:, 1:, 9:11] = -poses[:, 1:, :6], -poses[:, 1:, 9:11]  # the same images, from behind
    residuals.count_inliers(behind, 2, obs, x, 9.0, found)
    np.testing.assert_array_equal(found, ((squared < 9.0) & seen)[:, 0])
