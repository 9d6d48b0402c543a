"""The kernel that normalises pixels against the lens in torch, and the information it carries along."""

import lenses
import numpy as np
import pytest
import torch

from mocap3d.fusion.packing import pack_rig
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig
from mocap3d.solve import views


def _packed(lens, uv_px: np.ndarray, cov_px2: np.ndarray) -> np.ndarray:
    rig = CalibratedRig({"cam": Camera(lens, Rigid.identity(), lenses.SIZE_PX)})
    n = len(uv_px)
    obs = views.empty_observations(1, 1, n)
    row = (1, 1, n)
    views.pack(
        pack_rig(rig, ["cam"], 1).lenses,
        uv_px.reshape(*row, 2),
        np.broadcast_to(cov_px2, (*row, 2, 2)),
        np.zeros(row),
        np.ones((1, n, 2)),
        obs,
    )
    return obs[0, 0]


GRID = np.stack(np.meshgrid(np.linspace(0, 1919, 25), np.linspace(0, 1079, 17)), -1).reshape(-1, 2)


@pytest.mark.parametrize("name", lenses.LENSES)
def test_rays_are_the_lens_s(name):
    """Worst difference of the normalised point, where both have one; measured 1e-14, relative."""
    lens = lenses.LENSES[name]
    obs = _packed(lens, GRID, np.eye(2))
    expected = lens.unproject(torch.from_numpy(GRID)).numpy()
    ours, theirs = obs[2] > 0, np.isfinite(expected[:, 0])
    steep = np.hypot(expected[:, 0], expected[:, 1]) > 40  # within 1.5 degrees of sideways: not worth a depth-1 ray
    assert not (ours & ~theirs).any(), "a pixel without a ray was given one"
    # Newton from the pixel itself may give up close to where a lens folds; that costs a view, it gives no wrong ray.
    assert (ours | steep)[theirs].mean() > 0.97
    both = ours & theirs
    np.testing.assert_allclose(obs[:2, both].T, expected[both, :2], atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("name", lenses.LENSES)
def test_information_is_the_pixel_s_through_the_jacobian(name):
    lens = lenses.LENSES[name]
    cov = np.array([[4.0, 1.0], [1.0, 9.0]])
    obs = _packed(lens, GRID, cov)
    seen = obs[2] > 0
    rays = torch.from_numpy(np.column_stack([obs[:2].T, np.ones(len(GRID))]))
    jacobian = lens.jacobian(rays).numpy()[:, :, :2]
    expected = np.einsum("nia,ij,njb->nab", jacobian, np.linalg.inv(cov), jacobian)[seen]
    ours = np.stack([obs[2], obs[3], obs[3], obs[4]], -1).reshape(-1, 2, 2)[seen]
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("score", "scale"), [(0.0, 4.0), (0.25, 2.5), (0.5, 1.0), (0.75, 5.0), (1.0, 9.0), (1.5, 9.0)])
def test_a_score_s_covariance_is_interpolated_in_its_own_view_s_and_point_s_table(score, scale):
    """Tabulated at scores 0, 1/2 and 1; of two views and two points only the last has this table."""
    rig = CalibratedRig({name: Camera(lenses.LENSES["brown5"], Rigid.identity(), lenses.SIZE_PX) for name in "ab"})
    uv_px, cov_px2 = np.full((2, 1, 2, 2), 700.0), np.broadcast_to([[4.0, 1.0], [1.0, 9.0]], (2, 1, 2, 2, 2))
    scale2 = np.ones((2, 2, 3))
    scale2[1, 1] = [4.0, 1.0, 9.0]
    obs = views.empty_observations(1, 2, 2)
    with np.errstate(divide="ignore"):
        log_weight = np.full((2, 1, 2), np.log(score))
    views.pack(pack_rig(rig, ["a", "b"], 1).lenses, uv_px, cov_px2, log_weight, scale2, obs)
    np.testing.assert_allclose(obs[0, 1, 2:, 1], obs[0, 0, 2:, 0] / scale, rtol=1e-12)
    np.testing.assert_array_equal(obs[0, 1, 2:, 0], obs[0, 0, 2:, 0])


def test_missing_and_impossible_points_have_no_information():
    lens = next(iter(lenses.LENSES.values()))
    uv = np.array([[np.nan, 3.0], [960.0, 540.0], [960.0, 540.0]])
    assert (_packed(lens, uv, np.eye(2))[2] > 0).tolist() == [False, True, True]
    assert (_packed(lens, uv, np.eye(2))[:, 0] == 0).all()
    for cov_px2 in (np.full((2, 2), np.nan), np.zeros((2, 2)), np.array([[1.0, 2.0], [2.0, 1.0]])):
        assert (_packed(lens, uv, cov_px2) == 0).all()
