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


def test_half_the_views_may_be_far_off():
    """Three of six, by up to more than a field of view: the mean of all rays is no start, but pairs of views are."""
    poses, rng = _ring(6), np.random.default_rng(1)
    x = np.random.default_rng(0).uniform(-0.8, 0.8, (1, 3, 200))
    obs = _observed(poses, x)
    for k in range(200):
        wrong = rng.choice(6, 3, replace=False)
        obs[0, wrong, :2, k] += rng.uniform(0.3, 1.5, (3, 2)) * rng.choice([-1, 1], (3, 2))
    points, _, inliers = _triangulate(poses, obs)
    found = np.linalg.norm(points - x, axis=1)[0] < 1e-3
    assert found.mean() > 0.97
    assert (inliers[0, found] >= 3).all()


def test_inliers_are_the_views_within_the_gate():
    """Of eight, one is 6 sigmas off, beyond the gate of 4; of two that miss each other neither is one."""
    obs = _observed(_ring(8), np.zeros((1, 3, 1)))
    obs[0, 0, 0, 0] += 6e-3
    assert _triangulate(_ring(8), obs)[2].tolist() == [[7]]
    two = _observed(_ring(8)[:, :2], np.zeros((1, 3, 1)))
    two[0, 0, 1, 0] += 0.1  # upwards: their rays pass 0.4 m from each other
    points, info, inliers = _triangulate(_ring(8)[:, :2], two)
    assert np.isnan(points).all()
    assert (inliers.tolist(), info.tolist()) == ([[0]], [[[0.0]] * 6])


def test_who_moves_on_is_not_held_back_by_two_views_that_stay():
    """At the second instant four of six views see the point a metre on; two still see it where it was."""
    poses = _ring(6)
    obs = _observed(poses, np.array([[[0.0], [0.0], [0.0]], [[0.5], [0.5], [0.7]]]))
    obs[1, :2] = obs[0, :2]
    points, _, inliers = _triangulate(poses, obs)
    np.testing.assert_allclose(points[1, :, 0], [0.5, 0.5, 0.7], atol=1e-3)
    assert inliers.tolist() == [[6], [4]]


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


def test_a_moving_camera_is_where_it_is_at_that_instant():
    """Three instants, each seen from somewhere else; the views agree exactly."""
    poses = np.concatenate([_ring(4), _ring(5)[:, 1:], _ring(6)[:, 2:]])
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 3, 5))
    obs = np.concatenate([_observed(poses[t : t + 1], x[t : t + 1]) for t in range(3)])
    points, _, inliers = _triangulate(poses, obs)
    np.testing.assert_allclose(points, x, atol=1e-9)
    assert (inliers == 4).all()


def test_a_view_counts_by_its_information_along_every_direction():
    """Noise that is correlated and unlike in each view: the point is where the sum of r' W r is least."""
    poses, rng = _ring(3), np.random.default_rng(4)
    x = rng.uniform(-0.5, 0.5, (1, 3, 20))
    obs = _observed(poses, x)
    obs[:, :, :2] += 4e-3 * rng.normal(size=(1, 3, 2, 20))  # some are a sigma and more off: robust weights count
    obs[0, :, 2], obs[0, :, 3], obs[0, :, 4] = [[4e4]] * 3, [[3e4], [-2e4], [0.0]], [[9e4], [2e4], [1e4]]
    points, info, _ = _triangulate(poses, obs)

    def cost(at: np.ndarray) -> np.ndarray:
        e = (_observed(poses, at) - obs)[0, :, :2]
        w = obs[0, :, 2:]
        r2 = w[:, 0] * e[:, 0] ** 2 + 2 * w[:, 1] * e[:, 0] * e[:, 1] + w[:, 2] * e[:, 1] ** 2
        return (r2 * 16 / (16 + r2)).sum(0)  # Geman-McClure with the gate of 4 sigmas

    for axis in range(3):
        for nudge in (-2e-4, 2e-4):
            moved = points.copy()
            moved[0, axis] += nudge
            assert (cost(moved) > cost(points)).all()
    assert (np.linalg.eigvalsh(np.moveaxis(info[0, [0, 1, 2, 1, 3, 4, 2, 4, 5]], 0, -1).reshape(-1, 3, 3)) > 0).all()
