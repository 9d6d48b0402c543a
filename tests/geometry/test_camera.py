"""Cameras: the world, the clock and the turned picture around a lens."""

import math

import oracles
import pytest
import torch
from lenses import LENSES, SIZE_PX, seen_points
from torch.autograd import gradcheck

from mocap3d.geometry import Camera, Lens, Rigid


def random_pose(*batch: int) -> Rigid:
    random = torch.Generator().manual_seed(0)
    return Rigid.exp(torch.randn(*batch, 6, dtype=torch.float64, generator=random))


@pytest.fixture(params=LENSES)
def camera(request) -> Camera:
    return Camera(LENSES[request.param], random_pose(), SIZE_PX)


def points_in_world(camera: Camera, n: int = 200, **options) -> torch.Tensor:
    return camera.cam_from_world.inverse().apply(seen_points(camera.lens, n, **options))


@pytest.mark.parametrize("name", [name for name in LENSES if "fisheye" not in name and name != "equidistant"])
def test_projection_matches_opencv(name):
    """Its own Rodrigues rotation included. Measured 4e-12 px."""
    camera = Camera(LENSES[name], random_pose(), SIZE_PX)
    p_in_world = points_in_world(camera, to_angle_rad=0.7)
    assert torch.allclose(
        camera.project(p_in_world), oracles.opencv_camera_project(camera, p_in_world), rtol=0, atol=1e-10
    )


