"""The geometry beneath the association: rays, their distances, and the people they meet in."""

import numpy as np
import pytest
import torch
from crowd import film, ring, walk

from mocap3d.fusion.association.matching import assign, find_people
from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.rays import Rays, distance_m, locate, meet, rays_of
from mocap3d.fusion.association.shape import BodyShape, apart_m, nanmedian
from mocap3d.fusion.association.sightings import sample_sightings
from mocap3d.skeletons.skeleton import load_skeleton, skeleton_names

BODY = BodyShape.of(load_skeleton("halpe26"))


def standing(*places, height_m=1.75):
    return [walk(np.tile(np.array(place, dtype=float), (2, 1)), height_m=height_m, rate=30) for place in places]


def seen_rays(bodies, rig, **options) -> tuple[Rays, np.ndarray]:
    """Rays of the first instant, and whose they are."""
    crowd = film(bodies, rig, **{"noise_px": 0.0, "missed": 0.0, "false_per_frame": 0.0, **options})
    sightings = sample_sightings(crowd.detections, crowd.timeline.frame_of_view, min_keypoints=5)
    sightings = sightings[sightings.instant == 0]
    owner = np.array([crowd.owner[f"cam{v + 1}"][r] for v, r in zip(sightings.view, sightings.row, strict=True)])
    cameras = list(crowd.rig.cameras.values())
    return rays_of(sightings, list(crowd.detections.values()), cameras, min_score=0.1), owner


def test_true_points_lie_on_their_rays_and_rays_meet_in_them():
    (body,) = standing((0.3, -0.2))
    rays, _ = seen_rays([body], ring(4))
    gap_m = distance_m(body[:1], rays[None])[0]
    assert np.abs(gap_m[rays.weight > 0]).max() < 1e-6
    first, second = np.triu_indices(len(rays), 1)
    points, gap_m = meet(rays, first, second)
    known = np.isfinite(gap_m)
    assert known.mean() > 0.7
    assert np.abs(points - body[0])[known].max() < 1e-9


def test_points_behind_a_camera_are_infinitely_far():
    rays, _ = seen_rays(standing((0, 0)), ring(2))
    behind = rays.origin[0] - 2 * rays.direction[0]
    gap_m = distance_m(behind[None], rays[None])[0, 0]
    assert np.isinf(gap_m[rays.weight[0] > 0]).all()


def test_a_lone_ray_moves_a_point_sideways_and_none_leaves_it():
    rays, _ = seen_rays(standing((0, 0)), ring(3))
    one = rays.at(np.array([0, -1, -1]))
    prior = standing((0.05, 0.05))[0][0]
    moved = locate(one, prior, scales_m=(1.0, 1.0), pull=1e-9)
    hit = one.weight[0] > 0
    assert np.abs(distance_m(moved, one)[0, hit]).max() < 1e-5
    along = np.einsum("kc,kc->k", moved - prior, one.direction[0])
    assert np.abs(along[hit]).max() < 1e-5
    assert np.array_equal(moved[~hit], prior[~hit])


def test_a_wild_view_hardly_moves_a_person():
    """One of four views sees someone else 1 m away: at worst 36 mm off, 300 mm if it counted fully."""
    rays, owner = seen_rays(standing((0, 0), (0.5, 0.9)), ring(4))
    mixed = np.array([np.flatnonzero((rays.view == v) & (owner == (v == 1)))[0] for v in range(4)])
    truth = standing((0, 0))[0][0]
    found = locate(rays.at(mixed), truth + 0.02, scales_m=(0.1, 0.1), pull=0.01)
    known = np.isfinite(found[:, 0]) & ((rays.at(mixed).weight > 0).sum(axis=0) >= 3)
    assert np.linalg.norm(found - truth, axis=1)[known].max() < 0.06


@pytest.mark.parametrize("n_views", [3, 5, 8])
def test_newcomers_are_found_and_not_their_ghosts(n_views):
    bodies = standing((-0.9, 0), (0.9, 0), (0, 0.9), (0, -0.9))
    rays, owner = seen_rays(bodies, ring(n_views), noise_px=2.0)
    found = find_people(rays, BODY, AssociateOptions())
    assert len(found) == 4
    for members, keypoints in found:
        (who,) = set(owner[members])
        assert len(members) == n_views
        assert apart_m(keypoints[None], bodies[who][:1])[0] < 0.02


def test_a_giant_is_nobody():
    rays, _ = seen_rays(standing((0, 0), height_m=3.2), ring(4, radius_m=9))
    assert not find_people(rays, BODY, AssociateOptions())
    assert len(find_people(rays, BODY, AssociateOptions(height_m=(0.5, 4.0)))) == 1


def test_assignment_is_best_together():
    """Person 0 alone would take sighting 0; together it is cheaper to give it to person 1. No hope, no sighting."""
    cost = np.array([[0.10, 0.15], [0.12, 0.90], [0.70, 0.95]])
    assert assign(cost, np.array([0, 0]), 2).tolist() == [[1, -1], [0, -1], [-1, -1]]


@pytest.mark.parametrize("name", skeleton_names())
def test_every_keypoint_set_tells_a_body_height(name):
    """A figure built of the table's own lengths, along a line, is as tall as it says."""
    skeleton = load_skeleton(name)
    body = BodyShape.of(skeleton)
    p = np.zeros((1, len(skeleton.keypoints), 3))
    ratio = {limb: ratio for limb, ratio in zip(skeleton.limbs, skeleton.length_ratio, strict=True) if ratio == ratio}
    for _ in skeleton.keypoints:  # as often as the longest chain may need
        for child, parent in enumerate(skeleton.parents):
            if parent >= 0:
                p[0, child] = p[0, parent] + (0, 0, 1.7 * ratio.get((parent, child), 0.1))
    height_m, _ = body.height_m(p)
    assert height_m[0] == pytest.approx(1.7, rel=0.05)
    assert body.is_human(p, (0.6, 2.4)).all()


@pytest.mark.parametrize("shape", [(3, 1), (4, 6), (2, 3, 7)])
def test_nanmedian_is_numpys(shape):
    values = np.random.default_rng(0).normal(size=shape)
    values[..., 1:][np.random.default_rng(1).random((*shape[:-1], shape[-1] - 1)) < 0.3] = np.nan
    expected = torch.from_numpy(np.array([np.median(row[~np.isnan(row)]) for row in values.reshape(-1, shape[-1])]))
    expected = expected.reshape(shape[:-1])
    torch.testing.assert_close(torch.from_numpy(nanmedian(values)), expected, equal_nan=True)


def test_nanmedian_of_nothing_is_nan():
    assert np.isnan(nanmedian(np.full((2, 3), np.nan))).all()
