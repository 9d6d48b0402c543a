"""Scenes: deterministic, of one truth, and in the records that fusion reads."""

import logging
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from scene import NO_NOISE, RIGS, WHITE_NOISE, exact_scene, exact_tracks, small_scene

from mocap3d.errors import Mocap3dError
from mocap3d.synthesis.scene import SceneOptions, make_scene


def projected(scene) -> torch.Tensor:
    return torch.stack([camera.project(scene.p_in_world) for camera in scene.rig.cameras.values()])


def test_equal_options_give_equal_scenes_and_other_seeds_others():
    options = SceneOptions(n_views=2, n_people=2, duration_s=0.4, seed=5)
    first, again = make_scene(options), make_scene(options)
    assert torch.equal(first.p_in_world, again.p_in_world)
    assert torch.equal(first.tracks.uv_px.nan_to_num(), again.tracks.uv_px.nan_to_num())
    assert torch.equal(first.detections["cam01"].frame, again.detections["cam01"].frame)
    other = make_scene(SceneOptions(n_views=2, n_people=2, duration_s=0.4, seed=6))
    assert not torch.equal(first.p_in_world, other.p_in_world)


def test_without_noise_the_tracks_are_the_projections():
    scene = exact_scene()
    uv_px = scene.tracks.uv_px[..., 0, :]
    seen = uv_px.isfinite().all(-1)
    assert seen.double().mean() > 0.99
    assert (uv_px - projected(scene))[seen].abs().max() == 0
    assert not scene.outlier.any()


def test_shapes_and_names():
    scene = small_scene(n_people=3, n_views=4, duration_s=0.5)
    assert scene.p_in_world.shape == (30, 3, 26, 3)
    assert scene.tracks.uv_px.shape == (4, 30, 3, 26, 1, 2)
    assert scene.tracks.cov_px2.shape == (4, 30, 3, 26, 1, 2, 2)
    assert scene.occluded.shape == scene.outlier.shape == (4, 30, 3, 26)
    assert scene.tracks.views == tuple(scene.rig.cameras) == ("cam01", "cam02", "cam03", "cam04")
    assert scene.tracks.people == tuple(person.name for person in scene.people) == ("P1", "P2", "P3")
    assert scene.t_s[-1] == pytest.approx(29 / 60)


def test_missing_is_missing_everywhere():
    tracks = small_scene().tracks
    missing = tracks.uv_px.isnan().any(-1)
    assert 0.02 < missing.double().mean() < 0.3
    assert torch.equal(missing, tracks.log_weight == -torch.inf)
    assert torch.equal(missing, tracks.cov_px2.isnan().any(-1).any(-1))


def test_hidden_keypoints_are_seen_worse():
    scene = small_scene(n_people=2, n_views=6)
    error_px = (scene.tracks.uv_px[..., 0, :] - projected(scene)).norm(dim=-1)
    good = error_px.isfinite() & ~scene.outlier
    assert 0.1 < scene.occluded.double().mean() < 0.4
    assert error_px[good & scene.occluded].median() > 2 * error_px[good & ~scene.occluded].median()
    score = scene.tracks.log_weight[..., 0].exp()
    assert score[good & scene.occluded].mean() < score[good & ~scene.occluded].mean() - 0.2


def test_detections_are_the_tracks_without_order_or_names():
    scene = small_scene(n_people=3, n_views=2)
    tracks = scene.tracks
    for number, (view, detections) in enumerate(scene.detections.items()):
        assert detections.n_frames == 60
        assert (detections.person == -1).all()
        assert (detections.frame.diff() >= 0).all()
        orders = set()
        for frame in range(60):
            found = detections.uv_px[detections.frame == frame]
            match = [[torch.equal(a.nan_to_num(), b.nan_to_num()) for b in tracks.uv_px[number, frame]] for a in found]
            order = tuple(row.index(True) for row in match)
            assert len(set(order)) == len(order)
            orders.add(order)
        assert len(orders) > 3, view


def test_people_keep_their_distance():
    scene = small_scene(n_people=4, n_views=2)
    hip = scene.p_in_world[:, :, scene.skeleton.index("Hip")]
    apart = (hip[:, :, None] - hip[:, None]).norm(dim=-1) + 10 * torch.eye(4)
    assert apart.min() > 0.8


@pytest.mark.parametrize("rig", sorted(path.stem for path in RIGS.glob("*.toml")))
def test_every_rig_sees_a_walker(rig, caplog):
    with caplog.at_level(logging.WARNING, logger="mocap3d"):
        scene = small_scene(rig=rig, duration_s=0.5)
    assert not caplog.records
    assert scene.tracks.uv_px.isfinite().double().mean() > 0.6


def test_another_keypoint_set():
    scene = small_scene(skeleton="coco17", n_views=2, duration_s=0.2)
    assert scene.p_in_world.shape[2] == 17
    assert scene.detections["cam01"].keypoint_set == "coco17"


def test_white_noise_is_white():
    scene = small_scene(noise=WHITE_NOISE, n_views=6)
    error_px = (scene.tracks.uv_px[..., 0, :] - projected(scene)).nan_to_num()
    seen = scene.tracks.uv_px[..., 0, 0].isfinite()
    assert error_px[seen].std() == pytest.approx(2.0, rel=0.05)


def test_exact_tracks_see_through_everything():
    scene = small_scene()
    assert exact_tracks(scene).uv_px.isfinite().all()


def test_couples_of_real_clips_stay_in_touch(real_data):
    """Two dancers of one take: once they dance, their closest joints are 0.1-0.2 m apart."""
    folder = real_data / "05_cmu_motions/bvh_daz_cm"
    clips = (folder / "salsa_pair05_A.bvh", folder / "salsa_pair05_B.bvh")
    scene = make_scene(SceneOptions(n_views=2, clips=clips, duration_s=8.0, rate=Fraction(25), noise=NO_NOISE))
    a, b = scene.p_in_world.unbind(1)
    assert scene.p_in_world.shape[:2] == (200, 2)
    assert 0.05 < torch.cdist(a, b).amin((1, 2))[100:].median() < 0.35
    assert scene.p_in_world[..., 2].min() > -0.05
    assert scene.p_in_world[..., :2].mean((0, 1, 2)).norm() < 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SceneOptions(n_people=0), "0 people"),
        (SceneOptions(n_views=0), "0 cameras"),
        (SceneOptions(skeleton="body25b"), "synthetic people have not"),
        (SceneOptions(clips=(Path("gone.bvh"),)), "gone.bvh"),
        (SceneOptions(rig=Path("gone.toml")), "gone.toml"),
    ],
)
def test_impossible_scenes_are_refused(options, message):
    with pytest.raises(Mocap3dError, match=message):
        make_scene(options)
