"""Cameras from people: placed from scratch, refined, in their world and size; against scenes whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from walkers import apart, touched, walker

from mocap3d.calibration.options import Between
from mocap3d.calibration.people import PeopleOptions, calibrate_from_people, guessed_lenses, lenses_of
from mocap3d.calibration.people_points import start_of
from mocap3d.calibration.people_problem import Problem
from mocap3d.calibration.people_sightings import even_odd, in_order, sightings_of_people, spread
from mocap3d.errors import CalibrationError
from mocap3d.session.records import Timeline, Tracks2D

FEW = PeopleOptions(max_bodies=40)


@pytest.fixture(scope="module")
def from_scratch():
    scene = walker()
    distance = scene.rig.cameras["cam01"].centre_in_world - scene.rig.cameras["cam03"].centre_in_world
    between = Between(("cam01", "cam03"), float(distance.norm()))
    return scene, calibrate_from_people(scene.tracks, lenses_of(scene.rig), None, replace(FEW, between=between))


def test_one_walker_places_all_cameras(from_scratch):
    """Keypoints are 3 px off, cameras 3 to 4.5 m away. Measured 2 mm and 0.05 degrees worst."""
    scene, calibration = from_scratch
    place_m, turn_deg = apart(calibration.rig, scene.rig)
    assert place_m < 0.03
    assert turn_deg < 0.2
    assert max(calibration.held_out_px.values()) < 4


def test_the_floor_is_where_feet_touched_it(from_scratch):
    """Heights of the cameras over the floor."""
    scene, calibration = from_scratch
    for view, camera in calibration.rig.cameras.items():
        assert float(camera.centre_in_world[2]) == pytest.approx(
            float(scene.rig.cameras[view].centre_in_world[2]), abs=0.05
        )
    assert "feet" in calibration.world


def test_doubt_is_about_the_error(from_scratch):
    """Relative to the first camera, in stated sigmas."""
    scene, calibration = from_scratch
    found, truth = calibration.rig.cameras, scene.rig.cameras
    for view in ("cam02", "cam03", "cam04"):
        wanted = truth[view].cam_from_world @ truth["cam01"].cam_from_world.inverse()
        has = found[view].cam_from_world @ found["cam01"].cam_from_world.inverse()
        off = (has.rotation @ wanted.rotation.mT - torch.eye(3)).norm() / 2**0.5
        sigma = sum(calibration.result.sigma(f"{view}.turn_{axis}") ** 2 for axis in "xyz") ** 0.5
        assert 1e-4 < sigma < 3e-3
        assert float(off) < 4 * sigma


@pytest.mark.slow
def test_a_height_sets_the_size_to_some_percent():
    """Limbs' shares of the height are known to a few percent."""
    scene = walker()
    options = replace(FEW, height_m=scene.people[0].height_m)
    calibration = calibrate_from_people(scene.tracks, lenses_of(scene.rig), None, options)
    found, truth = (
        float((rig.cameras["cam01"].centre_in_world - rig.cameras["cam03"].centre_in_world).norm())
        for rig in (calibration.rig, scene.rig)
    )
    assert found == pytest.approx(truth, rel=3 * calibration.size.sigma)
    assert 0.01 < calibration.size.sigma < 0.06


@pytest.mark.slow
def test_a_bad_calibration_is_made_good_in_its_own_world():
    """Every camera turned by 1 degree and moved by 4 cm; which of them the rays then miss is anybody's guess."""
    scene = walker()
    bad = scene.rig
    for n, view in enumerate(scene.rig.cameras):
        bad = touched(bad, view, turn_deg=1.0, move_m=0.04, seed=n)
    start = {view: camera.cam_from_world for view, camera in bad.cameras.items()}
    calibration = calibrate_from_people(scene.tracks, lenses_of(bad), start, replace(FEW, world="keep"))
    assert calibration.before_median_px > 4 > max(calibration.held_out_px.values())
    place_m, turn_deg = apart(calibration.rig, scene.rig)
    assert place_m < 0.08
    assert turn_deg < 0.3
    for view, camera in calibration.rig.cameras.items():
        assert (camera.centre_in_world - scene.rig.cameras[view].centre_in_world).norm() < 0.12


@pytest.mark.slow
def test_focal_lengths_of_unknown_lenses_are_found():
    """True: 1050 px under a distortion of 12 % that is not modelled; guessed: 1507."""
    scene = walker()
    sizes = {view: camera.size_px for view, camera in scene.rig.cameras.items()}
    calibration = calibrate_from_people(scene.tracks, guessed_lenses(sizes), None, FEW)
    for camera in calibration.rig.cameras.values():
        assert float(camera.lens.f_px.mean()) == pytest.approx(1050, rel=0.12)
    assert {"cam01.fx", "cam04.fy"} <= set(calibration.result.names)


def test_a_mirrored_view_is_named():
    scene = walker()
    uv_px = scene.tracks.uv_px.clone()
    uv_px[1, ..., 0] = 1919 - uv_px[1, ..., 0]
    lenses = lenses_of(scene.rig)
    with pytest.raises(CalibrationError, match=r"'cam02'.*mirror"):
        calibrate_from_people(replace(scene.tracks, uv_px=uv_px), lenses, None, FEW)


