"""Triangulation against the truth, its own covariance against the scatter of noise, and its gradients."""

import pytest
import torch
from lenses import LENSES, SIZE_PX
from torch.autograd import gradcheck

from mocap3d.geometry import Camera, Lens, Rigid
from mocap3d.geometry.triangulate import triangulate

NAMES = ["brown5", "prism", "fisheye", "pinhole"]


def ring_of_cameras(names: list[str] = NAMES, *, distance_m: float = 4.0) -> list[Camera]:
    """Cameras around the origin that look at it, each with another lens."""
    turns = torch.arange(len(names), dtype=torch.float64)[:, None] * torch.tensor([0.0, 1.3, 0.0])
    forward = torch.tensor([0.0, 0.0, distance_m], dtype=torch.float64)
    poses = Rigid.from_rotvec(turns, forward)
    return [Camera(LENSES[name], poses[i], SIZE_PX) for i, name in enumerate(names)]


def some_points(n: int) -> torch.Tensor:
    return 0.4 * torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def seen_by(cameras: list[Camera], p_in_world: torch.Tensor, *, sigma_px: float = 0.0) -> torch.Tensor:
    uv_px = torch.stack([camera.project(p_in_world) for camera in cameras])
    return uv_px + sigma_px * torch.randn(uv_px.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_exact_pixels_give_the_exact_point():
    """Measured 5e-16 m."""
    cameras, p_in_world = ring_of_cameras(), some_points(50)
    found, _ = triangulate(seen_by(cameras, p_in_world), torch.ones(4, 50, dtype=torch.float64), cameras)
    assert torch.allclose(found, p_in_world, rtol=0, atol=1e-12)


@torch.no_grad()
def test_the_covariance_is_that_of_the_errors():
    """Whitened errors of 10,000 points have unit covariance, one camera being four times as noisy.

    Measured within 0.011; 95.1 % of them lie in their 95 % ellipsoid.
    """
    cameras, n = ring_of_cameras(), 10_000
    sigma_px = torch.tensor([1.0, 4.0, 1.0, 2.0], dtype=torch.float64)[:, None].expand(4, n)
    p_in_world = some_points(n)
    noise_px = seen_by(cameras, p_in_world, sigma_px=1.0) - seen_by(cameras, p_in_world)
    found, cov_m2 = triangulate(seen_by(cameras, p_in_world) + sigma_px[..., None] * noise_px, sigma_px, cameras)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(cov_m2), (found - p_in_world)[..., None], upper=False)
    assert torch.allclose(torch.cov(white[..., 0].T), torch.eye(3, dtype=torch.float64), rtol=0, atol=0.04)


def test_it_is_the_minimum():
    """No nearby point explains the pixels better."""
    cameras = ring_of_cameras()
    uv_px, sigma_px = seen_by(cameras, some_points(20), sigma_px=5.0), torch.ones(4, 20, dtype=torch.float64)
    found, _ = triangulate(uv_px, sigma_px, cameras)
    best = (seen_by(cameras, found) - uv_px).square().sum((0, 2))
    for nudge in 1e-4 * torch.cat([torch.eye(3), -torch.eye(3)]).double():
        assert ((seen_by(cameras, found + nudge) - uv_px).square().sum((0, 2)) > best).all()


def test_missing_pixels():
    """Two views are enough, one is not; and a missing view counts nothing."""
    cameras, p_in_world = ring_of_cameras(), some_points(4)
    uv_px, sigma_px = seen_by(cameras, p_in_world, sigma_px=1.0), torch.ones(4, 4, dtype=torch.float64)
    uv_px[:2, 1] = torch.nan
    sigma_px[:3, 2] = torch.nan
    uv_px[:, 3] = torch.nan
    found, cov_m2 = triangulate(uv_px, sigma_px, cameras)
    assert found.isnan().any(-1).tolist() == [False, False, True, True]
    assert cov_m2.isnan().any(-1).any(-1).tolist() == [False, False, True, True]
    pair, _ = triangulate(uv_px[2:, 1:2], sigma_px[2:, 1:2], cameras[2:])
    assert torch.allclose(found[1], pair[0], rtol=0, atol=1e-10)


def test_two_cameras_at_one_place_fix_nothing():
    """Or next to nothing: the covariance tells of kilometres."""
    camera = ring_of_cameras()[0]
    uv_px = seen_by([camera, camera], some_points(3), sigma_px=1.0)
    found, cov_m2 = triangulate(uv_px, torch.ones(2, 3, dtype=torch.float64), [camera, camera])
    sigma_m = torch.linalg.eigvalsh(cov_m2.nan_to_num(torch.inf).clamp(max=1e30))[:, -1].sqrt()
    assert (found.isnan().any(-1) | (sigma_m > 1000)).all()


def test_moving_cameras():
    """The points are the frames of a moving camera."""
    fixed, n = ring_of_cameras(), 6
    shaken = Rigid.exp(0.02 * torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))
    moving = Camera(fixed[0].lens, shaken @ fixed[0].cam_from_world, SIZE_PX)
    cameras, p_in_world = [moving, *fixed[1:]], some_points(n)
    found, _ = triangulate(seen_by(cameras, p_in_world), torch.ones(4, n, dtype=torch.float64), cameras)
    assert torch.allclose(found, p_in_world, rtol=0, atol=1e-12)


def test_gradients_by_pixels_and_sigmas():
    """Of noisy points, where residuals make Gauss-Newton's Hessian wrong."""
    cameras = ring_of_cameras(NAMES[:3])
    uv_px = seen_by(cameras, some_points(2), sigma_px=20.0).requires_grad_()
    sigma_px = torch.full((3, 2), 2.0, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda *x: triangulate(*x, cameras), (uv_px, sigma_px), eps=1e-4, atol=1e-9, fast_mode=True)


@pytest.mark.parametrize("name", ["brown5", "fisheye"])
def test_gradients_by_cameras(name):
    cameras = ring_of_cameras([name, "pinhole", "prism"])
    lens, uv_px = cameras[0].lens, seen_by(cameras, some_points(2), sigma_px=20.0)

    def found(twist, f_px, c_px, distortion):
        again = Lens(lens.model, f_px, c_px, distortion)
        moved = Camera(again, Rigid.exp(twist) @ cameras[0].cam_from_world, SIZE_PX)
        return triangulate(uv_px, torch.ones(3, 2, dtype=torch.float64), [moved, *cameras[1:]])

    twist = torch.zeros(6, dtype=torch.float64)
    inputs = [t.clone().requires_grad_() for t in (twist, lens.f_px, lens.c_px, lens.distortion)]
    assert gradcheck(found, inputs, eps=1e-6, rtol=1e-4, atol=1e-8, fast_mode=True)


def test_missing_points_poison_no_gradient():
    """A mean over the points that exist teaches the cameras."""
    cameras = ring_of_cameras()
    uv_px = seen_by(cameras, some_points(3), sigma_px=1.0)
    uv_px[1:, 1] = torch.nan
    uv_px[0, 2] = torch.nan
    twist = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    moved = Camera(cameras[0].lens, Rigid.exp(twist) @ cameras[0].cam_from_world, SIZE_PX)
    found, cov_m2 = triangulate(uv_px, torch.ones(4, 3, dtype=torch.float64), [moved, *cameras[1:]])
    (found.nansum() + cov_m2.nansum()).backward()
    assert twist.grad.isfinite().all()
    assert (twist.grad != 0).any()
