"""What is drawn at a known place comes back to it, at every size and angle."""

import math

import cv2
import numpy as np
import pytest
import torch

from mocap3d.detection.boxes import PersonBox
from mocap3d.detection.crops import along, cut

SIZE_PX = (192, 256)


def _blob(at_px, sigma_px, size_px=(900, 700)):
    """A picture with one Gaussian spot."""
    x, y = np.meshgrid(np.arange(size_px[0]), np.arange(size_px[1]))
    spot = np.exp(-((x - at_px[0]) ** 2 + (y - at_px[1]) ** 2) / (2 * sigma_px**2))
    return np.repeat((250 * spot).astype(np.uint8)[..., None], 3, 2)


def _centroid(pixels):
    mass = pixels[..., 0].astype(float)
    y, x = np.indices(mass.shape)
    return torch.tensor([(mass * x).sum(), (mass * y).sum()]) / mass.sum()


@pytest.mark.parametrize("height_px", [100.0, 256.0, 331.0, 640.0, 1500.0])
@pytest.mark.parametrize("tilt", [0.0, 0.4, -math.pi / 2])
def test_a_spot_comes_back_where_it_was_drawn(height_px, tilt):
    """Measured 0.03 crop pixels at most, at any scale from 0.4 to 6."""
    at = (401.3, 297.6)
    scale = height_px / SIZE_PX[1]
    box = PersonBox((396.2, 290.4), (0.75 * height_px, height_px), tilt_rad=tilt)
    crops = along([box], SIZE_PX)
    back = crops.to_image(_centroid(crops.cut(_blob(at, 4 * max(scale, 1)))[0])[None])[0]
    assert math.dist(back, at) < 0.08 * max(scale, 1)


def test_a_box_is_covered_from_edge_to_edge():
    """A box of the image's own pixels, cut at its own size, gives them unchanged."""
    image = np.random.default_rng(0).integers(0, 256, (256, 192, 3)).astype(np.uint8)
    pixels, _ = cut(image, [PersonBox((95.5, 127.5), (192.0, 256.0))], SIZE_PX)
    assert np.array_equal(pixels[0], image)


def test_both_ways_are_inverse():
    crops = along([PersonBox((10.0, 20.0), (30.0, 40.0), tilt_rad=0.3), PersonBox((5.0, 7.0), (300.0, 400.0))], SIZE_PX)
    uv_px = torch.rand(2, 26, 3, 2, dtype=torch.float64) * 200
    assert torch.allclose(crops.to_crop(crops.to_image(uv_px)), uv_px, atol=1e-10)


def test_covariance_follows_the_points():
    """Against the sample covariance of points sent through the same map."""
    crops = along([PersonBox((10.0, 20.0), (300.0, 400.0), tilt_rad=0.7)], SIZE_PX)
    points = torch.randn(4000, 2, dtype=torch.float64) @ torch.tensor([[3.0, 1.0], [0.0, 0.5]]).double()
    moved = crops.to_image(points[None])[0]
    expected = torch.cov(moved.T)
    got = crops.cov_to_image(torch.cov(points.T)[None, None])[0, 0]
    assert torch.allclose(got, expected, rtol=1e-6)


def test_shrinking_does_not_alias():
    """Stripes finer than the crop's pixels become grey; sampled bilinearly they keep a contrast of 60 levels."""
    image = np.zeros((1400, 1050, 3), np.uint8)
    image[::3] = 255
    pixels, crops = cut(image, [PersonBox((524.5, 699.5), (1050.0, 1400.0))], SIZE_PX)
    plain = cv2.warpAffine(image, crops.image_from_crop[0].numpy(), SIZE_PX, flags=cv2.WARP_INVERSE_MAP)
    assert pixels[0, 5:-5, 5:-5].std() < 15
    assert plain[5:-5, 5:-5].std() > 60


def test_outside_is_the_border_value():
    image = np.full((100, 100, 3), 200, np.uint8)
    boxes = [PersonBox((900.0, 50.0), (75.0, 100.0)), PersonBox((99.5, 49.5), (75.0, 100.0))]
    far, half = cut(image, boxes, SIZE_PX, border=7)[0]
    assert (far == 7).all()
    assert (half[3:-3, :90] == 200).all()
    assert (half[:, 102:] == 7).all()


@pytest.mark.parametrize("height_px", [3000.0, 20000.0])
def test_a_giant_box_beside_the_image_is_empty(height_px):
    image = np.full((100, 100, 3), 200, np.uint8)
    pixels, _ = cut(image, [PersonBox((-height_px, 0.0), (0.75 * height_px, height_px))], SIZE_PX)
    assert not pixels.any()


def test_no_boxes_no_crops():
    pixels, crops = cut(np.zeros((10, 10, 3), np.uint8), [], SIZE_PX)
    assert pixels.shape == (0, 256, 192, 3)
    assert crops.to_image(torch.zeros(0, 26, 2)).shape == (0, 26, 2)


def test_square_windows_keep_the_height():
    crops = along([PersonBox((50.0, 50.0), (75.0, 100.0))], (256, 256))
    corners = crops.to_image(torch.tensor([[[-0.5, -0.5], [255.5, 255.5]]]))[0]
    assert corners.flatten().tolist() == pytest.approx([0.0, 0.0, 100.0, 100.0], abs=1e-4)