def test_a_known_point_at_a_known_pixel():
    """2 m in front of a camera 3 m up that looks along +y: x is right, z is up, 100 px per tangent."""
    centre = torch.tensor([1.0, -5.0, 3.0], dtype=torch.float64)
    rotation = torch.tensor([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    lens = Lens.pinhole(*torch.tensor([[100, 100], [50, 40]], dtype=torch.float64))
    camera = Camera(lens, Rigid(rotation, -rotation @ centre), (101, 81))
    p_in_world = torch.tensor([1.4, -3.0, 3.2], dtype=torch.float64)
    assert torch.allclose(camera.project(p_in_world), torch.tensor([70.0, 30.0], dtype=torch.float64))
    assert torch.allclose(camera.centre_in_world, centre)


def test_rays_pass_through_what_was_projected(camera):
    p_in_world = points_in_world(camera)
    origin, direction = camera.rays(camera.project(p_in_world))
    distance = (p_in_world - origin).norm(dim=-1, keepdim=True)
    assert torch.allclose(origin + distance * direction, p_in_world, rtol=0, atol=1e-11)
    assert torch.allclose(origin[0], camera.centre_in_world)


def test_jacobian_is_the_derivative(camera):
    p_in_world = points_in_world(camera, 20)
    rows = torch.autograd.functional.jacobian(lambda p: camera.project(p).sum(0), p_in_world)
    assert torch.allclose(camera.jacobian(p_in_world), rows.permute(1, 0, 2), rtol=1e-10, atol=1e-9)


def test_gradients_by_pose(camera):
    """At the identity rotation, which a first guess often is."""
    p_in_cam = seen_points(camera.lens, 3, to_angle_rad=0.5)
    seen_px = camera.lens.project(p_in_cam)
    twist = torch.zeros(6, dtype=torch.float64, requires_grad=True)

    def project_and_back(twist):
        moved = Camera(camera.lens, Rigid.exp(twist), SIZE_PX)
        return moved.project(p_in_cam), *moved.rays(seen_px)

    assert gradcheck(project_and_back, twist, eps=1e-7, atol=1e-4, rtol=1e-5, fast_mode=True)


def test_missing_points_poison_no_gradient(camera):
    """NaN in, NaN out, and zero backwards: through points, rays and Jacobians."""
    p_in_cam = seen_points(camera.lens, 2, to_angle_rad=0.5)
    p_in_cam[1] = torch.nan
    twist = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    moved = Camera(camera.lens, Rigid.exp(twist), SIZE_PX)
    outputs = moved.project(p_in_cam), moved.jacobian(p_in_cam), *moved.rays(camera.lens.project(p_in_cam))
    assert all(out[1].isnan().all() for out in outputs[:2])
    assert outputs[3][1].isnan().all()
    sum(out.nansum() for out in outputs).backward()
    assert twist.grad.isfinite().all()
    assert (twist.grad != 0).any()


def test_a_moving_camera_is_many_fixed_ones(camera):
    still = points_in_world(camera, 6, to_angle_rad=0.3)
    n = 4
    shaken = Rigid.exp(torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.01)
    moving = Camera(camera.lens, shaken @ camera.cam_from_world, SIZE_PX)
    assert moving.is_moving
    assert not camera.is_moving
    uv_px = moving.project(still.expand(n, *still.shape))
    origin, direction = moving.rays(uv_px)
    for t in range(n):
        fixed = moving.at(t)
        assert not fixed.is_moving
        assert torch.allclose(fixed.project(still), uv_px[t], rtol=0, atol=1e-10)
        assert torch.allclose(fixed.rays(uv_px[t])[1], direction[t], rtol=0, atol=1e-14)
        assert torch.allclose(fixed.centre_in_world, origin[t, 0], rtol=0, atol=1e-14)
    assert moving.at(torch.tensor([2, 0])).project(still[:2]).shape == (2, 2)
    assert camera.at(torch.tensor([2, 0])) is camera


def test_a_moving_camera_refuses_points_without_time():
    moving = Camera(LENSES["pinhole"], random_pose(4), SIZE_PX)
    with pytest.raises(AssertionError, match="4 frames"):
        moving.project(torch.ones(3, dtype=torch.float64))


def test_contains_ends_at_the_pixels_edges():
    camera = Camera(LENSES["pinhole"], Rigid.identity(), SIZE_PX)
    uv_px = torch.tensor([[-0.5, -0.5], [1919.49, 1079.49], [1919.5, 0], [0, -0.51], [math.nan, 3]]).double()
    assert camera.contains(uv_px).tolist() == [True, True, False, False, False]


def turned_clockwise(uv_px: torch.Tensor, height_px: int) -> torch.Tensor:
    """Where a pixel is found when the picture is turned: what was on top is on the right."""
    return torch.stack([height_px - 1 - uv_px[..., 1], uv_px[..., 0]], -1)


def test_a_turned_camera_sees_the_turned_picture(camera):
    """All coefficients: decentring, rational, thin prism, fisheye. Measured 3e-13 px."""
    p_in_world = points_in_world(camera, to_angle_rad=0.7)
    uv_px, height_px = camera.project(p_in_world), camera.size_px[1]
    for quarter_turns in range(1, 5):
        uv_px, height_px = turned_clockwise(uv_px, height_px), sum(camera.size_px) - height_px
        turned = camera.rotated(quarter_turns)
        assert turned.size_px[1] == height_px
        assert torch.allclose(turned.project(p_in_world), uv_px, rtol=0, atol=1e-10)
        assert torch.allclose(turned.centre_in_world, camera.centre_in_world, rtol=0, atol=1e-14)


def test_turning_there_and_back(camera):
    for there, back in [(1, -1), (2, 2), (3, 1), (4, 0)]:
        again = camera.rotated(there).rotated(back)
        assert again.size_px == camera.size_px
        assert torch.allclose(again.lens.c_px, camera.lens.c_px, rtol=0, atol=1e-12)
        exact = 0.0 if len(camera.lens.distortion) <= 12 else 1e-15  # a tilt turns by more than quarters
        assert torch.allclose(again.lens.distortion, camera.lens.distortion, rtol=0, atol=exact)
        assert torch.allclose(again.cam_from_world.rotation, camera.cam_from_world.rotation, rtol=0, atol=exact)


def test_the_corner_pixel_turns_with_the_picture():
    """The top-left pixel of a picture of height 1080 is the top-right one, (1079, 0), of the turned picture."""
    lens = LENSES["brown5"]
    camera = Camera(lens, Rigid.identity(), SIZE_PX)
    corner_in_world = 3 * lens.direction(torch.zeros(2, dtype=torch.float64))
    uv_px = camera.rotated(1).project(corner_in_world)
    assert torch.allclose(uv_px, torch.tensor([1079.0, 0.0], dtype=torch.float64), rtol=0, atol=1e-10)
