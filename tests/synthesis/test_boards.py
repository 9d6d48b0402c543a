"""Synthetic boards: what is seen is the truth's projection, and what cannot be seen is not."""

from dataclasses import replace

import pytest
import torch

from mocap3d.geometry import LensModel
from mocap3d.synthesis.boards import (
    BoardSceneOptions,
    board_points,
    make_board_scene,
    ordinary_rig,
    wand_points,
    with_model,
)

OPTIONS = BoardSceneOptions(n_instants=50)


def test_corners_are_the_projected_points_within_their_noise():
    """20 000 offsets of 0.3 px."""
    scene = make_board_scene(ordinary_rig(8), board_points(), replace(OPTIONS, n_instants=200))
    p_in_world = scene.world_from_target[:, None].apply(scene.observations.p_in_target)
    true_px = torch.stack([camera.project(p_in_world) for camera in scene.rig.cameras.values()])
    off_px = (scene.observations.uv_px - true_px)[scene.observations.uv_px.isfinite()]
    assert len(off_px) > 10_000
    assert float(off_px.std()) == pytest.approx(0.3, rel=0.03)
    assert float(off_px.mean()) == pytest.approx(0.0, abs=0.01)
    assert torch.equal(scene.observations.uv_px.isfinite().all(-1), scene.observations.sigma_px.isfinite())


def test_only_the_printed_side_is_seen():
    scene = make_board_scene(ordinary_rig(8), board_points(), OPTIONS)
    for view, camera in scene.rig.cameras.items():
        seen = scene.observations.uv_px[scene.observations.views.index(view)].isfinite().all(-1).any(-1)
        normal = scene.world_from_target.rotation[:, :, 2]  # the print looks along -z
        towards = scene.world_from_target.translation - camera.centre_in_world
        assert ((normal * towards).sum(-1)[seen] > 0).all()
    from_anywhere = make_board_scene(scene.rig, board_points(), replace(OPTIONS, max_tilt_deg=180.0))
    counts = [float(each.observations.uv_px.isfinite().double().mean()) for each in (scene, from_anywhere)]
    assert counts[1] > 1.8 * counts[0]


def test_most_instants_are_seen_by_two_views():
    scene = make_board_scene(ordinary_rig(8), board_points(), replace(OPTIONS, n_instants=200))
    n_views = scene.observations.uv_px.isfinite().all(-1).any(-1).sum(0)
    assert (n_views >= 2).double().mean() > 0.9


def test_frames_tell_where_a_view_found_nothing():
    scene = make_board_scene(ordinary_rig(4), board_points(), OPTIONS)
    found = scene.observations.uv_px.isfinite().all(-1).any(-1)
    assert torch.equal(scene.observations.frame >= 0, found)


def test_scenes_are_determined_by_their_seed():
    one, same, other = (
        make_board_scene(ordinary_rig(3, seed=seed), board_points(), replace(OPTIONS, seed=seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one.observations.uv_px.nan_to_num(), same.observations.uv_px.nan_to_num())
    assert not torch.equal(one.observations.uv_px.nan_to_num(), other.observations.uv_px.nan_to_num())


def test_outliers_are_as_many_as_asked_for():
    clean, spoilt = (
        make_board_scene(ordinary_rig(4), board_points(), replace(OPTIONS, outliers=share)) for share in (0.0, 0.05)
    )
    off_px = (clean.observations.uv_px - spoilt.observations.uv_px).norm(dim=-1)
    assert float((off_px > 3).sum() / off_px.isfinite().sum()) == pytest.approx(0.05, abs=0.015)


def test_a_wand_is_straight_and_a_lens_is_changed():
    assert wand_points(0.0, 0.2, 0.5)[:, 0].tolist() == [0.0, 0.2, 0.5]
    camera = ordinary_rig(1).cameras["cam01"]
    fisheye = with_model(camera, LensModel.KANNALA_BRANDT, torch.zeros(4, dtype=torch.float64))
    assert fisheye.lens.model is LensModel.KANNALA_BRANDT
    assert torch.equal(fisheye.lens.f_px, camera.lens.f_px)
    assert with_model(camera, LensModel.PINHOLE, torch.zeros(0, dtype=torch.float64)).lens.model is LensModel.PINHOLE
