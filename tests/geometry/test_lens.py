"""Lenses against OpenCV, against themselves backwards, and at the places where a model ends."""

import math
import tomllib
from dataclasses import replace

import oracles
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lenses import C_PX, F_PX, LENSES, SIZE_PX, brown, fisheye, pixel_grid, seen_points
from torch.autograd import gradcheck

from mocap3d.errors import CalibrationError
from mocap3d.geometry.lens import Lens, LensModel


@pytest.fixture(params=LENSES)
def lens(request) -> Lens:
    return LENSES[request.param]


def worst(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference; NaN where either is NaN."""
    return float((one - other).abs().max())


def test_projection_matches_opencv(lens):
    """Measured 2e-11 px, to 69 degrees off the axis (some pictures away) or nearly to where the model ends."""
    p_in_cam = seen_points(lens, to_angle_rad=min(1.2, 0.95 * lens.max_angle_rad))
    assert len(p_in_cam) > 500
    assert worst(lens.project(p_in_cam), oracles.opencv_project(lens, p_in_cam)) < 1e-10


def test_real_lenses_match_opencv(real_data):
    """Four cameras of a real recording, in Pose2Sim's file."""
    path = real_data / "01_pose2sim_4cam_human" / "S00_Demo_Session" / "S00_Calibration" / "Calib_qualisys.toml"
    cameras = [
        table for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items() if name.startswith("cam")
    ]
    assert len(cameras) == 4
    for camera in cameras:
        matrix, distortion = (torch.tensor(camera[key], dtype=torch.float64) for key in ("matrix", "distortions"))
        lens = Lens.from_matrix(matrix, distortion)
        p_in_cam = seen_points(lens, to_angle_rad=0.7)
        assert worst(lens.project(p_in_cam), oracles.opencv_project(lens, p_in_cam)) < 1e-11
        assert worst(lens.unproject(lens.project(p_in_cam)), p_in_cam / p_in_cam[:, 2:]) < 1e-13


def test_unproject_undoes_project(lens):
    """Measured 5e-14, in units of depth; rays at right angles to the axis have no depth 1."""
    p_in_cam = seen_points(lens)
    assert worst(lens.unproject(lens.project(p_in_cam)), p_in_cam / p_in_cam[:, 2:]) < 1e-11


def test_project_undoes_unproject(lens):
    """Wherever a pixel of the picture has a ray. Measured 6e-13 px."""
    uv_px = pixel_grid()
    back_px = lens.project(lens.direction(uv_px))
    has_ray = ~back_px.isnan().any(-1)
    assert has_ray.double().mean() > 0.1
    assert torch.equal(has_ray, ~lens.direction(uv_px).isnan().any(-1))
    assert worst(back_px[has_ray], uv_px[has_ray]) < 1e-11


@pytest.mark.parametrize("name", ["pinhole", "brown5", "prism"])
def test_unproject_matches_opencv_iterated(name):
    """Measured 6e-16 where 200 of OpenCV's fixed-point steps converge."""
    lens, uv_px = LENSES[name], pixel_grid(60)
    xy = oracles.opencv_unproject(lens, uv_px.reshape(-1, 2))
    assert worst(lens.unproject(uv_px).reshape(-1, 3)[:, :2], xy) < 1e-11


def test_a_pixel_beyond_the_fold_has_no_ray():
    """A radial model that folds at r images up to f * distorted(r) and nothing beyond, to within 1e-6 of it."""
    lens = brown(-0.4, 0.0, 0.0, 0.0, f_px=torch.tensor([500.0, 500.0], dtype=torch.float64))
    fold = math.sqrt(1 / 1.2)
    assert lens.max_radius == pytest.approx(fold, rel=1e-12)
    edge_px = 500 * fold * (1 - 0.4 * fold**2)
    turn = torch.linspace(0, 6, 50, dtype=torch.float64)
    circle = torch.stack([turn.cos(), turn.sin()], -1)
    assert not lens.unproject(C_PX + (1 - 1e-6) * edge_px * circle).isnan().any()
    assert lens.unproject(C_PX + (1 + 1e-6) * edge_px * circle).isnan().all()
    assert lens.unproject(torch.full((3, 2), torch.nan, dtype=torch.float64)).isnan().all()


@pytest.mark.parametrize(
    ("lens", "radius", "angle_rad"),
    [
        (LENSES["pinhole"], math.inf, math.pi / 2),
        (brown(0.2, 0.1, 0.0, 0.0), math.inf, math.pi / 2),
        (brown(-0.4, 0.0, 0.0, 0.0), math.sqrt(1 / 1.2), math.atan(math.sqrt(1 / 1.2))),
        (LENSES["pole"], math.sqrt(1 / 0.4), math.atan(math.sqrt(1 / 0.4))),
        (fisheye(-0.3, 0.0, 0.0, 0.0), math.tan(math.sqrt(1 / 0.9)), math.sqrt(1 / 0.9)),
        (fisheye(-0.05, 0.0, 0.0, 0.0), math.inf, math.sqrt(1 / 0.15)),
        (LENSES["equidistant"], math.inf, math.pi),
    ],
)
def test_where_a_model_ends(lens, radius, angle_rad):
    """By hand: where the derivative of the distorted radius, or a denominator, is 0."""
    assert lens.max_radius == pytest.approx(radius, rel=1e-12)
    assert lens.max_angle_rad == pytest.approx(angle_rad, rel=1e-12)
    inside, outside = angle_rad - 1e-6, min(angle_rad + 1e-6, math.pi)
    p_in_cam = [[-math.sin(angle), 0.0, math.cos(angle)] for angle in (inside, outside)]
    uv_px = lens.project(torch.tensor(p_in_cam, dtype=torch.float64))
    assert uv_px.isnan().all(-1).tolist() == [False, True]


@settings(max_examples=25, deadline=None)
@given(coefficients=st.lists(st.floats(-0.5, 0.5), min_size=12, max_size=12), n=st.sampled_from([4, 5, 8, 12]))
def test_a_pixel_means_its_point_or_nothing(coefficients, n):
    """Whatever the coefficients, no point comes back as another one."""
    scale = torch.tensor([1, 1, 0.02, 0.02, 1, 1, 1, 1, 0.02, 0.02, 0.02, 0.02], dtype=torch.float64)
    lens = Lens.brown(F_PX, C_PX, (scale * torch.tensor(coefficients, dtype=torch.float64))[:n])
    p_in_cam = seen_points(lens, 200, to_angle_rad=1.0)
    back = lens.unproject(lens.project(p_in_cam)) - p_in_cam / p_in_cam[:, 2:]
    well_inside = p_in_cam[:, :2].norm(dim=-1) / p_in_cam[:, 2] < 0.8 * lens.max_radius
    assert back.abs().nan_to_num(0).max() < 1e-5  # rounding grows without bound towards the fold
    assert back[well_inside].isnan().double().mean() < 0.02


def test_points_behind_the_camera(lens):
    behind = torch.tensor([[0.1, 0.2, -1.0], [0.0, 0.0, -1.0], [0.1, 0.0, 0.0]], dtype=torch.float64)
    if lens.model is LensModel.KANNALA_BRANDT:
        behind = behind[:2]  # at 90 degrees a fisheye may see, at 167 and 180 it does not here
        lens = LENSES["fisheye"]
    assert lens.project(behind).isnan().all()
    assert lens.jacobian(behind).isnan().all()


def test_a_fisheye_sees_behind_itself():
    """An equidistant lens images a field angle of 135 degrees at f * 3 pi / 4."""
    lens = LENSES["equidistant"]
    p_in_cam = torch.tensor([0.0, -2.0, -2.0], dtype=torch.float64)
    uv_px = lens.project(p_in_cam)
    assert torch.allclose(
        uv_px, C_PX + torch.tensor([0, -0.75 * math.pi], dtype=torch.float64) * lens.f_px, rtol=0, atol=1e-12
    )
    assert torch.allclose(lens.direction(uv_px), p_in_cam / p_in_cam.norm(), rtol=0, atol=1e-14)
    assert lens.unproject(uv_px).isnan().all()
    wide = LENSES["fisheye to 140 deg"]
    far = seen_points(wide, to_angle_rad=math.pi)
    assert float(torch.atan2(far[:, :2].norm(dim=-1), far[:, 2]).max()) > math.radians(135)
    assert worst(wide.direction(wide.project(far)), far / far.norm(dim=-1, keepdim=True)) < 1e-11


def test_jacobian_is_the_derivative(lens):
    p_in_cam = seen_points(lens, 40)
    rows = torch.autograd.functional.jacobian(lambda p: lens.project(p).sum(0), p_in_cam)
    assert torch.allclose(lens.jacobian(p_in_cam), rows.permute(1, 0, 2), rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e-200, 1e-12, 1e-7])
