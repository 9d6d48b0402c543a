"""Angles over the stride, against curves that are known."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from mocap3d.biomech.cycles import angle_cycles, cycle_columns, cycle_curve
from mocap3d.biomech.events import STRIKE
from mocap3d.biomech.gait import Gait
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.records import JointAngles

RATE = 100.0
STRIKES_S = [0.5, 1.5, 2.6, 3.5]


def bend(t_s: np.ndarray) -> np.ndarray:
    """A curve over each stride that depends on its percentage only."""
    percent = np.interp(t_s, STRIKES_S, 100.0 * np.arange(len(STRIKES_S))) % 100
    return 30 - 30 * np.cos(2 * np.pi * percent / 100)


def test_strides_of_other_lengths_fall_on_each_other():
    """To 0.02 degrees: 100 Hz are interpolated linearly."""
    mean, sd, n = cycle_curve(bend(np.arange(400) / RATE), RATE, STRIKES_S)
    assert n == 3
    np.testing.assert_allclose(mean, 30 - 30 * np.cos(2 * np.pi * np.linspace(0, 1, 101)), atol=0.03)
    assert sd.max() < 0.03


def test_gaps_ends_and_pauses_do_not_count():
    values = bend(np.arange(400) / RATE)
    values[200] = np.nan
    assert cycle_curve(values, RATE, STRIKES_S)[2] == 2
    assert cycle_curve(values[:300], RATE, STRIKES_S)[2] == 1
    mean, sd, n = cycle_curve(values, RATE, [0.0, 3.0])  # no stride takes 3 s
    assert n == 0
    assert np.isnan(mean).all()
    assert np.isnan(sd).all()


def test_the_deviation_is_between_strides_and_of_a_sample():
    """Three strides that are 0, 1 and 5 higher than the first: their mean is 2, their deviation sqrt(7)."""
    t_s = np.arange(401) / RATE
    offset = np.array([0.0, 1.0, 5.0])[np.clip(t_s - 0.5, 0, 2).astype(int)]
    mean, sd, n = cycle_curve(offset, RATE, [0.5, 1.499, 2.499, 3.499])
    assert n == 3
    assert (mean[50], sd[50]) == pytest.approx((2.0, np.sqrt(7)))


@pytest.mark.parametrize(("strikes_s", "n"), [([0.0, 1.0, 2.0], 2), ([-0.01, 1.0, 2.0], 1), ([0.0, 1.0, 2.01], 1)])
def test_the_first_and_the_last_instant_belong_to_the_recording(strikes_s, n):
    assert cycle_curve(np.zeros(201), RATE, strikes_s)[2] == n


def test_each_side_has_its_own_strikes():
    t_s = 12.5 + torch.arange(400, dtype=torch.float64) / RATE  # a recording need not begin at 0
    values = torch.deg2rad(torch.from_numpy(bend(t_s.numpy() - 12.5)))[:, None, None].expand(-1, 1, 4).clone()
    values[:, :, 3] = torch.nan
    names = ("knee_angle_r", "knee_angle_l", "pelvis_rotation", "ankle_angle_l")  # which was never seen
    measured = torch.ones_like(values, dtype=torch.int8)
    angles = JointAngles(
        ("Ada",), names, t_s, Fraction(100), values, torch.zeros_like(values), measured, (("measured",) * 4,)
    )
    left_s = [strike + 0.5 for strike in STRIKES_S[:2]]
    sided = [(side, s) for side, times in (("Right", STRIKES_S), ("Left", left_s)) for s in times]
    events = tuple(Event(12.5 + s, STRIKE, side) for side, s in sided)
    cycles = {c.angle: c for c in angle_cycles(angles, "Ada", Gait(events, (), 100.0, 1.0, 0.0))}
    assert {name: c.n_strides for name, c in cycles.items()} == {
        "knee_angle_r": 3,
        "knee_angle_l": 1,
        "pelvis_rotation": 3,
    }
    assert np.isnan(cycles["knee_angle_l"].sd_deg).all()
    assert cycles["pelvis_rotation"].mean_deg.mean() == pytest.approx(0, abs=1e-9)  # wherever the way leads
    columns = cycle_columns(tuple(cycles.values()))
    assert [*columns][:3] == ["percent", "knee_angle_r_mean_deg", "knee_angle_r_sd_deg"]
    np.testing.assert_allclose(columns["percent"], np.arange(101), atol=1e-9)
    assert max(columns["knee_angle_r_mean_deg"]) == pytest.approx(60, abs=0.05)
