"""Jumps that obey gravity; chairs; and what is told of a body as a whole."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from motions import make_fitted

from mocap3d.biomech.whole_body import jumps, rises, whole_bodies


@pytest.mark.parametrize("height_m", [0.1, 0.4])
def test_a_jump_is_as_high_by_path_as_by_time(height_m):
    """Both within 2 cm of the truth at 100 Hz."""
    t_s = np.arange(300) / 100.0
    flight_s = np.sqrt(8 * height_m / 9.81)
    u = np.clip((t_s - 1.0) / flight_s, 0, 1)
    rise = 4 * height_m * u * (1 - u)
    centre = np.stack([0 * t_s, 0 * t_s, 1.0 + rise], axis=-1)
    (jump,) = jumps(centre, 0.05 + rise, 100.0, above_m=0.01)
    assert jump.height_m == pytest.approx(height_m, abs=0.02)
    assert jump.height_by_time_m == pytest.approx(height_m, abs=0.03)
    assert jump.take_off_s == pytest.approx(1.0, abs=0.03)


def test_stepping_up_is_no_jump():
    t_s = np.arange(300) / 100.0
    rise = 0.3 * ((t_s > 1) & (t_s < 2.5))
    assert jumps(np.stack([0 * t_s, 0 * t_s, 1 + rise], -1), 0.05 + rise, 100.0) == ()
    assert jumps(np.full((10, 3), np.nan), np.full(10, np.nan), 100.0) == ()


def test_rising_is_counted_once_per_way_up():
    t_s = np.linspace(0, 30, 1800)
    pelvis = 0.7 - 0.2 * np.cos(2 * np.pi * t_s / 6) + 0.01 * np.sin(50 * t_s)
    assert rises(pelvis) == 5
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
