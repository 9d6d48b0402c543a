"""Parameters of gait, of feet that limp by hand-made events: every number is known beforehand, side by side."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from motions import make_fitted, points_of
from stepping import Stepper

from mocap3d.biomech.events import OFF, STRIKE
from mocap3d.biomech.feet import SIDES, Feet
from mocap3d.biomech.gait import gait_of_people, measure_gait
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.records import Motion, Points3D

RATE_HZ = 100.0
LIMP_S = {
    ("Left", STRIKE): (0.2, 1.2, 2.2),
    ("Left", OFF): (0.9, 1.9),
    ("Right", STRIKE): (0.8, 1.8),
    ("Right", OFF): (0.3, 1.3),
}
"""A long stance of the left foot (70 %), a short one of the right (50 %)."""


def limping(**hidden_s: float) -> tuple[Event, ...]:
    """The events of LIMP_S in order of time, but for one that is hidden, like ``Right=0.8``."""
    events = [Event(t_s, label, side) for (side, label), times in LIMP_S.items() for t_s in times]
    return tuple(sorted((e for e in events if hidden_s.get(e.side) != e.t_s), key=lambda e: e.t_s))


def limping_feet() -> Feet:
    """Along y: the left foot steps by 0.7 m, the right by 0.5 m, 0.16 m to the right of it; toes clear 0.05 m."""
    t_s = np.arange(250) / RATE_HZ
    heel, toe = {}, {}
    for side, x_m, first_m in (("Left", -0.05, 0.0), ("Right", 0.11, -0.7)):
        strikes_s = np.array(LIMP_S[side, STRIKE])
        landed = np.searchsorted(strikes_s, t_s + 1e-9, side="right")
        y_m = first_m + 1.2 * np.maximum(landed - (side == "Left"), 0)
        height_m = np.full_like(t_s, 0.03)
        height_m[t_s < strikes_s[0] - 1e-9] = 0.5  # before the first strike nothing is measured
        for off_s in LIMP_S[side, OFF]:
            swing = (t_s - off_s) / (strikes_s[strikes_s > off_s].min(initial=9.0) - off_s)
            height_m[(swing > 0.01) & (swing < 0.99)] = 0.04  # low where a swing begins and ends
            height_m[(swing > 0.2) & (swing < 0.8)] = 0.08
            height_m[np.abs(swing - 0.5) < 0.1] = 0.12
        heel[side] = np.stack([np.full_like(t_s, x_m), y_m, height_m + 0.02], axis=-1)
        toe[side] = np.stack([np.full_like(t_s, x_m), y_m + 0.2, height_m], axis=-1)
    pelvis = np.stack([0.03 + 0 * t_s, 1.2 * t_s, 0.9 + 0 * t_s], axis=-1)
    return Feet(RATE_HZ, pelvis, heel, toe, np.zeros(2))


LIMP = measure_gait(limping_feet(), limping())


def test_every_side_has_its_own_numbers():
    expected = {
        "length_m": (1.2, 1.2),
        "speed_m_per_s": (1.2, 1.2),
        "step_length_m": (0.7, 0.5),
        "step_width_m": (0.16, 0.16),
        "step_time_s": (0.4, 0.6),
        "stance_percent": (70, 50),
        "swing_percent": (30, 50),
        "double_support_percent": (20, 20),
        "clearance_m": (0.05, 0.05),
    }
    for name, of_side in expected.items():
        for side, value in zip(SIDES, of_side, strict=True):
            found = [getattr(stride, name) for stride in LIMP.strides if stride.side == side]
            assert found == pytest.approx([value] * len(found)), (name, side)
            assert LIMP.mean(name, side) == pytest.approx(value)
    assert LIMP.mean("step_time_s") == pytest.approx((0.4 + 0.4 + 0.6) / 3)  # two strides of the left, one of the right
    assert (LIMP.cadence_per_min, LIMP.speed_m_per_s, LIMP.belt_m_per_s) == pytest.approx((120, 1.2, 0))


def test_symmetry_is_right_minus_left_over_their_mean():
    assert LIMP.symmetry_percent("step_length_m") == pytest.approx(100 * (0.5 - 0.7) / 0.6)
    assert LIMP.symmetry_percent("length_m") == pytest.approx(0)
    standing = replace(LIMP, strides=())
    assert math.isnan(standing.symmetry_percent("length_m"))
    still = replace(LIMP, strides=tuple(replace(stride, clearance_m=0.0) for stride in LIMP.strides))
    assert math.isnan(still.symmetry_percent("clearance_m"))


def test_flight_is_negative_double_support():
    """Runner's events: each foot stands for 0.3 s of every second, so nothing does for 40 %."""
    times = ((0.2, STRIKE, "Left"), (0.5, OFF, "Left"), (0.7, STRIKE, "Right"), (1.0, OFF, "Right"))
    events = tuple(Event(t_s + n, label, side) for n in (0, 1) for t_s, label, side in times)
    strides = measure_gait(limping_feet(), events).strides
    assert [stride.double_support_percent for stride in strides] == pytest.approx([-40, -40])


