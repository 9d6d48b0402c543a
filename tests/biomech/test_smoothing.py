"""Filters on whole records: noise goes, lengths stay, gaps stay."""

from dataclasses import replace

import pytest
import torch
from motions import make_fitted, points_of

from mocap3d.biomech.smoothing import FilterOptions, smoothed_motion, smoothed_points, track_filters
from mocap3d.errors import FusionError
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import Points3D

CLEAN = make_fitted(240)


def noisy_points():
    noise = torch.randn(points_of(CLEAN).p_in_world.shape, generator=torch.Generator().manual_seed(5)).double()
    points = points_of(CLEAN)
    return replace(points, p_in_world=points.p_in_world + 0.01 * noise)


def arms(points: Points3D) -> Points3D:
    """Three keypoints of it: splines take their time."""
    fields = ("p_in_world", "cov_m2", "n_views", "provenance")
    return replace(points, **{name: getattr(points, name)[:, :, 7:10] for name in fields})


@pytest.mark.parametrize(
    "options",
    [FilterOptions("butterworth", 6.0), FilterOptions("butterworth"), FilterOptions("spline")],
    ids=["told", "by residuals", "spline"],
)
def test_noise_goes(options):
    """Measured: to 0.42, 0.46 and 0.43 of it."""
    points = arms(noisy_points())
    smooth = smoothed_points(points, track_filters(points, options))
    before, after = ((p.p_in_world - arms(points_of(CLEAN)).p_in_world)[20:-20].std() for p in (points, smooth))
    assert after < 0.6 * before
    assert torch.equal(smooth.cov_m2, points.cov_m2)


def test_a_skeleton_keeps_its_lengths_and_turns_stay_turns():
    turn = Rigid.exp(torch.cat([torch.zeros(240, 2, 28, 3), 0.03 * torch.randn(240, 2, 28, 3)], -1).double())
    noisy = replace(CLEAN, parent_from_joint=CLEAN.parent_from_joint @ turn.rotation)
    noisy.parent_from_joint[100:120, 0, 3:] = torch.nan
    smooth = smoothed_motion(noisy, track_filters(points_of(CLEAN), FilterOptions("butterworth", 6.0)))
    turns = smooth.parent_from_joint
    assert bool(turns[100:120, 0, 3:].isnan().all())
    assert bool(turns[:, 1].isfinite().all())
    identity = torch.eye(3, dtype=torch.float64).expand_as(turns[:, 1])
    torch.testing.assert_close(turns[:, 1] @ turns[:, 1].mT, identity, atol=1e-9, rtol=0)
    tree = CLEAN.skeletons[1].tree
    knee, ankle = tree.index("knee_r"), tree.index("ankle_r")
    length_m = (smooth.joint_in_world[:, 1, knee] - smooth.joint_in_world[:, 1, ankle]).norm(dim=-1)
    assert float(length_m.std()) < 1e-9
    before, after = ((m.parent_from_joint - CLEAN.parent_from_joint)[20:-20, 1].std() for m in (noisy, smooth))
    assert after < 0.6 * before


@pytest.mark.parametrize(
    "wrong", [{"cutoff_hz": 6.0}, {"filter": "butterworth", "cutoff_hz": 0.0}, {"filter": "spline", "cutoff_hz": 6.0}]
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValueError, match="cutoff-hz"):
        FilterOptions(**wrong)


def test_a_cutoff_that_the_rate_does_not_carry_is_refused():
    with pytest.raises(FusionError, match=r"at 60 Hz it must be below 24\.1"):
        track_filters(points_of(CLEAN), FilterOptions("butterworth", 40.0))


def test_short_and_empty_recordings_stay():
    for n_instants in (1, 3):
        points = arms(points_of(make_fitted(n_instants)))
        for options in (FilterOptions("butterworth"), FilterOptions("spline")):
            smooth = smoothed_points(points, track_filters(points, options))
            torch.testing.assert_close(smooth.p_in_world, points.p_in_world)