def test_jacobian_near_the_axis(lens, offset):
    """There every lens is almost a pinhole, but for a sensor's tilt; second derivatives exist too."""
    p_in_cam = torch.tensor([offset, -offset, 2.0], dtype=torch.float64, requires_grad=True)
    jacobian = lens.jacobian(p_in_cam)
    pinhole = torch.cat([torch.diag(lens.f_px / 2), torch.zeros(2, 1, dtype=torch.float64)], 1)
    tilt_px = 1.0 if len(lens.distortion) > 12 else 0.0
    assert torch.allclose(jacobian.detach(), pinhole, rtol=0, atol=1e-3 + tilt_px)
    (bend,) = torch.autograd.grad(jacobian[:, :2].sum(), p_in_cam)
    assert bend.isfinite().all()
    assert float(bend[2]) == pytest.approx(-float(jacobian[:, :2].detach().sum()) / 2, rel=1e-4)


def test_gradients_of_project(lens):
    """By points and by parameters; the first point is on the axis."""
    p_in_cam = seen_points(lens, 4, to_angle_rad=0.6)

    def project(p, f_px, c_px, distortion):
        return Lens(lens.model, f_px, c_px, distortion).project(p)

    inputs = [t.clone().requires_grad_() for t in (p_in_cam, lens.f_px, lens.c_px, lens.distortion)]
    assert gradcheck(project, inputs, atol=1e-4, eps=1e-7, rtol=1e-5)


