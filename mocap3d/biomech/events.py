"""When feet strike and leave the floor, from motion alone; walking and running, overground and on a treadmill.

Sources: Zeni et al. (2008) Gait Posture 27:710; O'Connor et al. (2007) Gait Posture 25:469. ``velocity`` asks when the
foot stands still on the floor, or on the belt.
"""

from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float

from mocap3d.biomech.feet import HEADING_S, SIDES, Feet, Side
from mocap3d.biomech.signals import derivative
from mocap3d.session.motion_files.markers import Event

Method = Literal["auto", "zeni", "oconnor", "velocity"]
STRIKE, OFF = "Foot Strike", "Foot Off"
MIN_STRIDE_S = 0.45
PROMINENCE = 0.06
"""Of the signal's range: what a peak must stand out by; small, so that events near the ends count."""
STRIKE_HEIGHT = 0.35  # of the heel's range (O'Connor et al. 2007)
STANDING_SPEED, SHARE_OF_SPEED = 0.35, 0.25
"""A foot stands while heel or toe moves against the floor by less than this (m/s) plus this share of the gait speed."""
SHORTEST_STANCE_S = 0.08
SLOWEST_GAIT = 0.1  # m/s
SHORTEST_LEG_M = 0.3
RUNNING_FROUDE, G = 0.5, 9.81
"""Above this v2 / (g leg) people run (Alexander 1989)."""


def gait_events(feet: Feet, method: Method = "auto") -> tuple[Event, ...]:
    """Strikes and offs of both feet in order of time, none where the person hardly moves.

    ``auto`` takes the foot's velocity: of a real walk, 0.4 frames of 60 Hz off on average where Zeni's method was 1.0,
    and the only one of them that finds a runner's short stance. Tracks as noisy as 2 cm want Zeni's.
    """
    if gait_speed(feet) < SLOWEST_GAIT:
        return ()
    of_side = {"auto": _velocity, "velocity": _velocity, "zeni": _zeni, "oconnor": _oconnor}[method]
    found = [
        Event(float(frame) / feet.rate_hz, label, side)
        for side in SIDES
        for label, frames in zip((STRIKE, OFF), of_side(feet, side), strict=True)
        for frame in frames
    ]
    return tuple(sorted(found, key=lambda event: event.t_s))


def gait_speed(feet: Feet) -> float:
    """Mean speed of the pelvis over the floor (m/s), along its way without the sway of single steps: curves count."""
    velocity = derivative(feet.on_the_floor().pelvis[:, :2], feet.rate_hz)
    known = np.isfinite(velocity).all(-1)
    if not known.any():
        return 0.0
    window = np.ones(min(len(velocity), max(1, round(HEADING_S * feet.rate_hz))))
    n = np.convolve(known, window, mode="same")
    mean = [np.convolve(np.where(known, column, 0.0), window, mode="same") / np.maximum(n, 1) for column in velocity.T]
    return float(np.linalg.norm(mean, axis=0)[known].mean())


def is_running(feet: Feet) -> bool:
    """Whether the speed is beyond what people walk at, for the height of this pelvis above the floor."""
    heights = np.concatenate([track[:, 2] for track in (*feet.heel.values(), *feet.toe.values())])
    if not (np.isfinite(heights).any() and np.isfinite(feet.pelvis).any()):
        return False
    leg_m = float(np.nanmedian(feet.pelvis[:, 2]) - np.nanmin(heights))
    return gait_speed(feet) ** 2 > RUNNING_FROUDE * G * max(leg_m, SHORTEST_LEG_M)


def _zeni(feet: Feet, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Strike: the heel farthest ahead of the pelvis; off: the toe farthest behind it."""
    forward = feet.forward()
    heel, toe = (((tracks[side] - feet.pelvis)[:, :2] * forward).sum(axis=-1) for tracks in (feet.heel, feet.toe))
    return _peaks(heel, feet.rate_hz), _peaks(-toe, feet.rate_hz)


def _oconnor(feet: Feet, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Strike: the foot's centre sinks fastest, for a moment, while the heel is low; off: it rises fastest."""
    centre, heel = (feet.heel[side] + feet.toe[side]) / 2, feet.heel[side][:, 2]
    rising = derivative(centre, feet.rate_hz)[:, 2]
    low = np.nanmin(heel) + STRIKE_HEIGHT * (np.nanmax(heel) - np.nanmin(heel))
    troughs = _peaks(-rising, feet.rate_hz, apart_s=0.1)
    # Of two troughs of one step the later one is the strike: the earlier one lies in the swing.
    strikes = [n for n in troughs if heel[round(n)] < low]
    return np.array(strikes), _peaks(rising, feet.rate_hz)


def _velocity(feet: Feet, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Strike: heel or toe comes to stand on the floor; off: neither does any more."""
    floor = feet.on_the_floor()
    speeds = [np.linalg.norm(derivative(track, feet.rate_hz), axis=-1) for track in (floor.heel[side], floor.toe[side])]
    slowest = np.fmin(*speeds)
    limit = STANDING_SPEED + SHARE_OF_SPEED * gait_speed(feet)
    stands = _without_short(slowest < limit, round(SHORTEST_STANCE_S * feet.rate_hz))
    known = np.isfinite(slowest)
    change = np.diff(stands.astype(np.int8))
    seen = known[:-1] & known[1:]
    return np.flatnonzero((change > 0) & seen) + 1, np.flatnonzero((change < 0) & seen) + 1


def _without_short(flags: np.ndarray, shortest: int) -> np.ndarray:
    """Runs of True or False shorter than ``shortest`` are taken for their surroundings."""
    flags = flags.copy()
    for _ in range(2):
        edges = np.concatenate([[0], np.flatnonzero(np.diff(flags.astype(np.int8))) + 1, [len(flags)]])
        for start, stop in pairwise(edges[1:-1].tolist()):
            if stop - start < shortest:
                flags[start:stop] = ~flags[start]
    return flags


def _peaks(signal: Float[np.ndarray, " t"], rate_hz: float, *, apart_s: float = MIN_STRIDE_S) -> np.ndarray:
    """Highest points, refined to fractions of a frame; beside a gap there is none."""
    from scipy.signal import find_peaks

    known = np.isfinite(signal)
    if known.sum() < 3:
        return np.zeros(0)
    span = float(np.quantile(signal[known], 0.98) - np.quantile(signal[known], 0.02))
    lowest = float(signal[known].min()) - 1.0
    distance = max(1, round(apart_s * rate_hz))
    peaks, _ = find_peaks(np.where(known, signal, lowest), prominence=PROMINENCE * span, distance=distance)
    inner = [n for n in peaks if known[n - 1] and known[n + 1]]
    return np.array([n + _vertex(*signal[n - 1 : n + 2]) for n in inner])


def _vertex(before: float, at: float, after: float) -> float:
    """Where between neighbours a parabola has its top."""
    bend = before - 2 * at + after
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
