"""A second peak, or the other side, takes the place of a point that lies off the body; nothing else changes."""

from dataclasses import replace

import pytest
import torch
from scene import exact_scene, exact_tracks, small_scene

from mocap3d.fusion.alternatives import reconsider
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.session.records import Points3D, Tracks2D

FAR_PX = 80.0


@pytest.fixture(scope="module")
def scene():
    return exact_scene(n_views=4, duration_s=0.5)


@pytest.fixture(scope="module")
def points(scene) -> Points3D:
    return triangulate_tracks(exact_tracks(scene), scene.rig)


def with_decoys(tracks: Tracks2D, view: int, keypoint: int, times: slice) -> Tracks2D:
    """A second alternative everywhere; of one keypoint, for some time, the likelier one is far off."""
    uv_px = tracks.uv_px.expand(*tracks.uv_px.shape[:-2], 2, 2).clone()
    uv_px[..., 1, :] += FAR_PX
    uv_px[view, times, :, keypoint] = uv_px[view, times, :, keypoint].flip(-2)
    cov_px2 = tracks.cov_px2.expand(*tracks.cov_px2.shape[:-3], 2, 2, 2).clone()
    log_weight = torch.stack([tracks.log_weight[..., 0], tracks.log_weight[..., 0] - 1], -1)
    return replace(tracks, uv_px=uv_px, cov_px2=cov_px2, log_weight=log_weight)


def test_a_second_peak_takes_the_place_of_a_wrong_first(scene, points):
    exact = exact_tracks(scene)
    tracks = with_decoys(exact, view=1, keypoint=9, times=slice(5, 12))
    better, n_changed = reconsider(tracks, scene.rig, points)
    assert n_changed == 7
    torch.testing.assert_close(better.uv_px[..., 0, :], exact.uv_px[..., 0, :])
    assert (better.log_weight[1, 5:12, :, 9, 0] == -1).all()  # its weight comes along
    assert (better.log_weight[1, 5:12, :, 9, 1] == 0).all()


def test_sides_that_were_taken_for_each_other_are_exchanged(scene, points):
    exact = exact_tracks(scene)
    left, right = (exact.skeleton.index(name) for name in ("LKnee", "RKnee"))
    uv_px = exact.uv_px.clone()
    uv_px[2, 3:9, :, [left, right]] = uv_px[2, 3:9, :, [right, left]]
    better, n_changed = reconsider(replace(exact, uv_px=uv_px), scene.rig, points)
    apart = (exact.uv_px[2, 3:9, 0, left, 0] - exact.uv_px[2, 3:9, 0, right, 0]).norm(dim=-1)
    assert n_changed == 2 * int((apart > 4).sum()) > 0
    kept = (better.uv_px - exact.uv_px).norm(dim=-1)
    assert kept.max() <= 4  # where the two lie that near to each other, either may be it


def test_right_points_and_lone_outliers_stay(scene, points):
    exact = exact_tracks(scene)
    assert reconsider(exact, scene.rig, points) == (exact, 0)
    uv_px = exact.uv_px.clone()
    uv_px[0, 4, :, 7] += FAR_PX
    tracks = replace(exact, uv_px=uv_px)
    assert reconsider(tracks, scene.rig, points) == (tracks, 0)


def test_missing_points_are_no_alternatives(scene, points):
    exact = exact_tracks(scene)
    tracks = with_decoys(exact, view=1, keypoint=9, times=slice(5, 12))
    tracks.uv_px[1, 5:12, :, 9, 1] = torch.nan
    better, n_changed = reconsider(tracks, scene.rig, points)
    assert n_changed == 0
    assert better is tracks


def test_swapped_limbs_are_seen_by_more_views_afterwards():
    """A noisy detector that often takes left for right; its noise is measured. Nothing gets worse."""
    noisy = small_scene(n_views=4, duration_s=2.0, seed=3)
    triangulated = triangulate_tracks(noisy.tracks, noisy.rig)
    fitted = fit_sequence(noisy.tracks, noisy.rig, triangulated, None, FitOptions(threads=1))
    better, n_changed = reconsider(noisy.tracks, noisy.rig, fitted)
    assert n_changed > 0
    again = fit_sequence(better, noisy.rig, triangulate_tracks(better, noisy.rig), None, FitOptions(threads=1))
    assert again.n_views.double().mean() > fitted.n_views.double().mean()
    error, error_again = ((p.p_in_world - noisy.p_in_world).norm(dim=-1).nanmean() for p in (fitted, again))
    assert error_again < 1.02 * error
