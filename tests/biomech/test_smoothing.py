"""Filters on whole records: noise goes, lengths stay, gaps stay."""

from dataclasses import replace

import pytest
import torch
from motions import make_fitted, points_of
from scipy.spatial.transform import Rotation

from mocap3d.biomech.smoothing import FilterOptions, smoothed_motion, smoothed_points, track_filters
from mocap3d.errors import FusionError
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import Points3D
from mocap3d.skeletons.forward import posed

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
    noise = 0.03 * torch.randn(240, 2, 28, 3, generator=torch.Generator().manual_seed(6))
    turn = Rigid.exp(torch.cat([torch.zeros_like(noise), noise], -1).double())
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
    by_hand = posed(CLEAN.skeletons[1], smooth.root_in_world[:, 1], turns[:, 1])[0]
    torch.testing.assert_close(smooth.joint_in_world[:, 1], by_hand, atol=1e-12, rtol=0)
    before, after = ((m.parent_from_joint - CLEAN.parent_from_joint)[20:-20, 1].std() for m in (noisy, smooth))
    assert after < 0.6 * before


def test_turns_that_noise_throws_about_stay_right_handed():
    """Half of the mean matrices of such turns would be mirror images."""
    wild = Rotation.random(240 * 2 * 28, random_state=1).as_matrix().reshape(240, 2, 28, 3, 3)
    motion = replace(CLEAN, parent_from_joint=torch.from_numpy(wild))
    smooth = smoothed_motion(motion, track_filters(points_of(CLEAN), FilterOptions("butterworth", 1.0)))
    torch.testing.assert_close(torch.linalg.det(smooth.parent_from_joint), torch.ones(240, 2, 28).double())


def test_the_cutoff_is_that_of_keypoints_that_are_mostly_known_and_its_source_is_told():
    """A hand that shakes at 12 Hz asks for more than the others, but not where it is hardly ever seen."""
    points = arms(noisy_points())
    shaken = points.p_in_world.clone()
    shaken[:, :, 2] += 0.1 * torch.sin(2 * torch.pi * 12 * CLEAN.t_s)[:, None, None]
    seldom = shaken.clone()
    seldom[:150, :, 2] = torch.nan
    told = [track_filters(replace(points, p_in_world=p), FilterOptions("butterworth")) for p in (shaken, seldom)]
    (often_hz, *_), (seldom_hz, *_) = ([float(f.words.split()[4]) for f in filters] for filters in told)
    assert seldom_hz < 12 < often_hz
    assert told[0][0].words.endswith("Hz by residual analysis")
    assert (
        track_filters(points, FilterOptions("butterworth", 6.0))[0].words == "Butterworth of order 4, 6.0 Hz as asked"
    )


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
