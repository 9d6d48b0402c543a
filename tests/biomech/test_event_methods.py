"""Each method for gait events on tracks whose events are known exactly, and what must not count as one."""

from collections.abc import Mapping

import numpy as np
import pytest

from mocap3d.biomech.events import OFF, STRIKE, Method, gait_events, gait_speed, is_running
from mocap3d.biomech.feet import SIDES, Feet, Side

RATE_HZ = 100.0
FRAMES = np.arange(400)


def walker(heel: Mapping[Side, np.ndarray], toe: Mapping[Side, np.ndarray], *, speed: float = 1.0) -> Feet:
    """Feet as they are, without a filter, under a pelvis at 0.93 m that goes along x."""
    pelvis = np.stack([speed * FRAMES / RATE_HZ, 0 * FRAMES, 0.93 + 0 * FRAMES], axis=-1)
    return Feet(RATE_HZ, pelvis, heel, toe, np.zeros(2))


def on_the_way(x_m: np.ndarray, z_m: np.ndarray | float = 0.03) -> np.ndarray:
    return np.stack([x_m, 0 * x_m, z_m + 0 * x_m], axis=-1)


def events_of(feet: Feet, method: Method, side: Side = "Left") -> dict[str, list[float]]:
    events = gait_events(feet, method)
    assert [event.t_s for event in events] == sorted(event.t_s for event in events)
    return {label: [e.t_s for e in events if (e.label, e.side) == (label, side)] for label in (STRIKE, OFF)}


def steps(*moves: tuple[int, int], creep: float = 0.0) -> np.ndarray:
    """A place (t) that goes at 3 m/s from the first to the last frame of each move, and creeps or stands otherwise."""
    speed = np.full(len(FRAMES), creep)
    for start, stop in moves:
        speed[start + 1 : stop + 1] = 3.0
    return np.cumsum(speed) / RATE_HZ


def velocity_walker(heel_m: np.ndarray, toe_m: np.ndarray, *, speed: float = 1.0) -> Feet:
    """The left foot as told; the right one does the same half a second later."""
    heel = {"Left": on_the_way(heel_m), "Right": on_the_way(np.roll(heel_m, 50))}
    toe = {"Left": on_the_way(0.2 + toe_m), "Right": on_the_way(0.2 + np.roll(toe_m, 50))}
    return walker(heel, toe, speed=speed)


def test_a_foot_stands_from_the_heel_down_to_the_toe_off():
    """The first frame in which neither stands, and the first in which one stands again."""
    heel, toe = steps((30, 60), (130, 160)), steps((40, 66), (140, 166))
    events = events_of(velocity_walker(heel, toe), "velocity")
    assert events[OFF] == pytest.approx([0.40, 1.40])
    assert events[STRIKE] == pytest.approx([0.61, 1.61])
    assert events_of(velocity_walker(heel, toe), "auto") == events


def test_a_foot_that_rolls_stands_and_the_faster_the_walk_the_more():
    """0.55 m/s are below 0.35 + 0.25 of a walk at 1 m/s, and above it at 0.5 m/s: then it never stands."""
    creeping = steps((40, 60), creep=0.55)
    events = events_of(velocity_walker(creeping, creeping), "velocity")
    assert (events[OFF], events[STRIKE]) == (pytest.approx([0.40]), pytest.approx([0.61]))
    assert events_of(velocity_walker(creeping, creeping, speed=0.5), "velocity") == {STRIKE: [], OFF: []}


def test_neither_a_moment_nor_a_gap_is_an_event():
    """Five frames of rest in mid swing, five of unrest in a stance, and a stance that is not seen for a while."""
    place = steps((40, 60), (65, 80), (120, 124), (200, 220))
    events = events_of(velocity_walker(place, place), "velocity")
    assert events[OFF] == pytest.approx([0.40, 2.00])
    assert events[STRIKE] == pytest.approx([0.81, 2.21])
    feet = velocity_walker(place, place)
    for tracks in (feet.heel, feet.toe):
        tracks["Left"][150:170], tracks["Left"][215:230] = np.nan, np.nan  # in a stance, and over a strike
    events = events_of(feet, "velocity")
    assert (events[OFF], events[STRIKE]) == (pytest.approx([0.40, 2.00]), pytest.approx([0.81]))


