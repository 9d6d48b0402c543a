"""The joint adjustment: against Ceres, against truth, and what it says of its own doubt."""

from dataclasses import replace

import board_scenes
import colmap_oracle
import numpy as np
import pytest
import torch

from mocap3d.calibration.bundle import BundleOptions, bundle_adjust
from mocap3d.calibration.extrinsics import first_poses
from mocap3d.calibration.lens_choice import choose_lenses
from mocap3d.calibration.lens_kinds import LensKind, packed
from mocap3d.errors import CalibrationError
from mocap3d.geometry.align import rigid_align
from mocap3d.solve.bundle import EXACT
from mocap3d.synthesis.boards import board_points, ordinary_rig, shown, wand_points


def test_ceres_reaches_the_same_optimum():
    """Four views, 60 boards; no robust loss and no priors, which Ceres has not. Measured: costs equal to 7e-11,
    parameters to 4e-4 of their sigma."""
    scene = board_scenes.board_scene()
    lenses = board_scenes.rough_lenses(scene.rig, kind=LensKind.BROWN4)
    poses = first_poses([scene.observations], lenses)
    ours = bundle_adjust([scene.observations], lenses, poses, BundleOptions(bend_px=EXACT, use_priors=False))
    their_lenses, their_poses, their_cost = colmap_oracle.adjusted(scene.observations, lenses, poses)
    assert float(ours.residual_px[0].square().nansum()) == pytest.approx(their_cost, rel=1e-8)
    for view, camera in ours.rig.cameras.items():
        sigma = np.array([ours.sigma(f"{view}.{name}") for name in LensKind.BROWN4.names])
        assert np.abs((packed(camera.lens)[:8] - their_lenses[view]) / sigma).max() < 0.01
        assert np.abs(colmap_oracle.matrix(camera) - their_poses[view]).max() < 1e-4


def test_truth_is_found_from_a_rough_start_as_well_as_from_itself():
    """Corners of boards, in the adjusted world, after alignment. Measured: equal to 1e-5 of the error."""
    scene = board_scenes.board_scene(n_views=6, n_instants=60)
    rough = board_scenes.calibrated(scene)
    start = (board_scenes.true_lenses(scene.rig), board_scenes.true_poses(scene))
    best = bundle_adjust([scene.observations], *start)
    errors_m = [_corner_error_m(result.world_from_target[0], scene) for result in (rough, best)]
    assert errors_m[0] < 1.01 * errors_m[1]
    assert errors_m[1] < 0.004
    assert rough.rms_px < 0.3 * np.sqrt(2)
    assert rough.converged


def _corner_error_m(world_from_target, scene) -> float:
    found = world_from_target[:, None].apply(scene.observations.p_in_target).reshape(-1, 3)
    true = scene.world_from_target[:, None].apply(scene.observations.p_in_target).reshape(-1, 3)
    off = rigid_align(found, true).apply(found) - true
    return float(off[off.isfinite().all(-1)].square().sum(-1).mean().sqrt())


def test_stated_intervals_hold_the_truth():
    """Six scenes of four cameras, 324 parameters (slow test: 200 scenes of eight)."""
    z = np.concatenate([_errors_in_sigmas(4, 40, seed) for seed in range(6)])
    assert 0.91 < (np.abs(z) < 1.96).mean() < 0.985


@pytest.mark.slow
def test_stated_intervals_hold_the_truth_in_200_scenes():
    """Eight cameras, 200 boards, 0.3 px. Measured: 95.5 %."""
    z = np.concatenate([_errors_in_sigmas(8, 200, seed) for seed in range(200)])
    assert 0.92 < (np.abs(z) < 1.96).mean() < 0.98


def _errors_in_sigmas(n_views: int, n_instants: int, seed: int) -> np.ndarray:
    scene = board_scenes.board_scene(n_views=n_views, n_instants=n_instants, seed=seed)
    lenses = board_scenes.rough_lenses(scene.rig)
    result = bundle_adjust([scene.observations], lenses, board_scenes.true_poses(scene))
    errors = board_scenes.errors(result, scene.rig)
    return np.array([errors[name] / result.sigma(name) for name in result.names])


def test_noise_is_measured_and_doubt_follows_it():
    """Corners three times worse than stated."""
    good, bad = board_scenes.board_scene(), board_scenes.board_scene(sigma_px=0.9)
    claimed_px = torch.where(bad.observations.uv_px.isfinite().all(-1), 0.3, torch.nan).double()
    found = []
    for scene in (good.observations, replace(bad.observations, sigma_px=claimed_px)):
        lenses = board_scenes.true_lenses(good.rig)
        options = BundleOptions(refine_lenses=False, bend_px=EXACT)
        found.append(bundle_adjust([scene], lenses, first_poses([scene], lenses), options))
    assert [result.noise for result in found] == pytest.approx([1.0, 3.0], rel=0.05)
    assert found[1].sigma("cam02.x") == pytest.approx(3 * found[0].sigma("cam02.x"), rel=0.1)


