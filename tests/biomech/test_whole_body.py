"""Jumps that obey gravity; chairs; and what is told of a body as a whole."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from motions import make_fitted

from mocap3d.biomech.whole_body import jumps, rises, whole_bodies


def leap(height_m: float, rate_hz: float, take_off_s: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre of mass (t 3), lowest point of the feet (t), and the flight's time: pushed off and caught at 12 m/s2."""
    since_s = np.arange(round(3 * rate_hz)) / rate_hz - take_off_s
    speed = np.sqrt(2 * 9.81 * height_m)
    flight_s = 2 * speed / 9.81
    into_s = np.clip(
        np.maximum(-since_s, since_s - flight_s), 0, speed / 12
    )  # the push, and the catch its mirror image
    rise = np.where((since_s > 0) & (since_s < flight_s), since_s * (speed - 9.81 / 2 * since_s), 0)
    centre_m = 1.0 + rise - speed * into_s + 6 * into_s**2
    return np.stack([0 * since_s, 0 * since_s, centre_m], axis=-1), 0.05 + rise, float(flight_s)


@pytest.mark.parametrize("rate_hz", [50.0, 100.0])
@pytest.mark.parametrize("height_m", [0.1, 0.4])
def test_a_jump_is_as_high_as_it_was_by_path_and_by_time(height_m, rate_hz):
    """That feet count as flying from 3 cm on takes nothing off. Measured: 1.5 mm and 0.7 ms off at worst."""
    for within_frame in (0.0, 0.4, 0.7):
        take_off_s = 1.0 + within_frame / rate_hz
        centre, lowest_m, flight_s = leap(height_m, rate_hz, take_off_s)
        (jump,) = jumps(centre, lowest_m, rate_hz)
        assert jump.height_m == pytest.approx(height_m, abs=0.003)
        assert jump.height_by_time_m == pytest.approx(height_m, abs=0.003)
        assert jump.take_off_s == pytest.approx(take_off_s, abs=0.002)
        assert jump.landing_s == pytest.approx(take_off_s + flight_s, abs=0.002)


def test_what_is_not_seen_of_a_jump_is_not_told():
    """Nor where it begins before the recording, or ends after it; the next one is."""
    centre, lowest_m, _ = leap(0.3, 100.0, 1.0)
    for part in (slice(110, None), slice(0, 130)):
        assert jumps(centre[part], lowest_m[part], 100.0) == ()
    for hidden in (slice(90, 125), slice(105, 106)):
        centre_m, feet_m = centre.copy(), lowest_m.copy()
        centre_m[hidden], feet_m[hidden] = np.nan, np.nan
        assert len(jumps(np.concatenate([centre_m, centre]), np.concatenate([feet_m, lowest_m]), 100.0)) == 1


def test_who_jumps_is_told_in_the_time_of_the_recording():
    """Ada rises as a whole by 0.3 m, 1 s after a first instant that is at 20 s; Bo stands."""
    _, lowest_m, _ = leap(0.3, 100.0, 1.0)
    motion = make_fitted(300, rate=Fraction(100))
    joints = motion.joint_in_world[:1].expand(300, -1, -1, -1).clone()
    joints[:, 0, :, 2] += torch.from_numpy(lowest_m - 0.05)[:, None]
    found = whole_bodies(replace(motion, joint_in_world=joints, t_s=motion.t_s + 20.0))
    assert [len(found[person].jumps) for person in ("Ada", "Bo")] == [1, 0]
    assert [found[person].n_rises for person in ("Ada", "Bo")] == [1, 0]
    assert found["Ada"].jumps[0].take_off_s == pytest.approx(21.0, abs=0.01)
    assert found["Ada"].jumps[0].height_by_time_m == pytest.approx(0.3, abs=0.015)  # feet are low-passed at 7 Hz


def test_who_keeps_a_foot_on_the_floor_does_not_jump():
    _, lowest_m, _ = leap(0.3, 100.0, 1.0)
    motion = make_fitted(300, ("Ada",), rate=Fraction(100))
    joints, tree = motion.joint_in_world[:1].expand(300, -1, -1, -1).clone(), motion.skeletons[0].tree
    joints[..., 2] += torch.from_numpy(lowest_m - 0.05)[:, None, None]
    stays = [tree.index("subtalar_r"), tree.index("toe_tip_r")]
    joints[:, :, stays] = motion.joint_in_world[:1][:, :, stays]
    assert whole_bodies(replace(motion, joint_in_world=joints))["Ada"].jumps == ()


def test_stepping_up_is_no_jump():
    t_s = np.arange(300) / 100.0
    rise = 0.3 * ((t_s > 1) & (t_s < 2.5))
    assert jumps(np.stack([0 * t_s, 0 * t_s, 1 + rise], -1), 0.05 + rise, 100.0) == ()
    assert jumps(np.full((10, 3), np.nan), np.full(10, np.nan), 100.0) == ()


def test_rising_is_counted_once_per_way_up():
    t_s = np.linspace(0, 30, 1800)
    pelvis = 0.7 - 0.2 * np.cos(2 * np.pi * t_s / 6) + 0.01 * np.sin(50 * t_s)
    assert rises(pelvis) == 5
    for dip, n in ((0.24, 2), (0.26, 1)):  # of the way: low is the lowest quarter
        assert rises(0.5 + 0.5 * np.interp(np.arange(101), [0, 25, 50, 75, 100], [0, 1, dip, 1, 1])) == n
    assert rises(np.full(100, 0.9)) == 0
    assert rises(np.full(100, np.nan)) == 0


def test_everybody_is_told_in_plain_values():
    motion = make_fitted(60)
    motion.joint_in_world[:, 1] = torch.nan  # Bo is never seen
    told = {person: body.as_json() for person, body in whole_bodies(motion).items()}
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["Bo"] == {"centre_of_mass_range_m": None, "jumps": [], "rises_from_low": 0}
    assert told["Ada"]["centre_of_mass_range_m"]["x"] == pytest.approx(
        59 / 60, abs=0.3
    )  # it walks a metre, and swings its limbs


def test_nobody_and_no_instants():
    motion = make_fitted(1)
    assert whole_bodies(replace(motion, people=(), skeletons=())) == {}
    assert whole_bodies(motion)["Ada"].jumps == ()