@pytest.mark.parametrize("late_s", [0.1, 0.1034, 0.1077])
def test_zeni_finds_fractions_of_a_frame(late_s):
    """Heel farthest ahead, toe farthest behind, left and right half a stride apart. Measured: 1e-6 s off at worst."""
    t_s = FRAMES / RATE_HZ
    swing = {side: 0.3 * np.cos(2 * np.pi * (t_s - late_s - half)) for side, half in zip(SIDES, (0, 0.5), strict=True)}
    heel = {side: on_the_way(t_s + swing[side]) for side in SIDES}
    toe = {side: on_the_way(t_s + 0.2 + swing[side]) for side in SIDES}
    for side, half in zip(SIDES, (0, 0.5), strict=True):
        events = events_of(walker(heel, toe), "zeni", side)
        assert events[STRIKE] == pytest.approx(late_s + half + np.arange(len(events[STRIKE])), abs=1e-4)
        assert events[OFF] == pytest.approx(late_s + 0.5 - half + np.arange(len(events[OFF])), abs=1e-4)
        assert min(len(events[STRIKE]), len(events[OFF])) >= 3


def test_zeni_finds_nothing_beside_a_gap():
    t_s = FRAMES / RATE_HZ
    swing = 0.3 * np.cos(2 * np.pi * (t_s - 0.2))
    foot = {side: on_the_way(t_s + swing) for side in SIDES}
    foot["Left"] = foot["Left"].copy()
    foot["Left"][121:140] = np.nan  # from just after a strike on
    foot["Left"][200:220] = np.nan  # up to just before another
    ahead = np.array([0.2, 0, 0])
    events = events_of(walker(foot, {side: track + ahead for side, track in foot.items()}), "zeni")
    assert events[STRIKE] == pytest.approx([0.2, 3.2], abs=1e-4)


def test_oconnor_takes_the_fastest_sinking_of_a_low_foot_and_its_fastest_rising():
    """Within a frame. It sinks faster once more at 0.45 s, while it is at 70 % of its height: no strike."""
    profile = ([0, 30, 33, 40, 41, 45, 49, 64, 67, 70, 99], [0, 0, 1.5, 0, 0, -1.125, 0, 0, -1.0, 0, 0])
    height = 0.05 + np.cumsum(np.interp(FRAMES % 100, *profile)) / RATE_HZ
    heel = {side: on_the_way(FRAMES / RATE_HZ, height) for side in SIDES}
    toe = {side: on_the_way(0.2 + FRAMES / RATE_HZ, height) for side in SIDES}
    events = events_of(walker(heel, toe), "oconnor")
    assert events[STRIKE] == pytest.approx([0.67, 1.67, 2.67, 3.67], abs=0.011)
    assert events[OFF] == pytest.approx([0.33, 1.33, 2.33, 3.33], abs=0.011)


@pytest.mark.parametrize(("pelvis_m", "limit"), [(0.93, 2.101), (0.2, 1.213)])
def test_running_begins_at_half_a_froude_number(pelvis_m, limit):
    """v2 = 0.5 g leg, of a leg of 0.9 m, or of 0.3 m where somebody is lower than that."""
    still = dict.fromkeys(SIDES, on_the_way(0.0 * FRAMES))
    for speed, runs in ((0.98 * limit, False), (1.02 * limit, True)):
        feet = walker(still, still, speed=speed)
        feet.pelvis[:, 2] = pelvis_m
        assert gait_speed(feet) == pytest.approx(speed)
        assert is_running(feet) == runs


@pytest.mark.parametrize("unseen", ["pelvis", "feet"])
def test_nobody_runs_who_is_not_seen(unseen):
    foot = on_the_way(0.0 * FRAMES)
    runner = walker(dict.fromkeys(SIDES, foot), dict.fromkeys(SIDES, foot), speed=5.0)
    assert is_running(runner)
    (runner.pelvis if unseen == "pelvis" else foot)[:] = np.nan
    assert not is_running(runner)
