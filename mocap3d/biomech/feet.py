"""Feet and pelvis of one person: all that gait needs, wherever it was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from mocap3d.biomech.signals import derivative, fill_gaps, low_pass
from mocap3d.errors import FusionError
from mocap3d.session.records import Motion, Points3D

Side = Literal["Left", "Right"]
SIDES: tuple[Side, Side] = ("Left", "Right")
_TOES = ("BigToe", "FootIndex")
CUTOFF_HZ = 7.0  # Zeni et al. (2008), O'Connor et al. (2007)
MAX_GAP_S = 0.2
LOW = 0.25
"""The share of instants in which a foot is lowest that certainly belong to its stance."""
SLOWEST_BELT = 0.15  # m/s
HEADING_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Feet:
    """Tracks in a Z-up world (m), smoothed; NaN where not known."""

    rate_hz: float
    pelvis: Float[np.ndarray, "t 3"]
    heel: Mapping[Side, Float[np.ndarray, "t 3"]]
    toe: Mapping[Side, Float[np.ndarray, "t 3"]]
    ground_velocity: Float[np.ndarray, "2"]
    """Of the floor (m/s): zero, or that of a treadmill's belt."""

    def on_the_floor(self) -> "Feet":
        """The same as seen from the floor: on a treadmill the person then walks ahead."""
        moved = np.zeros_like(self.pelvis)
        moved[:, :2] = np.arange(len(self.pelvis))[:, None] / self.rate_hz * self.ground_velocity

        return replace(
            self,
            pelvis=self.pelvis - moved,
            heel=_both(lambda side: self.heel[side] - moved),
            toe=_both(lambda side: self.toe[side] - moved),
            ground_velocity=np.zeros(2),
        )

    def forward(self) -> Float[np.ndarray, "t 2"]:
        """Horizontal unit vectors ahead: where the feet point, on average over about a stride."""
        ahead = sum(self.toe[side][:, :2] - self.heel[side][:, :2] for side in SIDES)
        ahead = np.where(np.isfinite(ahead), ahead, 0.0)
        # A longer window than the recording would come back from numpy longer than it, and shifted.
        window = np.ones(min(len(ahead), max(1, round(HEADING_S * self.rate_hz))))
        mean = np.stack([np.convolve(column, window, mode="same") for column in ahead.T], axis=-1)
        if np.linalg.norm(mean) < 1e-9:  # ankles only: where the pelvis goes
            way = derivative(self.on_the_floor().pelvis[:, :2], 1.0)
            known = np.isfinite(way).all(-1)
            mean = np.tile(way[known].mean(axis=0) if known.any() else [1.0, 0.0], (len(mean), 1))
        return mean / np.maximum(np.linalg.norm(mean, axis=-1, keepdims=True), 1e-12)


def make_feet(
    rate_hz: float,
    pelvis: Float[np.ndarray, "t 3"],
    heel: Mapping[Side, Float[np.ndarray, "t 3"]],
    toe: Mapping[Side, Float[np.ndarray, "t 3"]],
) -> Feet:
    """Short gaps filled, low-passed at 7 Hz; whether the floor moves is told by the feet while they are lowest."""

    def smooth(track: np.ndarray) -> np.ndarray:
        return low_pass(fill_gaps(track, rate_hz, MAX_GAP_S)[0], rate_hz, CUTOFF_HZ)

    heels, toes = _both(lambda side: smooth(heel[side])), _both(lambda side: smooth(toe[side]))
    hips = smooth(pelvis)
    return Feet(rate_hz, hips, heels, toes, _ground_velocity(hips, [*heels.values(), *toes.values()], rate_hz))


def feet_of_points(points: Points3D, who: int) -> Feet:
    """From heels, big toes and hips of a keypoint set; from ankles where it has no feet."""
    names = points.skeleton.keypoints
    p = points.p_in_world[:, who].numpy()
    has_feet = [toe for toe in _TOES if {"LHeel", "RHeel", f"L{toe}", f"R{toe}"} <= set(names)]
    foot = ("Heel", has_feet[0]) if has_feet else ("Ankle", "Ankle")
    if missing := {f"{side}{part}" for side in "LR" for part in ("Hip", *foot)} - set(names):
        raise FusionError(
            f"gait needs {', '.join(sorted(missing))}, which the keypoint set {points.skeleton.name} does not have. "
            "Detect with a set that has feet, such as halpe26."
        )
    heel, toe = (_both(lambda side, part=part: p[:, names.index(f"{side[0]}{part}")]) for part in foot)
    pelvis = (p[:, names.index("LHip")] + p[:, names.index("RHip")]) / 2
    return make_feet(float(points.rate), pelvis, heel, toe)


def feet_of_motion(motion: Motion, who: int) -> Feet:
    """From subtalar joints, toe tips and the pelvis of a fitted skeleton."""
    tree, p = motion.skeletons[who].tree, motion.joint_in_world[:, who].numpy()
    heel = _both(lambda side: p[:, tree.index(f"subtalar_{side[0].lower()}")])
    toe = _both(lambda side: p[:, tree.index(f"toe_tip_{side[0].lower()}")])
    return make_feet(float(motion.rate), p[:, tree.index("pelvis")], heel, toe)


def _both(of: Callable[[Side], np.ndarray]) -> dict[Side, np.ndarray]:
    return {side: of(side) for side in SIDES}


def _ground_velocity(pelvis: np.ndarray, tracks: list[np.ndarray], rate_hz: float) -> Float[np.ndarray, "2"]:
    """Median horizontal velocity of heels and toes at their lowest, which is that of a belt.

    Zero where it is too slow for one, or where the pelvis moves faster: then the person walks over the ground.
    """
    lowest = []
    for track in tracks:
        velocity, height = derivative(track, rate_hz), track[:, 2]
        known = np.isfinite(height) & np.isfinite(velocity).all(-1)
        if known.sum() >= 4:
            lowest.append(velocity[known][height[known] <= np.quantile(height[known], LOW), :2])
    if not lowest:
        return np.zeros(2)
    belt = np.median(np.concatenate(lowest), axis=0)
    own = derivative(pelvis[:, :2], rate_hz)
    known = np.isfinite(own).all(-1)
    own_speed = float(np.linalg.norm(own[known].mean(axis=0))) if known.any() else 0.0
    return belt if np.linalg.norm(belt) > max(SLOWEST_BELT, own_speed) else np.zeros(2)
