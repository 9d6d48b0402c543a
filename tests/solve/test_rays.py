"""Triangulation kernels where it is hard: parallel rays, points behind a camera, many wrong views."""

import numpy as np

from mocap3d.solve import rays


def _ring(n: int) -> np.ndarray:
    """Pinhole cameras on a circle of 4 m, looking at its centre: poses (1 v 12)."""
    poses = np.zeros((1, n, 12))
    for v, angle in enumerate(2 * np.pi * np.arange(n) / n + 0.3):
        forward = -np.array([np.cos(angle), np.sin(angle), 0.0])
        right = np.array([-forward[1], forward[0], 0.0])
        rotation = np.stack([right, np.cross(forward, right), forward])
        poses[0, v, :9], poses[0, v, 9:] = rotation.ravel(), rotation @ (4 * forward)
    return poses


def _observed(poses: np.ndarray, x: np.ndarray, sigma: float = 1e-3) -> np.ndarray:
    """obs (t v 5 k) of points (t 3 k)."""
    rotation = poses[0, :, :9].reshape(-1, 3, 3)
    p_in_cam = np.einsum("vij,tjk->tvik", rotation, x) + poses[0, None, :, 9:, None]
    obs = np.zeros((len(x), poses.shape[1], 5, x.shape[2]))
    obs[:, :, :2] = p_in_cam[:, :, :2] / p_in_cam[:, :, 2:]
    obs[:, :, 2] = obs[:, :, 4] = 1 / sigma**2
    return obs


def _triangulate(poses: np.ndarray, obs: np.ndarray):
    n_times, _, _, n_points = obs.shape
    points, info = np.empty((n_times, 3, n_points)), np.empty((n_times, 6, n_points))
    inliers = np.empty((n_times, n_points), np.int8)
    rays.triangulate(poses, obs, 16.0, points, info, inliers)
    return points, info, inliers


def test_three_wrong_views_of_eight_are_found_out():
    poses = _ring(8)
    x = np.random.default_rng(0).uniform(-0.8, 0.8, (1, 3, 200))
    obs = _observed(poses, x)
    rng = np.random.default_rng(1)
    for k in range(200):
        wrong = rng.choice(8, 3, replace=False)
        obs[0, wrong, :2, k] += rng.uniform(0.05, 0.2, (3, 2)) * rng.choice([-1, 1], (3, 2))
    points, _, inliers = _triangulate(poses, obs)
    apart = np.linalg.norm(points - x, axis=1)
    assert (apart < 1e-3).mean() > 0.98
    assert (inliers[apart < 1e-3] >= 5).all()


def test_parallel_rays_give_no_point():
    poses = np.repeat(_ring(1), 2, axis=1)
    obs = _observed(poses, np.zeros((3, 3, 1)))
    points, _, inliers = _triangulate(poses, obs)
    assert np.isnan(points).all()
    assert (inliers == 0).all()


def test_a_point_is_never_put_behind_a_camera():
    """Rays that diverge meet behind both cameras."""
    poses = _ring(2)
    obs = _observed(poses, np.zeros((1, 3, 1)))
    obs[0, 0, 0], obs[0, 1, 0] = 1.0, -1.0
    rotation = poses[0, :, :9].reshape(-1, 3, 3)
    points, _, _ = _triangulate(poses, obs)
    if np.isfinite(points).all():
        depth = (rotation @ points[0, :, 0] + poses[0, :, 9:])[:, 2]
        assert (depth > 0).all()


def test_the_normal_matrix_is_that_of_the_residuals():
    poses = _ring(4)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 3, 5))
    points, info, _ = _triangulate(poses, _observed(poses, x))
    np.testing.assert_allclose(points, x, atol=1e-9)
    step = 1e-6
    for k in range(5):
        columns = []
        for axis in range(3):
            moved = x.copy()
            moved[0, axis, k] += step
            columns.append((_observed(poses, moved)[0, :, :2, k] - _observed(poses, x)[0, :, :2, k]).ravel() / step)
        jacobian = np.stack(columns, 1)
        expected = (jacobian.T @ jacobian * 1e6)[[0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
        np.testing.assert_allclose(info[0, :, k], expected, rtol=1e-4, atol=1e-3 * np.abs(expected).max())
