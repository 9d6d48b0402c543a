"""The kernels' gradients and costs against autograd on the costs written out in torch."""

import numpy as np
import torch
from scene import small_scene

from mocap3d.fusion import costs
from mocap3d.fusion.packing import pack_rig, pack_tracks, unit_scales
from mocap3d.solve import sequence
from mocap3d.solve.losses import geman_mcclure, huber

TIMES = slice(0, 8)


def _packed():
    scene = small_scene()
    rig = pack_rig(scene.rig, scene.tracks.views, len(scene.t_s))
    obs = pack_tracks(scene.tracks, 0, TIMES, rig, unit_scales(scene.tracks))
    off = torch.from_numpy(np.random.default_rng(0).normal(0, 0.01, (8, 26, 3)))
    p_in_world = (scene.p_in_world[TIMES, 0] + off).requires_grad_()
    x = np.ascontiguousarray(p_in_world.detach().numpy().transpose(0, 2, 1))
    return scene, rig, obs, p_in_world, x


def _gradient(cost: torch.Tensor, p_in_world: torch.Tensor) -> np.ndarray:
    (gradient,) = torch.autograd.grad(cost, p_in_world)
    return gradient.numpy().transpose(0, 2, 1)


def test_views_match_the_exact_lens_up_to_its_curvature():
    """Errors of some 10 px on a lens with distortion: measured 0.2 % in cost and gradient."""
    scene, rig, obs, p_in_world, x = _packed()
    h, g = np.empty((8, 6, 26)), np.empty_like(x)
    kernel_cost = sequence.linearise_views(rig.poses, 0, obs, x, 16.0, h, g)
    cost = p_in_world.new_zeros(())
    for view, camera in enumerate(scene.rig.cameras.values()):
        uv, cov = scene.tracks.uv_px[view, TIMES, 0, :, 0], scene.tracks.cov_px2[view, TIMES, 0, :, 0]
        cost = cost + geman_mcclure(costs.reprojection2(p_in_world, uv, cov, camera), 16.0).sum()
    expected = _gradient(cost / 2, p_in_world)
    assert abs(kernel_cost / cost.item() - 1) < 5e-3
    assert np.abs(g - expected).max() < 1e-2 * np.abs(expected).max()


def test_pairs_and_motion_match_autograd():
    _, _, _, p_in_world, x = _packed()
    rng = np.random.default_rng(1)
    pairs = np.array([(5, 7), (7, 9), (11, 13), (0, 1)])
    length, weight = rng.uniform(0.1, 0.4, 4), rng.uniform(1e3, 1e5, 4)
    g, rows = np.zeros_like(x), np.empty((8, 3, 4))
    kernel_cost = sequence.linearise_pairs(x, pairs, length, weight, 3.0, g, rows)
    residual = costs.pair_residual(p_in_world, *map(torch.from_numpy, (pairs, length, weight)))
    cost = huber(residual.square(), 3.0).sum()
    np.testing.assert_allclose(kernel_cost, cost.item(), rtol=1e-6)
    np.testing.assert_allclose(g, _gradient(cost / 2, p_in_world), rtol=1e-6, atol=1e-5)

    weight = rng.uniform(1e2, 1e5, 26)
    g, w = np.zeros_like(x), np.empty((8, 26))
    kernel_cost = sequence.linearise_motion(x, weight, 2.5, g, w)
    cost = huber(costs.motion_squared(p_in_world, torch.from_numpy(weight)), 2.5).sum()
    np.testing.assert_allclose(kernel_cost, cost.item(), rtol=1e-9)
    np.testing.assert_allclose(g, _gradient(cost / 2, p_in_world), rtol=1e-8, atol=1e-6)


def test_angles_match_autograd():
    _, _, _, p_in_world, x = _packed()
    angles = np.array([(11, 13, 15), (12, 14, 16), (5, 7, 9)])
    limit, weight = np.array([[0.5, 2.0], [0.5, 3.1], [2.9, 3.1]]), np.full(3, 400.0)
    g, rows = np.zeros_like(x), np.empty((8, 6, 3))
    kernel_cost = sequence.linearise_angles(x, angles, limit, weight, g, rows)
    residual = costs.angle_residual(p_in_world, *map(torch.from_numpy, (angles, limit, weight)))
    cost = residual.square().sum()
    assert cost > 0
    np.testing.assert_allclose(kernel_cost, cost.item(), rtol=1e-9)
    np.testing.assert_allclose(g, _gradient(cost / 2, p_in_world), rtol=1e-7, atol=1e-7)
