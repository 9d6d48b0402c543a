"""Points to maps and back: sub-pixel places, covariances and weights of known maps."""

import pytest
import torch

from mocap3d.detection.heatmaps import gaussian_maps, modes, prior_maps

SIZE_PX = (192, 256)
WIDTH, HEIGHT = SIZE_PX


def random_points(n, k=26, *, margin_px=20.0, seed=0):
    """Anywhere but near the border, which cuts peaks off."""
    generator = torch.Generator().manual_seed(seed)
    room = torch.tensor([WIDTH - 1 - 2 * margin_px, HEIGHT - 1 - 2 * margin_px])
    return torch.rand(n, k, 2, generator=generator) * room + margin_px


def logits_of(*maps, background=1e-7):
    """Logits whose softmax is the sum of the maps over a faint background."""
    return torch.log(sum(maps) + background)


def test_a_map_peaks_in_the_cell_that_holds_the_point():
    """Cell (10, 5) of stride 4 covers pixels 40-43 and 20-23: its centre is at 41.5 and 21.5."""
    maps = gaussian_maps(torch.tensor([[[41.5, 21.5]]]), SIZE_PX)
    assert maps.shape == (1, 1, 64, 48)
    assert maps[0, 0, 5, 10] == 1
    assert maps[0, 0, 5, 11] == pytest.approx(torch.exp(torch.tensor(-0.5 / 1.5**2)).item())


def test_a_missing_point_makes_an_empty_map():
    points = torch.tensor([[[50.0, 60.0], [torch.nan, 60.0], [torch.nan, torch.nan]]])
    prior = prior_maps(points, SIZE_PX)
    assert prior.shape == (1, 3, 32, 24)
    assert prior[0, 0].max() > 0.7
    assert prior[0, 1:].abs().max() == 0


@pytest.mark.parametrize("stride", [4, 8])
def test_modes_undo_maps(stride):
    """Sub-pixel. Measured at stride 4: 0.009 px at most, where the centroid about the peak's cell is 0.26 px off."""
    points = random_points(16, margin_px=8.0 * stride)
    found = modes(logits_of(gaussian_maps(points, SIZE_PX, stride=stride)), stride=stride)
    assert (found.uv_px[:, :, 0] - points).abs().max() < 0.05 * stride / 4
    assert found.uv_px[:, :, 1:].isnan().all()
    assert (found.log_weight[:, :, 1:] == -torch.inf).all()


@pytest.mark.parametrize("sigma_cells", [0.8, 1.0, 1.3])
def test_covariance_is_that_of_the_map(sigma_cells):
    """As long as the window of 7 cells holds it: (4 sigma)^2, and a cell's own 16/12. Measured: 6 % low at 1.3."""
    maps = gaussian_maps(random_points(4), SIZE_PX, sigma_cells=sigma_cells)
    found = modes(logits_of(maps)).cov_px2[:, :, 0]
    expected = (16 * sigma_cells**2 + 16 / 12) * torch.eye(2)
    torch.testing.assert_close(found, expected.expand_as(found), rtol=0.08, atol=0.2)


def test_covariance_knows_its_direction():
    x, y = torch.arange(48.0), torch.arange(64.0)[:, None]
    along, across = (x - 20) + (y - 30), (x - 20) - (y - 30)
    found = modes((-along.square() / 8 - across.square() / 2)[None, None])
    xx, xy, _, yy = found.cov_px2[0, 0, 0].flatten().tolist()
    assert xx == pytest.approx(yy, rel=1e-3)
    assert xy > 0.4 * xx


def test_two_peaks_are_two_modes_of_the_right_weight():
    """Of 30 % and 70 %, at least 40 px apart. The window holds 96 % of a peak."""
    first, second = random_points(8, seed=1), random_points(8, seed=2)
    far = (first - second).norm(dim=-1) > 40
    found = modes(logits_of(0.3 * gaussian_maps(first, SIZE_PX), 0.7 * gaussian_maps(second, SIZE_PX)))
    torch.testing.assert_close(found.uv_px[far][:, 0], second[far], rtol=0, atol=0.05)
    torch.testing.assert_close(found.uv_px[far][:, 1], first[far], rtol=0, atol=0.05)
    weight = found.log_weight[far][:, :2].exp()
    torch.testing.assert_close(weight, torch.tensor([0.67, 0.29]).expand_as(weight), rtol=0, atol=0.01)
    assert (found.log_weight[far][:, 2] == -torch.inf).all()


def test_near_peaks_share_the_cells_between_them():
    """24 px apart their windows overlap; nothing counts twice, and each stays near its peak. Measured: 1.6 px."""
    first = random_points(8, margin_px=40.0, seed=1)
    second = first + torch.tensor([24.0, 0.0])
    found = modes(logits_of(0.6 * gaussian_maps(first, SIZE_PX), 0.4 * gaussian_maps(second, SIZE_PX)))
    assert (found.uv_px[:, :, 0] - first).abs().max() < 2
    assert (found.uv_px[:, :, 1] - second).abs().max() < 2
    assert (found.log_weight[..., :2].exp().sum(-1) <= 1 + 1e-6).all()


def test_a_shoulder_is_no_mode():
    maps = gaussian_maps(random_points(4), SIZE_PX, sigma_cells=4.0)
    assert modes(logits_of(maps)).uv_px[:, :, 1:].isnan().all()


def test_equal_neighbours_are_one_peak():
    """Between two or four cells; half precision makes them equal everywhere."""
    points = torch.tensor([[[43.5, 61.5], [41.5, 63.5], [43.5, 63.5]]])
    found = modes(logits_of(gaussian_maps(points, SIZE_PX)).bfloat16())
    assert (found.uv_px[:, :, 0] - points).abs().max() < 0.3
    assert found.uv_px[:, :, 1:].isnan().all()


@pytest.mark.parametrize("point", [(1.5, 1.5), (190.0, 128.0), (96.0, 253.0), (0.0, 255.0)])
def test_a_peak_at_the_border_stays_in_the_picture(point):
    """Cut off, its centroid moves inwards. Measured: by 3.9 px in a corner at most; its covariance is a covariance."""
    points = torch.tensor([[point]])
    found = modes(logits_of(gaussian_maps(points, SIZE_PX)))
    assert (found.uv_px[0, 0, 0] - points[0, 0]).abs().max() < 5
    assert torch.linalg.eigvalsh(found.cov_px2[0, 0, 0])[0] >= 16 / 12


def test_a_map_without_peak_gives_no_mode():
    nothing = modes(torch.full((1, 2, 64, 48), torch.nan))
    assert nothing.uv_px.isnan().all()
    assert (nothing.log_weight == -torch.inf).all()
    flat = modes(torch.zeros(1, 2, 64, 48), min_weight=0.1)
    assert flat.uv_px.isnan().all()


def test_modes_are_differentiable():
    points = random_points(1, 3)
    logits = logits_of(gaussian_maps(points, SIZE_PX), background=1e-4).requires_grad_()
    modes(logits).uv_px[:, :, 0].sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


def test_modes_keep_their_precision_under_autocast():
    logits = logits_of(gaussian_maps(random_points(2), SIZE_PX))
    with torch.autocast("cpu", torch.bfloat16):
        half = modes(logits)
    torch.testing.assert_close(half.uv_px, modes(logits).uv_px, rtol=0, atol=0, equal_nan=True)
