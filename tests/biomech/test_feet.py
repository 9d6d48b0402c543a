"""Feet and pelvis from whatever was seen: keypoint sets with feet and without, belts, and where ahead is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tracks3d import make_points

from mocap3d.biomech.feet import SIDES, Feet, feet_of_points, make_feet
from mocap3d.errors import FusionError
from mocap3d.skeletons.skeleton import load_skeleton

RATE_HZ = 100.0
T_S = np.arange(200) / RATE_HZ


def along(direction: tuple[float, float], speed: float, height_m: float = 0.9) -> np.ndarray:
    """A track (t 3) at a height."""
    return np.stack([*(speed * T_S * part for part in direction), height_m + 0 * T_S], axis=-1)


@pytest.mark.parametrize(
    ("name", "heel", "toe"),
    [("halpe26", "Heel", "BigToe"), ("blazepose33", "Heel", "FootIndex"), ("coco17", "Ankle", "Ankle")],
)
def test_every_set_has_the_best_feet_it_can(name, heel, toe):
    """Points that stand still, each at a place of its own, so that no filter moves them."""
    skeleton = load_skeleton(name)
    points = make_points(20, ("Ada", "Bo"), skeleton=skeleton)
    place = torch.arange(points.p_in_world[0].numel(), dtype=torch.float64).reshape(points.p_in_world[0].shape)
    points = replace(points, p_in_world=place.expand_as(points.p_in_world).clone())
    feet, at = feet_of_points(points, 1), {key: place[1, k].numpy() for k, key in enumerate(skeleton.keypoints)}
    assert feet.rate_hz == float(points.rate)
    np.testing.assert_allclose(feet.pelvis[7], (at["LHip"] + at["RHip"]) / 2, atol=1e-9)
    for side in SIDES:
        np.testing.assert_allclose(feet.heel[side][7], at[f"{side[0]}{heel}"], atol=1e-9)
        np.testing.assert_allclose(feet.toe[side][7], at[f"{side[0]}{toe}"], atol=1e-9)


def test_a_set_without_ankles_is_refused():
    skeleton = load_skeleton("coco17")
    renamed = replace(skeleton, keypoints=tuple(name.replace("Ankle", "Sole") for name in skeleton.keypoints))
    with pytest.raises(FusionError, match="gait needs LAnkle, RAnkle, which the keypoint set coco17 does not have"):
        feet_of_points(replace(make_points(3, skeleton=skeleton), skeleton=renamed), 0)


@pytest.mark.parametrize(("speed", "is_belt"), [(1.2, True), (0.2, True), (0.1, False)])
def test_a_belt_is_what_carries_the_feet_but_not_the_pelvis(speed, is_belt):
    """To the world's -y; what is slower than 0.15 m/s is drift. Some of the track is unknown."""
    ankle = along((0, -1), speed, 0.05)
    ankle[50:90] = np.nan
    feet = dict.fromkeys(SIDES, ankle)
    carried = make_feet(RATE_HZ, along((0, 1), 0.0), feet, feet)
    np.testing.assert_allclose(carried.ground_velocity, [0, -speed] if is_belt else [0, 0], atol=1e-9)
    together = make_feet(RATE_HZ, along((0, -1), speed * 1.01), feet, feet)  # somebody who shuffles
    np.testing.assert_array_equal(together.ground_velocity, [0, 0])


def test_the_belt_is_told_by_the_feet_while_they_are_lowest():
    """A foot is low for a third of the time; when it is high it goes ahead, three times as fast."""
    low = (np.arange(200) // 20) % 3 == 0
    place = np.cumsum(np.where(low, -1.0, 3.0)) / RATE_HZ
    ankle = np.stack([place, 0 * place, np.where(low, 0.05, 0.25)], axis=-1)
    feet = dict.fromkeys(SIDES, ankle)
    assert make_feet(RATE_HZ, along((1, 0), 0.0), feet, feet).ground_velocity[0] == pytest.approx(-1.0, abs=0.1)


def test_ankles_alone_go_where_the_pelvis_goes_on_a_belt_too():
    """On the belt the pelvis stands, and ahead is against the belt."""
    ankles = dict.fromkeys(SIDES, along((0, -1), 1.0, 0.05))
    treadmill = Feet(RATE_HZ, along((0, 1), 0.0), ankles, ankles, np.array([0.0, -1.0]))
    np.testing.assert_allclose(treadmill.forward(), np.tile([0.0, 1.0], (200, 1)), atol=1e-9)
    pelvis = along((-0.6, 0.8), 1.0)
    pelvis[40:60] = np.nan
    overground = Feet(RATE_HZ, pelvis, ankles, ankles, np.zeros(2))
    np.testing.assert_allclose(overground.forward(), np.tile([-0.6, 0.8], (200, 1)), atol=1e-9)
    nobody = Feet(RATE_HZ, np.full((200, 3), np.nan), ankles, ankles, np.zeros(2))
    assert np.linalg.norm(nobody.forward(), axis=1) == pytest.approx(1.0)


def test_seen_from_the_floor_a_treadmill_is_a_walk():
    foot = dict.fromkeys(SIDES, along((1, 0), 0.0, 0.05))
    treadmill = Feet(RATE_HZ, along((1, 0), 0.0), foot, foot, np.array([-1.2, 0.3]))
    floor = treadmill.on_the_floor()
    for track in (floor.pelvis, *floor.heel.values(), *floor.toe.values()):
        np.testing.assert_allclose(np.diff(track, axis=0) * RATE_HZ, np.tile([1.2, -0.3, 0.0], (199, 1)), atol=1e-9)
    np.testing.assert_array_equal(floor.ground_velocity, [0, 0])
