"""What clinicians want of gait: speed, cadence, steps, phases, symmetry and clearance.

A stride runs from one strike of a foot to its next. All is measured as seen from the floor, so that a treadmill's belt
makes no difference. Symmetry: Robinson et al. (1987) J Manip Physiol Ther 10:172.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from mocap3d.biomech.events import OFF, STRIKE, Method, gait_events, is_running
from mocap3d.biomech.feet import SIDES, Feet, Side, feet_of_motion, feet_of_points
from mocap3d.errors import FusionError
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.records import Motion, Points3D

log = logging.getLogger("mocap3d")

LONGEST_STRIDE_S = 2.5


@dataclass(frozen=True, slots=True)
class Stride:
    """One stride of one foot; NaN where an event within it was not found."""

    side: Side
    strike_s: float
    next_strike_s: float
    off_s: float
    length_m: float
    speed_m_per_s: float
    step_length_m: float
    """From the other foot's last place to this strike, along the way."""
    step_width_m: float
    """The same, across the way."""
    step_time_s: float
    """From the other foot's strike to this one."""
    stance_percent: float
    swing_percent: float
    double_support_percent: float
    """Both feet on the floor; negative in running: the share of flight."""
    clearance_m: float
    """The toe's lowest height in the middle half of swing, above that of its stance."""


@dataclass(frozen=True, slots=True)
class Gait:
    """All strides of one person, and what they come to."""

    events: tuple[Event, ...]
    strides: tuple[Stride, ...]
    cadence_per_min: float
    """Steps per minute; NaN without two strikes."""
    speed_m_per_s: float
    """Mean over strides; NaN without one."""
    belt_m_per_s: float
    """Of a treadmill; 0 overground."""
    is_running: bool = False

    def mean(self, name: str, side: Side | None = None) -> float:
        """Mean of a number of :class:`Stride` over one side, or both; NaN where there is none."""
        values = [getattr(stride, name) for stride in self.strides if side in (None, stride.side)]
        return _mean(values)

    def symmetry_percent(self, name: str) -> float:
        """(right - left) / their mean, in percent: 0 is symmetric."""
        left, right = (self.mean(name, side) for side in SIDES)
        return 100 * (right - left) / ((right + left) / 2) if left + right else math.nan

    def columns(self) -> dict[str, list[float | str]]:
        """A row per stride, in order of time."""
        strides = sorted(self.strides, key=lambda stride: stride.strike_s)
        return {field.name: [getattr(stride, field.name) for stride in strides] for field in fields(Stride)}

    def as_json(self) -> dict[str, Any]:
        """For summary.json: None where there is no number."""
        numbers = [
            field.name for field in fields(Stride) if field.name not in ("side", "strike_s", "next_strike_s", "off_s")
        ]
        means = {name: {side: self.mean(name, side) for side in SIDES} for name in numbers}
        content = {
            "n_strides": {side: sum(stride.side == side for stride in self.strides) for side in SIDES},
            "cadence_per_min": self.cadence_per_min,
            "speed_m_per_s": self.speed_m_per_s,
            "belt_m_per_s": self.belt_m_per_s,
            "is_running": self.is_running,
            "mean": means,
            "symmetry_percent": {name: self.symmetry_percent(name) for name in numbers},
            "events": [asdict(event) for event in self.events],
        }
        return _without_nan(content)


def gait_of_people(points: Points3D, motion: Motion | None = None, method: Method = "auto") -> dict[str, Gait]:
    """Of everybody who walks or runs; from the fitted skeleton where there is one, or else from the keypoints.

    Times are those of the points' ``t_s``. Nobody where the keypoint set has neither feet nor ankles.
    """
    found: dict[str, Gait] = {}
    for who, person in enumerate(points.people):
        try:
            feet = feet_of_points(points, who) if motion is None else feet_of_motion(motion, who)
        except FusionError as error:
            log.info("%s", error)
            return {}
        gait = measure_gait(feet, gait_events(feet, method))
        if gait.strides:
            found[person] = _later(gait, float(points.t_s[0]))
    return found