def test_gradients_of_unproject(lens):
    """By pixels and by parameters, through Newton's last step; the principal point is among the pixels."""
    uv_px = torch.stack([lens.c_px, lens.c_px + 100, lens.c_px - 150])

    def unproject(uv, f_px, c_px, distortion):
        lens_again = Lens(lens.model, f_px, c_px, distortion)
        return lens_again.unproject(uv), lens_again.direction(uv)

    inputs = [t.clone().requires_grad_() for t in (uv_px, lens.f_px, lens.c_px, lens.distortion)]
    assert gradcheck(unproject, inputs, atol=1e-8, eps=1e-5, rtol=1e-5, fast_mode=True)


def test_what_is_not_seen_has_no_gradient_and_poisons_none(lens):
    """Zero, not NaN, beside points that are seen."""
    p_in_cam = torch.tensor([[0.1, 0.1, 1.0], [0.1, 0.1, -1.0], [torch.nan] * 3], dtype=torch.float64)
    p_in_cam.requires_grad_()
    f_px = lens.f_px.clone().requires_grad_()
    narrow = fisheye(-0.3, 0.0, 0.0, 0.0) if lens.model is LensModel.KANNALA_BRANDT else lens
    uv_px = Lens(narrow.model, f_px, narrow.c_px, narrow.distortion).project(p_in_cam)
    uv_px.nansum().backward()
    assert f_px.grad.isfinite().all()
    assert (p_in_cam.grad[0] != 0).any()
    assert (p_in_cam.grad[1:] == 0).all()


