"""The kernels' projection and derivatives against the lens in torch."""

import lenses
import numpy as np
import pytest
import torch

from mocap3d.geometry import Lens, LensModel
from mocap3d.solve.bundle import tilts_of
from mocap3d.solve.reprojection import N_LENS, project
from mocap3d.solve.views import BROWN, KANNALA_BRANDT, PINHOLE

KINDS = {LensModel.PINHOLE: PINHOLE, LensModel.BROWN: BROWN, LensModel.KANNALA_BRANDT: KANNALA_BRANDT}


def _row(lens: Lens) -> np.ndarray:
    row = np.zeros(N_LENS)
    row[:2], row[2:4] = lens.f_px.numpy(), lens.c_px.numpy()
    row[4 : 4 + len(lens.distortion)] = lens.distortion.numpy()
    return row


def _projected(lens: Lens, point: np.ndarray) -> tuple[bool, np.ndarray, np.ndarray, np.ndarray]:
    row, uv, by_point, by_lens = _row(lens), np.empty(2), np.empty((2, 3)), np.empty((2, N_LENS))
    seen = project(KINDS[lens.model], row, tilts_of(row[None])[0], True, *point, uv, by_point, by_lens)
    return seen, uv, by_point, by_lens


@pytest.mark.parametrize("name", lenses.LENSES)
def test_pixels_and_derivatives_are_the_lens_s(name):
    """Derivatives by autograd, of all parameters the lens has. Measured 1e-12 relative."""
    lens = lenses.LENSES[name]
    points = lenses.seen_points(lens, 30, to_angle_rad=0.7)[:20]
    for p_in_cam in points:
        seen, uv, by_point, by_lens = _projected(lens, p_in_cam.numpy())
        assert seen
        np.testing.assert_allclose(uv, lens.project(p_in_cam).numpy(), rtol=0, atol=1e-9)
        np.testing.assert_allclose(by_point, lens.jacobian(p_in_cam).numpy(), rtol=1e-9, atol=1e-7)

        def pixel(f_px, c_px, distortion, p=p_in_cam):
            return Lens(lens.model, f_px, c_px, distortion).project(p)

        inputs = (lens.f_px, lens.c_px, lens.distortion)
        expected = torch.cat(torch.autograd.functional.jacobian(pixel, inputs), 1).numpy()
        np.testing.assert_allclose(by_lens[:, : expected.shape[1]], expected, rtol=1e-9, atol=1e-9)


def test_nothing_is_seen_behind_a_lens():
    assert not _projected(lenses.LENSES["brown5"], np.array([0.1, 0.2, -1.0]))[0]
    assert not _projected(lenses.LENSES["pinhole"], np.array([0.1, 0.2, 0.0]))[0]
    assert _projected(lenses.LENSES["equidistant"], np.array([0.1, 0.9, -0.3]))[0]


def test_an_upright_sensor_is_the_limit_of_a_tilted_one():
    """Whose derivatives are needed where a tilt of 0 is to change."""
    tilted = np.zeros((1, N_LENS))
    tilted[0, 16:] = 1e-9
    np.testing.assert_allclose(tilts_of(np.zeros((1, N_LENS))), tilts_of(tilted), rtol=0, atol=1e-8)