def _later(gait: Gait, start_s: float) -> Gait:
    """From times since the first instant to those of the recording, which need not begin at 0."""
    return replace(
        gait,
        events=tuple(replace(event, t_s=event.t_s + start_s) for event in gait.events),
        strides=tuple(
            replace(
                stride,
                strike_s=stride.strike_s + start_s,
                next_strike_s=stride.next_strike_s + start_s,
                off_s=stride.off_s + start_s,
            )
            for stride in gait.strides
        ),
    )


def measure_gait(feet: Feet, events: Sequence[Event]) -> Gait:
    """Strides between strikes of one foot at most 2.5 s apart."""
    floor, forward = feet.on_the_floor(), feet.forward()
    strikes = sorted((event for event in events if event.label == STRIKE), key=lambda event: event.t_s)
    strides = [
        _stride(floor, forward, events, side, first.t_s, second.t_s)
        for side in SIDES
        for first, second in pairwise([event for event in strikes if event.side == side])
        if second.t_s - first.t_s <= LONGEST_STRIDE_S
    ]
    steps_s = [b.t_s - a.t_s for a, b in pairwise(strikes) if a.side != b.side and b.t_s - a.t_s < LONGEST_STRIDE_S]
    cadence = 60 / _mean(steps_s) if steps_s else math.nan
    speed = _mean([stride.speed_m_per_s for stride in strides])
    belt = float(np.linalg.norm(feet.ground_velocity))
    return Gait(tuple(events), tuple(strides), cadence, speed, belt, is_running(feet))


def _stride(
    feet: Feet, forward: np.ndarray, events: Sequence[Event], side: Side, start_s: float, end_s: float
) -> Stride:
    other = SIDES[1 - SIDES.index(side)]
    duration = end_s - start_s
    off_s = _first(events, side, OFF, start_s, end_s)
    other_off_s, other_strike_s = (_first(events, other, label, start_s, end_s) for label in (OFF, STRIKE))
    heel, ahead = feet.heel[side], _at(forward, end_s, feet.rate_hz)
    along = float((_at(heel, end_s, feet.rate_hz) - _at(heel, start_s, feet.rate_hz))[:2] @ ahead)
    apart = (_at(heel, end_s, feet.rate_hz) - _at(feet.heel[other], end_s, feet.rate_hz))[:2]
    # The other foot swings between its off and its strike; where it strikes first, as in running, it stands between.
    other_stance_s = other_off_s - other_strike_s
    other_stance_s += duration if other_stance_s < 0 else 0.0
    both_s = (off_s - start_s) + other_stance_s - duration
    return Stride(
        side=side,
        strike_s=start_s,
        next_strike_s=end_s,
        off_s=off_s,
        length_m=along,
        speed_m_per_s=along / duration,
        step_length_m=float(apart @ ahead),
        step_width_m=abs(float(apart @ np.array([-ahead[1], ahead[0]]))),
        step_time_s=end_s - other_strike_s,
        stance_percent=100 * (off_s - start_s) / duration,
        swing_percent=100 * (end_s - off_s) / duration,
        double_support_percent=100 * both_s / duration,
        clearance_m=_clearance(feet.toe[side][:, 2], start_s, off_s, end_s, feet.rate_hz),
    )


def _clearance(toe_m: np.ndarray, start_s: float, off_s: float, end_s: float, rate_hz: float) -> float:
    if math.isnan(off_s):
        return math.nan
    quarter = (end_s - off_s) / 4
    swing = toe_m[round((off_s + quarter) * rate_hz) : round((end_s - quarter) * rate_hz) + 1]
    stance = toe_m[round(start_s * rate_hz) : round(off_s * rate_hz) + 1]
    if not (np.isfinite(swing).any() and np.isfinite(stance).any()):
        return math.nan
    return float(np.nanmin(swing) - np.nanmedian(stance))


def _first(events: Sequence[Event], side: Side, label: str, after_s: float, before_s: float) -> float:
    times = [event.t_s for event in events if (event.side, event.label) == (side, label)]
    return min((t_s for t_s in times if after_s < t_s < before_s), default=math.nan)


def _at(track: np.ndarray, t_s: float, rate_hz: float) -> np.ndarray:
    return np.array([np.interp(t_s * rate_hz, np.arange(len(track)), column) for column in track.T])


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