def test_shapes(lens):
    for batch in [(), (0,), (2, 3)]:
        p_in_cam = torch.ones(*batch, 3, dtype=torch.float64) * torch.tensor([0.1, 0.2, 1.0])
        uv_px = lens.project(p_in_cam)
        assert uv_px.shape == (*batch, 2)
        assert lens.jacobian(p_in_cam).shape == (*batch, 2, 3)
        assert lens.unproject(uv_px).shape == lens.direction(uv_px).shape == (*batch, 3)
        assert lens.distort(uv_px / 1e5).shape == (*batch, 2)


def test_a_lens_resized_and_cropped_shows_the_same_pixels(lens):
    """Halved, pixel centres 0 and 1 become -0.25 and 0.25: the picture's corner stays where it is."""
    uv_px = lens.project(seen_points(lens, to_angle_rad=0.5))
    half = lens.resized(0.5).project(seen_points(lens, to_angle_rad=0.5))
    crop = lens.cropped(100.0, 50.0).project(seen_points(lens, to_angle_rad=0.5))
    assert worst(half, (uv_px + 0.5) / 2 - 0.5) < 1e-11
    assert worst(crop, uv_px - torch.tensor([100.0, 50.0])) < 1e-11


def test_from_matrix_tells_the_model():
    for lens in LENSES.values():
        again = Lens.from_matrix(lens.matrix(), lens.distortion, fisheye=lens.model is LensModel.KANNALA_BRANDT)
        assert again.model is lens.model
        assert torch.equal(again.distortion, lens.distortion)
        assert torch.equal(again.matrix(), lens.matrix())


@pytest.mark.parametrize(("n", "is_fisheye"), [(3, False), (13, False), (5, True)])
def test_an_unknown_model_is_refused(n, is_fisheye):
    with pytest.raises(CalibrationError, match=f"{n} coefficients"):
        Lens.from_matrix(torch.eye(3, dtype=torch.float64), torch.zeros(n, dtype=torch.float64), fisheye=is_fisheye)


def test_skew_is_refused():
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[0, 1] = 2
    with pytest.raises(CalibrationError, match="skew 2 px"):
        Lens.from_matrix(matrix, torch.zeros(0, dtype=torch.float64))


def test_the_picture_fits_the_tests():
    """The folding lens folds inside its picture: otherwise the tests above would prove less than they say."""
    corner = torch.tensor([SIZE_PX[0] - 1.0, SIZE_PX[1] - 1.0], dtype=torch.float64)
    assert LENSES["folds inside"].unproject(corner).isnan().all()
    assert not LENSES["brown5"].unproject(corner).isnan().any()


def test_a_fisheye_s_rays_end_behind_it():
    """Without a fold a pixel beyond half a turn would go round and mean a ray that another pixel has."""
    f_px, c_px = torch.tensor([100.0, 100.0]).double(), torch.tensor([960.0, 540.0]).double()
    lens = Lens.kannala_brandt(f_px, c_px, torch.zeros(4, dtype=torch.float64))
    directions = lens.direction(c_px + torch.tensor([[310.0, 0.0], [320.0, 0.0]]))
    torch.testing.assert_close(directions[0, 2], torch.cos(torch.tensor(3.1, dtype=torch.float64)))
    assert directions[1].isnan().all()


def test_distort_knows_no_focal_length():
    """Of pixels that are not square."""
    lens = LENSES["prism"]
    xy = torch.tensor([[0.1, -0.2], [0.3, 0.25]], dtype=torch.float64)
    one = replace(lens, f_px=torch.ones(2).double(), c_px=torch.zeros(2).double())
    other = replace(lens, f_px=torch.tensor([700.0, 900.0]).double())
    expected = one.project(torch.cat([xy, torch.ones(2, 1)], 1))
    torch.testing.assert_close(other.distort(xy), expected, rtol=0, atol=1e-12)
