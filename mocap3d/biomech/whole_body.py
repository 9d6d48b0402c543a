"""What a body does as a whole: where its mass is, jumps, and rising from low to high."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.biomech.feet import feet_of_motion
from mocap3d.biomech.signals import fill_gaps, low_pass
from mocap3d.session.records import Motion
from mocap3d.skeletons.centre_of_mass import centre_of_mass

G = 9.81


@dataclass(frozen=True, slots=True)
class Jump:
    """One flight: when, and how high by two ways that share nothing but the events."""

    take_off_s: float
    landing_s: float
    height_m: float
    """How far the centre of mass rose above where it was at take-off."""
    height_by_time_m: float
    """g t2 / 8 of the flight's time (Bosco et al. 1983)."""


@dataclass(frozen=True, slots=True)
class WholeBody:
    """Of one person over the whole recording."""

    centre_of_mass_m: Float[np.ndarray, "t 3"]
    """In the world."""
    jumps: tuple[Jump, ...]
    n_rises: int
    """How often the pelvis went from low to high: out of a chair, or a squat."""

    def as_json(self) -> dict[str, Any]:
        """For summary.json: the track itself is in the tables."""
        known = self.centre_of_mass_m[np.isfinite(self.centre_of_mass_m).all(-1)]
        travel = {axis: float(np.ptp(known[:, n])) for n, axis in enumerate("xyz")} if len(known) else None
        return {
            "centre_of_mass_range_m": travel,
            "jumps": [asdict(jump) for jump in self.jumps],
            "rises_from_low": self.n_rises,
        }


def whole_bodies(motion: Motion) -> dict[str, WholeBody]:
    """Of everybody whose skeleton was fitted."""
    rate_hz = float(motion.rate)
    found = {}
    for who, (person, skeleton) in enumerate(zip(motion.people, motion.skeletons, strict=True)):
        joints = motion.joint_in_world[:, who].numpy()
        centre = centre_of_mass(skeleton.tree, joints)
        feet = feet_of_motion(motion, who)
        both = np.stack([track[:, 2] for tracks in (feet.heel, feet.toe) for track in tracks.values()])
        pelvis_m = joints[:, skeleton.tree.index("pelvis"), 2]
        start_s = float(motion.t_s[0]) if len(motion.t_s) else 0.0
        found[person] = WholeBody(centre, jumps(centre, both.min(0), rate_hz, start_s=start_s), rises(pelvis_m))
    return found


def jumps(
    centre: Float[np.ndarray, "t 3"],
    lowest_m: Float[np.ndarray, " t"],
    rate_hz: float,
    *,
    above_m: float = 0.03,
    start_s: float = 0.0,
) -> tuple[Jump, ...]:
    """Flights: the lowest point of both feet is ``above_m`` above where it usually is, and the body falls meanwhile.

    A flight that is not as long as its height demands (within a third) is no jump: somebody stepped up. Times count
    from ``start_s``, that of the first instant.
    """
    if not np.isfinite(lowest_m).any():
        return ()
    height = low_pass(fill_gaps(centre, rate_hz, 0.1)[0], rate_hz, 10.0)[:, 2]
    level_m = float(np.nanquantile(lowest_m, 0.2)) + above_m
    flies = np.nan_to_num(lowest_m, nan=-np.inf) > level_m
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flies, [0]])))
    found = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if start == 0 or stop >= len(flies):
            continue
        first, last = (_crossing(lowest_m, frame, level_m) for frame in (start, stop))
        # A body that is above a height for t was g t2 / 8 higher still: the feet leave the floor before they are there.
        by_time = above_m + G * ((last - first) / rate_hz) ** 2 / 8
        flight_s = math.sqrt(8 * by_time / G)
        take_off_s = ((first + last) / rate_hz - flight_s) / 2
        rise = float(height[start:stop].max() - np.interp(take_off_s * rate_hz, np.arange(len(height)), height))
        if rise > above_m and abs(by_time - rise) < max(rise, by_time) / 3 + 0.02:  # not where either is NaN
            take_off_s += start_s
            found.append(Jump(take_off_s, take_off_s + flight_s, rise, by_time))
    return tuple(found)


def _crossing(height_m: Float[np.ndarray, " t"], frame: int, level_m: float) -> float:
    """The fraction of a frame, between ``frame`` and the one before it, at which a height is passed."""
    before, after = height_m[frame - 1 : frame + 1].tolist()
    return frame - 1 + (level_m - before) / (after - before)


def rises(pelvis_m: Float[np.ndarray, " t"], *, least_m: float = 0.2) -> int:
    """How often the pelvis rises from low to high: by at least 0.2 m, counted once per way up."""
    known = pelvis_m[np.isfinite(pelvis_m)]
    if len(known) == 0 or np.ptp(known) < least_m:
        return 0
    low, high = known.min() + 0.25 * np.ptp(known), known.max() - 0.25 * np.ptp(known)
    count, is_low = 0, False
    for height in known:
        if height < low:
            is_low = True
        elif height > high and is_low:
            count, is_low = count + 1, False
    return count