def test_gradients_are_the_slopes_of_the_cost():
    """Oracle: differences of the cost itself, in every kind of unknown."""
    scene = walker()
    sightings = spread(sightings_of_people(scene.tracks), 4)
    points = scene.p_in_world[:, 0].numpy()[np.searchsorted(scene.t_s.numpy(), sightings.t_s)]
    cameras = list(scene.rig.cameras.values())
    start = start_of(sightings, cameras, points + 0.01 * np.random.default_rng(0).normal(size=points.shape))
    free, sigma = np.ones((4, 9), bool), np.full((4, 9), 0.1)
    problem = Problem(sightings, [camera.lens for camera in cameras], free, sigma, start, hold_size=True, noise=0.3)
    here = problem.linearise(start)
    n, g = len(problem.columns), len(here.shared_down)
    for number in (0, 4, 6, 8, 13, n + 2, g - 1):
        slopes = []
        for step in (1e-6, -1e-6):
            by = np.zeros(g)
            by[number] = step
            there = problem.moved(start, by[:n], by[n:], np.zeros_like(start.points))
            slopes.append(problem.linearise(there).cost)
        assert (slopes[1] - slopes[0]) / 4e-6 == pytest.approx(here.shared_down[number], rel=1e-4, abs=1e-3)
    for body, which in ((0, 0), (1, 40), (3, 77)):
        slopes = []
        for step in (1e-6, -1e-6):
            points = np.zeros(start.points.size).reshape(len(sightings.t_s), -1)
            points[body, which] = step
            there = problem.moved(start, np.zeros(n), np.zeros(g - n), points.reshape(start.points.shape))
            slopes.append(problem.linearise(there).cost)
        assert (slopes[1] - slopes[0]) / 4e-6 == pytest.approx(here.body_down[body, which], rel=1e-4, abs=1e-3)


def test_what_is_judged_was_not_fitted_to():
    sightings = sightings_of_people(walker().tracks)
    even, odd = even_odd(sightings)
    assert not set(even.t_s) & set(odd.t_s)
    assert len(even.t_s) + len(odd.t_s) == len(sightings.t_s)
    assert 0.3 < len(even.t_s) / len(sightings.t_s) < 0.7


def _timeline(tracks: Tracks2D) -> Timeline:
    frames = torch.arange(len(tracks.t_s), dtype=torch.float64)
    return Timeline(tracks.t_s, tracks.rate, dict.fromkeys(tracks.views, frames))


def test_a_lone_person_needs_no_numbers():
    scene = walker()
    tracks = in_order(scene.detections, _timeline(scene.tracks))
    known = scene.tracks.uv_px[..., 0, :].isfinite().all(-1)
    found = tracks.uv_px[..., 0, :].isfinite().all(-1)
    assert (found == known)[known.sum(-1) >= 3].all()
    assert torch.equal(tracks.uv_px[found], scene.tracks.uv_px[found])


def test_several_people_without_numbers_are_refused():
    scene = walker(n_people=2)
    with pytest.raises(CalibrationError, match="who is who"):
        in_order(scene.detections, _timeline(scene.tracks))


def test_numbers_that_all_views_share_are_believed():
    scene = walker(n_people=2)
    numbered = {}
    for v, (view, found) in enumerate(scene.detections.items()):
        truth = scene.tracks.uv_px[v, found.frame][:, :, :, 0]
        off = (truth - found.uv_px[:, None, :, 0]).nan_to_num(0.0).abs().sum((-2, -1))
        missing = (truth.isnan() != found.uv_px[:, None, :, 0].isnan()).sum((-2, -1))
        numbered[view] = replace(found, person=(off + 1e6 * missing).argmin(1) + 7)
    tracks = in_order(numbered, _timeline(scene.tracks))
    assert tracks.people == ("P1", "P2")
    both = scene.tracks.uv_px.isfinite() & tracks.uv_px.isfinite()
    assert torch.equal(tracks.uv_px[both], scene.tracks.uv_px[both])
    assert both.sum() > 0.95 * scene.tracks.uv_px.isfinite().sum()


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="metres"):
        PeopleOptions(height_m=178.0)
    scene = walker()
    lenses = {view: lens for view, lens in lenses_of(scene.rig).items() if view != "cam02"}
    with pytest.raises(CalibrationError, match="cam02"):
        calibrate_from_people(scene.tracks, lenses)
    options = replace(FEW, between=Between(("cam01", "cam9"), 3.0))
    with pytest.raises(CalibrationError, match=r"none of .*Did you mean .cam04"):
        calibrate_from_people(scene.tracks, lenses_of(scene.rig), None, options)


def test_nobody_there_is_named():
    tracks = walker().tracks
    nothing = replace(tracks, uv_px=torch.full_like(tracks.uv_px, torch.nan))
    with pytest.raises(CalibrationError, match=r"no keypoint that another view sees"):
        calibrate_from_people(nothing, lenses_of(walker().rig))
    start = {view: camera.cam_from_world for view, camera in walker().rig.cameras.items()}
    with pytest.raises(CalibrationError, match=r"'cam01', .*no keypoint that another view sees"):
        calibrate_from_people(nothing, lenses_of(walker().rig), start)


def test_a_view_that_shares_nothing_is_not_said_to_be_calibrated():
    """It would stay wherever it was, while the others are refined."""
    scene = walker()
    uv_px = scene.tracks.uv_px.clone()
    uv_px[2] = torch.nan
    start = {view: camera.cam_from_world for view, camera in scene.rig.cameras.items()}
    with pytest.raises(CalibrationError, match=r"'cam03': no keypoint that another view sees.*leave the view out"):
        calibrate_from_people(replace(scene.tracks, uv_px=uv_px), lenses_of(scene.rig), start)