def test_what_was_not_found_is_nan_and_nothing_else():
    no_strike = measure_gait(limping_feet(), limping(Right=0.8))
    first, second = (stride for stride in no_strike.strides if stride.side == "Left")
    assert [math.isnan(value) for value in (first.step_time_s, first.double_support_percent)] == [True, True]
    assert (first.stance_percent, second.step_time_s) == pytest.approx((70, 0.4))
    assert no_strike.cadence_per_min == pytest.approx(60 / 0.5)  # two strikes of one foot are no step
    no_off = measure_gait(limping_feet(), limping(Left=0.9)).strides[0]
    assert [math.isnan(no_off.stance_percent), math.isnan(no_off.clearance_m)] == [True, True]
    assert no_off.length_m == pytest.approx(1.2)
    unseen = limping_feet()
    unseen.toe["Left"][:100] = np.nan  # the whole of a stance, and some of the swing
    assert math.isnan(measure_gait(unseen, limping()).strides[0].clearance_m)
    assert measure_gait(unseen, limping()).strides[1].clearance_m == pytest.approx(0.05)


def test_a_pause_is_no_stride_and_no_step():
    """The left foot strikes again after 2.6 s."""
    events = (*limping(), Event(4.8, STRIKE, "Left"))
    assert measure_gait(limping_feet(), events).strides == LIMP.strides
    assert measure_gait(limping_feet(), (*limping(), Event(4.8, STRIKE, "Right"))).cadence_per_min == pytest.approx(120)
    standing = measure_gait(limping_feet(), ())
    assert math.isnan(standing.cadence_per_min)
    assert math.isnan(standing.speed_m_per_s)


def test_tables_go_by_time_and_summaries_have_none_for_nan():
    assert LIMP.columns()["strike_s"] == [0.2, 0.8, 1.2]
    assert LIMP.columns()["side"] == ["Left", "Right", "Left"]
    told = measure_gait(limping_feet(), limping(Left=1.2)).as_json()  # one stride is left, of the right foot
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["n_strides"] == {"Left": 1, "Right": 1}
    assert LIMP.as_json()["n_strides"] == {"Left": 2, "Right": 1}
    assert LIMP.as_json()["mean"]["step_time_s"] == pytest.approx({"Left": 0.4, "Right": 0.6})
    assert LIMP.as_json()["symmetry_percent"]["step_length_m"] == pytest.approx(-100 / 3)
    assert told["mean"]["step_time_s"]["Right"] is None
    assert told["events"][0] == {"t_s": 0.2, "label": STRIKE, "side": "Left"}
    assert {name: told[name] for name in ("belt_m_per_s", "is_running")} == {"belt_m_per_s": 0.0, "is_running": False}
    assert not {"side", "strike_s", "next_strike_s", "off_s"} & told["mean"].keys()


def one_walks() -> tuple[Motion, Points3D]:
    """Ada's feet and pelvis step, in the skeleton and in the keypoints at strides of other lengths; Bo stands."""
    motion = make_fitted(480)
    motion = replace(motion, joint_in_world=motion.joint_in_world[:1].expand(480, -1, -1, -1).clone())
    points = points_of(motion)
    points = replace(points, p_in_world=points.p_in_world[:1].expand(480, -1, -1, -1).clone())
    tree, keypoint = motion.skeletons[0].tree, points.skeleton.index
    for stride_m, p, of_pelvis, of_heel, of_toe in (
        (1.3, motion.joint_in_world, [tree.index("pelvis")], "subtalar_{}", "toe_tip_{}"),
        (1.1, points.p_in_world, [keypoint("LHip"), keypoint("RHip")], "{}Heel", "{}BigToe"),
    ):
        pelvis, heel, toe = Stepper(stride_m=stride_m).tracks(60.0, 8.0)
        p[:, 0, of_pelvis] = torch.from_numpy(pelvis)[:, None]
        for side in SIDES:
            names = [part.format(side[0] if p is points.p_in_world else side[0].lower()) for part in (of_heel, of_toe)]
            at = [keypoint(name) if p is points.p_in_world else tree.index(name) for name in names]
            p[:, 0, at] = torch.from_numpy(np.stack([heel[side], toe[side]], axis=1))
    return motion, points


def test_those_who_walk_are_told_by_their_skeleton_or_else_by_their_keypoints():
    motion, points = one_walks()
    by_motion, by_points = gait_of_people(points, motion), gait_of_people(points)
    assert [*by_motion] == [*by_points] == ["Ada"]
    for gait, stride_m in ((by_motion["Ada"], 1.3), (by_points["Ada"], 1.1)):
        assert gait.mean("length_m") == pytest.approx(stride_m, rel=0.02)
        first_s = {side: min(stride.strike_s for stride in gait.strides if stride.side == side) for side in SIDES}
        assert first_s == pytest.approx({"Left": 0.2, "Right": 0.75}, abs=0.05)


def test_times_are_those_of_the_recording_which_need_not_begin_at_0():
    _, points = one_walks()
    gait, later = gait_of_people(points)["Ada"], gait_of_people(replace(points, t_s=points.t_s + 12.5))["Ada"]
    assert [event.t_s for event in later.events] == pytest.approx([event.t_s + 12.5 for event in gait.events])
    for name in ("strike_s", "next_strike_s", "off_s"):
        expected = [value + 12.5 for value in gait.columns()[name]]
        assert later.columns()[name] == pytest.approx(expected, nan_ok=True)
    assert later.columns()["step_time_s"] == gait.columns()["step_time_s"]


def test_a_set_without_feet_has_no_gait(caplog):
    _, points = one_walks()
    few = replace(points.skeleton, keypoints=tuple(f"{name}_" for name in points.skeleton.keypoints))
    with caplog.at_level("INFO", logger="mocap3d"):
        assert gait_of_people(replace(points, skeleton=few)) == {}
    assert "Detect with a set that has feet" in caplog.text
