"""Centre of mass of the whole body from its segments, and what follows from it: jumps, and rising from a chair."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mocap3d.biomech.signals import fill_gaps, low_pass
from mocap3d.session.records import Motion, Points3D
from mocap3d.skeletons.inertia import SEGMENTS, SIDES, SegmentInertia, between

G = 9.81
LEAST_MASS = 0.8
"""The share of the body's mass whose segments must be known; the rest is then taken to move with it."""
KEYPOINT_OF_JOINT = {
    "hip": "Hip", "knee": "Knee", "ankle": "Ankle", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist",
    "subtalar": "Heel", "toe_tip": "BigToe",
}  # fmt: skip
_CENTRAL = {"neck": "Neck", "head_top": "Head"}


@dataclass(frozen=True, slots=True)
class Jump:
    """One flight: when, and how high by two ways that share nothing but the events."""

    take_off_s: float
    landing_s: float
    height_m: float
    """How far the centre of mass rose above where it was at take-off."""
    height_by_time_m: float
    """g t2 / 8 of the flight's time (Bosco et al. 1983)."""


def joints_of_motion(motion: Motion, who: int) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Joint centres by name."""
    tree = motion.skeletons[who].tree
    return {name: motion.joint_in_world[:, who, j].numpy() for j, name in enumerate(tree.names)}


def joints_of_points(points: Points3D, who: int) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Keypoints under the names of the joints that they stand for, as far as the set has them."""
    names, p = points.skeleton.keypoints, points.p_in_world[:, who].numpy()
    wanted = {
        f"{joint}_{side}": f"{side.upper()}{keypoint}"
        for joint, keypoint in KEYPOINT_OF_JOINT.items()
        for side in SIDES
    }
    return {joint: p[:, names.index(keypoint)] for joint, keypoint in (wanted | _CENTRAL).items() if keypoint in names}


def centre_of_mass(
    joints: Mapping[str, Float[np.ndarray, "t 3"]], *, share_of_men: float = 0.5
) -> Float[np.ndarray, "t 3"]:
    """Of the whole body (m); NaN where segments of more than a fifth of its mass are not known.

    ``share_of_men`` lies between de Leva's women (0) and men (1). Hands that are not known end in their wrists, feet in
    their ankles.
    """
    total, weighted = 0.0, 0.0
    for segment in SEGMENTS:
        for side in SIDES if "{side}" in segment.proximal else ("",):
            centre = _centre(joints, segment, side, share_of_men)
            if centre is None:
                continue
            known = np.isfinite(centre).all(axis=-1, keepdims=True)
            mass = between(segment.mass_fraction, share_of_men) * known
            total, weighted = total + mass, weighted + mass * np.where(known, centre, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(total) >= LEAST_MASS, weighted / total, np.nan)


def jumps(
    centre: Float[np.ndarray, "t 3"], lowest_m: Float[np.ndarray, " t"], rate_hz: float, *, above_m: float = 0.03
) -> tuple[Jump, ...]:
    """Flights: the lowest point of both feet is ``above_m`` above where it usually is, and the body falls meanwhile.

    A flight that is not as long as its height demands (within a third) is no jump: somebody stepped up.
    """
    if not np.isfinite(lowest_m).any():
        return ()
    height = low_pass(fill_gaps(centre, rate_hz, 0.1)[0], rate_hz, 10.0)[:, 2]
    flies = np.nan_to_num(lowest_m, nan=-np.inf) > np.nanquantile(lowest_m, 0.2) + above_m
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flies, [0]])))
    found = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if start == 0 or stop >= len(flies) or not np.isfinite(height[start - 1 : stop + 1]).all():
            continue
        rise, duration = float(height[start:stop].max() - height[start - 1]), (stop - start + 1) / rate_hz
        by_time = G * duration**2 / 8
        if rise > above_m and abs(by_time - rise) < max(rise, by_time) / 3 + 0.02:
            found.append(Jump((start - 0.5) / rate_hz, (stop - 0.5) / rate_hz, rise, by_time))
    return tuple(found)


def sit_to_stand(pelvis_m: Float[np.ndarray, " t"], *, least_rise_m: float = 0.2) -> int:
    """How often the pelvis rises from low to high: by at least 0.2 m, counted once per way up."""
    known = pelvis_m[np.isfinite(pelvis_m)]
    if len(known) == 0 or np.ptp(known) < least_rise_m:
        return 0
    low, high = known.min() + 0.25 * np.ptp(known), known.max() - 0.25 * np.ptp(known)
    count, is_low = 0, False
    for height in known:
        if height < low:
            is_low = True
        elif height > high and is_low:
            count, is_low = count + 1, False
    return count


def _centre(
    joints: Mapping[str, np.ndarray], segment: SegmentInertia, side: str, share_of_men: float
) -> np.ndarray | None:
    proximal, distal = (_place(joints, end.replace("{side}", side)) for end in (segment.proximal, segment.distal))
    if proximal is None:
        proximal = _place(joints, {"hand": "wrist", "foot": "ankle"}.get(segment.name, "") + f"_{side}")
    if proximal is None:
        return None
    if distal is None:
        return proximal if segment.name in ("hand", "foot") else None
    fraction = between(segment.centre_fraction, share_of_men)
    return proximal + fraction * (distal - proximal)


def _place(joints: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """A joint, or the middle of two."""
    ends = [joints.get(part) for part in name.split("+")]
    known = [end for end in ends if end is not None]
    return np.mean(known, axis=0) if len(known) == len(ends) else None