def test_outliers_hardly_matter():
    """2 % of the corners some 15 px beside. Measured: median error of a position 1.2 times that without."""
    clean = board_scenes.board_scene(n_views=4)
    spoilt = board_scenes.board_scene(n_views=4, outliers=0.02)
    off_m = [_median_place_error_m(scene) for scene in (clean, spoilt)]
    assert off_m[1] < 2 * off_m[0]


def _median_place_error_m(scene) -> float:
    errors = board_scenes.errors(board_scenes.calibrated(scene), scene.rig)
    return float(np.median([abs(value) for name, value in errors.items() if name[-2:] in (".x", ".y", ".z")]))


def test_given_lenses_stay():
    scene = board_scenes.board_scene()
    lenses = board_scenes.true_lenses(scene.rig)
    poses = first_poses([scene.observations], lenses)
    result = bundle_adjust([scene.observations], lenses, poses, BundleOptions(refine_lenses=False))
    assert all(torch.equal(result.rig.cameras[v].lens.distortion, e.lens.distortion) for v, e in lenses.items())
    assert not any(name.endswith("fx") for name in result.names)
    assert result.rms_px == pytest.approx(0.3 * np.sqrt(2), rel=0.1)  # less what the boards' poses take off


def test_a_second_target_adds_what_it_knows():
    """A wand beside the board: positions get better known. Measured 0.9 of the doubt."""
    scene = board_scenes.board_scene(n_instants=40)
    wand = shown(
        scene.rig, wand_points(0.0, 0.25, 0.6), scene.world_from_target,
        board_scenes.BoardSceneOptions(seed=5, max_tilt_deg=180.0, min_corners=3), name="wand",
    )  # fmt: skip
    lenses = board_scenes.rough_lenses(scene.rig)
    alone = board_scenes.calibrated(scene)
    sets = [scene.observations, wand.observations]
    both = bundle_adjust(sets, lenses, first_poses(sets, lenses))
    assert both.sigma("cam03.x") < 0.97 * alone.sigma("cam03.x")
    errors = board_scenes.errors(both, scene.rig)
    assert max(abs(errors[f"{view}.x"]) / both.sigma(f"{view}.x") for view in list(scene.rig.cameras)[1:]) < 4
    assert both.residual_px[1].isfinite().any()


def test_the_board_comes_out_rigid_and_at_its_size():
    """0.3 px of noise is about 1 mm between corners triangulated one by one."""
    result = board_scenes.calibrated(board_scenes.board_scene())
    assert result.rigidity_m < 0.002
    assert result.scale == pytest.approx(1.0, abs=0.002)


def test_an_anchor_is_the_world():
    """Scene points, measured in the world: cameras come out in it, and the first one's place has a doubt, too."""
    rig = ordinary_rig(4)
    points = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (0.0, 1.0)]).double()
    still = board_scenes.BoardSceneOptions(max_tilt_deg=180.0, missing=0.0, min_corners=4)
    scene = shown(rig, points, board_scenes.identity(1), still, name="room")
    lenses = board_scenes.true_lenses(rig)
    poses = first_poses([scene.observations], lenses)
    result = bundle_adjust([scene.observations], lenses, poses, BundleOptions(refine_lenses=False, anchor="room"))
    for view, camera in rig.cameras.items():
        off_m = (result.rig.cameras[view].centre_in_world - camera.centre_in_world).norm()
        assert float(off_m) < 5 * max(result.sigma(f"{view}.{axis}") for axis in "xyz") < 0.05
    with pytest.raises(CalibrationError, match="0 instants"):
        bundle_adjust([scene.observations], lenses, poses, BundleOptions(anchor="floor"))


def test_lenses_are_chosen_together():
    """Alone, small boards are explained by less than the five coefficients there are; together they are told."""
    scene = board_scenes.board_scene(n_views=3, n_instants=20, max_tilt_deg=180.0)
    lenses = board_scenes.tried_lenses(scene)
    assert {LensKind.BROWN2, LensKind.BROWN4} & {estimate.kind for estimate in lenses.values()}
    chosen = choose_lenses([scene.observations], lenses, board_scenes.true_poses(scene))
    assert [estimate.kind for estimate in chosen.values()] == [LensKind.BROWN5] * 3
    given = board_scenes.rough_lenses(scene.rig, kind=LensKind.BROWN4)
    assert choose_lenses([scene.observations], given, board_scenes.true_poses(scene)) == given


def test_islands_are_refused_by_name():
    scene = board_scenes.board_scene()
    half = scene.observations.uv_px.shape[1] // 2
    apart = board_scenes.without(scene, ("cam01", "cam02"), slice(half, None))
    apart = board_scenes.without(apart, ("cam03", "cam04"), slice(0, half))
    lenses = board_scenes.true_lenses(scene.rig)
    poses = first_poses([apart.observations], lenses)
    assert poses.islands == (("cam01", "cam02"), ("cam03", "cam04"))
    with pytest.raises(CalibrationError, match=r"cam01 \+ cam02; cam03 \+ cam04"):
        bundle_adjust([apart.observations], lenses, poses)


def test_board_points_are_a_board():
    points = board_points(6, 4, 0.08)
    assert len(points) == 24
    assert float((points[1] - points[0]).norm()) == pytest.approx(0.08)
