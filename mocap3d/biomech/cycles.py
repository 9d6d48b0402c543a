"""Joint angles over the normalised stride: mean and standard deviation at 0 to 100 %."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from mocap3d.biomech.events import STRIKE
from mocap3d.biomech.feet import SIDES
from mocap3d.biomech.gait import LONGEST_STRIDE_S, Gait
from mocap3d.session.records import JointAngles

CYCLE = 101
"""Points of a normalised cycle: 0 to 100 %."""
HEADINGS = ("pelvis_rotation",)
"""Angles in the room: over a stride they count from their mean, wherever the person walks."""


@dataclass(frozen=True, slots=True)
class Cycles:
    """One angle over the strides of its own side; of the right where it has none."""

    angle: str
    mean_deg: Float[np.ndarray, " 101"]
    sd_deg: Float[np.ndarray, " 101"]
    """Between strides; NaN of a single one."""
    n_strides: int


def angle_cycles(angles: JointAngles, person: str, gait: Gait) -> tuple[Cycles, ...]:
    """Of every angle that was measured over at least one whole stride of ``person``."""
    who = angles.people.index(person)
    values_deg = np.degrees(angles.angle_rad[:, who].numpy())
    start_s = float(angles.t_s[0]) if len(angles.t_s) else 0.0
    strikes_s = {side: [e.t_s - start_s for e in gait.events if (e.label, e.side) == (STRIKE, side)] for side in SIDES}
    found = []
    for n, name in enumerate(angles.names):
        of_side = strikes_s["Left" if name.endswith("_l") else "Right"]
        mean, sd, count = cycle_curve(values_deg[:, n], float(angles.rate), of_side, about_mean=name in HEADINGS)
        if count:
            found.append(Cycles(name, mean, sd, count))
    return tuple(found)


def cycle_columns(cycles: Sequence[Cycles]) -> dict[str, list[float]]:
    """A row per percent of the stride; mean and deviation of every angle."""
    columns: dict[str, list[float]] = {"percent": np.linspace(0.0, 100.0, CYCLE).tolist()}
    for cycle in cycles:
        columns[f"{cycle.angle}_mean_deg"] = cycle.mean_deg.tolist()
        columns[f"{cycle.angle}_sd_deg"] = cycle.sd_deg.tolist()
    return columns


def cycle_curve(
    values: Float[np.ndarray, " t"], rate_hz: float, strikes_s: Sequence[float], *, about_mean: bool = False
) -> tuple[Float[np.ndarray, " 101"], Float[np.ndarray, " 101"], int]:
    """Mean and standard deviation over the cycles between strikes of one foot, at 0 to 100 %, and how many those are.

    ``about_mean`` takes each cycle's mean off it. Cycles longer than 2.5 s, or with a gap, do not count; NaN where none
    is left, or for the deviation only one.
    """
    cycles = [
        _normalised(values, rate_hz * a, rate_hz * b) for a, b in pairwise(strikes_s) if b - a <= LONGEST_STRIDE_S
    ]
    whole = [cycle - about_mean * cycle.mean() for cycle in cycles if np.isfinite(cycle).all()]
    nothing = np.full(CYCLE, np.nan)
    mean = np.mean(whole, axis=0) if whole else nothing
    return mean, np.std(whole, axis=0, ddof=1) if len(whole) > 1 else nothing, len(whole)


def _normalised(values: np.ndarray, first: float, last: float) -> np.ndarray:
    if first < 0 or last > len(values) - 1:
        return np.full(CYCLE, np.nan)
    return np.interp(np.linspace(first, last, CYCLE), np.arange(len(values)), values)
