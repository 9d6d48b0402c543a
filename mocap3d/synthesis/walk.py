"""A walking person from no file: feet that stand where they step, knees by inverse kinematics, arms that swing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.spatial.transform import Rotation

from mocap3d.synthesis import anthropometry as body
from mocap3d.synthesis.series import band_limited

STANCE = 0.62  # share of the cycle a foot is on the floor (Perry & Burnfield 2010)
PITCH_KNOTS = (0.0, 0.1, 0.4, STANCE, 0.72, 0.9, 1.0)
PITCH_RAD = (0.3, 0.0, 0.0, -0.8, -0.75, 0.2, 0.3)
"""Of the foot over the cycle, toes up positive: heel strike, flat, push-off, swing."""
STEP_HALF_WIDTH_M = 0.07
SWING_LIFT_M = 0.05
STRETCH = 0.995  # of the longest leg: a knee never locks


@dataclass(frozen=True, slots=True)
class Gait:
    """How somebody walks."""

    cadence_hz: float = 1.85
    """Steps, left and right, per second."""
    step_m: float = 0.62
    arm_swing_rad: float = 0.4
    phase: float = 0.0
    """Of the cycle at the start, 0..1."""


@dataclass(frozen=True, slots=True)
class Circle:
    """The way: anticlockwise round a point of the floor."""

    centre_m: tuple[float, float] = (0.0, 0.0)
    radius_m: float = 1.2
    start_rad: float = 0.0

    def at(
        self, along_m: Float[np.ndarray, " t"], left_m: Float[np.ndarray, " t"] | float
    ) -> tuple[Float[np.ndarray, "t 2"], Float[np.ndarray, " t"]]:
        """Place so far along the way and beside it, and heading there (rad)."""
        angle = self.start_rad + along_m / self.radius_m
        out = np.stack([np.cos(angle), np.sin(angle)], -1) * (self.radius_m - left_m + 0 * angle)[..., None]
        return np.asarray(self.centre_m) + out, angle + np.pi / 2


def walking_person(
    n_frames: int, *, rate_hz: float, height_m: float = 1.75, gait: Gait = Gait(), way: Circle = Circle(), seed: int = 0
) -> Mapping[str, Float[np.ndarray, "t 3"]]:
    """HALPE-26 keypoints by name (m, Z up); segments keep their lengths, and a standing sole its place on the floor."""
    scale = height_m / body.HEIGHT_M
    t_s = np.arange(n_frames) / rate_hz
    cycle = t_s * gait.cadence_hz / 2 + gait.phase
    ankles, foot_turns = {}, {}
    for (side, left), lag in zip(body.SIDES, (0.0, 0.5), strict=True):
        ankles[side], foot_turns[side] = _foot(cycle - lag, lag, left, gait, way, scale, rate_hz)
    pelvis_turn, sockets, mid_hip = _pelvis(cycle, ankles, gait, way, scale, rate_hz)
    keypoints = {"Hip": mid_hip}
    for side, _ in body.SIDES:
        knee = _knee(sockets[side], ankles[side], pelvis_turn, scale)
        keypoints |= {f"{side}Hip": sockets[side], f"{side}Knee": knee, f"{side}Ankle": ankles[side]}
        keypoints |= body.foot_keypoints(side, ankles[side], foot_turns[side].as_matrix(), height_m)
    return keypoints | _upper_body(mid_hip, pelvis_turn, cycle, gait, height_m, rate_hz, seed)


def _foot(
    cycle: Float[np.ndarray, " t"], lag: float, left: float, gait: Gait, way: Circle, scale: float, rate_hz: float
) -> tuple[Float[np.ndarray, "t 3"], Rotation]:
    """Ankle and turn of a foot: it rolls over heel and toe while standing, and swings to its next place."""
    count, u = np.floor(cycle), cycle - np.floor(cycle)
    pitch = PchipInterpolator(PITCH_KNOTS, PITCH_RAD)(u)
    swing = np.clip((u - STANCE) / (1 - STANCE), 0, 1)
    eased = swing**3 * (10 + swing * (6 * swing - 15))  # minimum jerk
    here, turn_here = _standing(count, np.where(u < STANCE, pitch, PITCH_RAD[3]), lag, left, gait, way, scale)
    there, turn_there = _standing(count + 1, np.full_like(u, PITCH_RAD[0]), lag, left, gait, way, scale)
    ankle = here + eased[:, None] * (there - here)
    ankle[:, 2] += SWING_LIFT_M * scale * np.sin(np.pi * swing) ** 2
    heading = turn_here + eased * (turn_there - turn_here)
    # The speed of an ankle jumps where standing and swing meet; 15 ms of smoothing move a standing foot by under 1 mm.
    smooth_ankle = gaussian_filter1d(ankle, 0.015 * rate_hz, axis=0, mode="nearest")
    return smooth_ankle, Rotation.from_euler("ZY", np.stack([heading, -pitch], -1))


def _standing(
    count: Float[np.ndarray, " t"],
    pitch: Float[np.ndarray, " t"],
    lag: float,
    left: float,
    gait: Gait,
    way: Circle,
    scale: float,
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, " t"]]:
    """Ankle over the footprint of cycle ``count``, turned up about the heel or down about the toe; and its heading."""
    along = ((count + lag - gait.phase) * 2 + 0.55) * gait.step_m * scale
    floor, heading = way.at(along, left * STEP_HALF_WIDTH_M * scale)
    pivot = np.where(pitch[:, None] > 0, body.FOOT["Heel"], body.FOOT["BigToe"]) * np.array([scale, 0.0, scale])
    flat = np.column_stack([floor, np.full_like(heading, body.ANKLE_HEIGHT_M * scale)])
    level = Rotation.from_euler("Z", heading[:, None])
    turned = Rotation.from_euler("ZY", np.stack([heading, -pitch], -1))
    return flat + level.apply(pivot) - turned.apply(pivot), heading


def _pelvis(
    cycle: Float[np.ndarray, " t"],
    ankles: Mapping[str, Float[np.ndarray, "t 3"]],
    gait: Gait,
    way: Circle,
    scale: float,
    rate_hz: float,
) -> tuple[Rotation, dict[str, Float[np.ndarray, "t 3"]], Float[np.ndarray, "t 3"]]:
    """Turn, hip sockets and middle of the pelvis, which rides as high as both legs allow."""
    swing = np.sin(2 * np.pi * cycle)
    floor, heading = way.at((cycle - gait.phase) * 2 * gait.step_m * scale, 0.02 * swing)
    turn = Rotation.from_euler(
        "ZYX", np.stack([heading - 0.07 * np.cos(2 * np.pi * cycle), 0 * cycle, 0.03 * swing], -1)
    )
    offsets = {side: turn.apply([0.0, left * body.HIP_HALF_WIDTH_M * scale, 0.0]) for side, left in body.SIDES}
    leg_m = STRETCH * (body.THIGH_M + body.SHANK_M) * scale
    ceilings = []
    for side, offset in offsets.items():
        apart = np.linalg.norm(floor + offset[:, :2] - ankles[side][:, :2], axis=-1)
        ceilings.append(ankles[side][:, 2] + np.sqrt(np.maximum(leg_m**2 - apart**2, 0.0)) - offset[:, 2])
    # Eroded by as much as the smoothing reaches, the height stays under the ceiling.
    reach = max(1, round(0.1 * rate_hz))
    low = minimum_filter1d(np.minimum(*ceilings), 2 * reach + 1, mode="nearest")
    height = gaussian_filter1d(low, reach / 3, mode="nearest", radius=reach)
    mid_hip = np.column_stack([floor, height])
    return turn, {side: mid_hip + offset for side, offset in offsets.items()}, mid_hip


def _knee(
    hip: Float[np.ndarray, "t 3"], ankle: Float[np.ndarray, "t 3"], pelvis_turn: Rotation, scale: float
) -> Float[np.ndarray, "t 3"]:
    """Where thigh and shank meet, bent forward."""
    thigh, shank = body.THIGH_M * scale, body.SHANK_M * scale
    leg = ankle - hip
    length = np.linalg.norm(leg, axis=-1, keepdims=True)
    down = leg / length
    along = (thigh**2 - shank**2 + length**2) / (2 * length)
    forward = pelvis_turn.apply([1.0, 0.0, 0.0])
    forward -= (forward * down).sum(-1, keepdims=True) * down
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    return hip + along * down + np.sqrt(np.maximum(thigh**2 - along**2, 0.0)) * forward


def _upper_body(
    mid_hip: Float[np.ndarray, "t 3"],
    pelvis_turn: Rotation,
    cycle: Float[np.ndarray, " t"],
    gait: Gait,
    height_m: float,
    rate_hz: float,
    seed: int,
) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Trunk against the pelvis, arms against the legs, and a head that looks about."""
    scale, n_frames = height_m / body.HEIGHT_M, len(cycle)
    swing = np.cos(2 * np.pi * cycle)
    look, nod, idle_left, idle_right = 0.25 * band_limited(
        np.random.default_rng([seed, 1]), n_frames, 4, fps=rate_hz, cutoff_hz=0.5
    )
    trunk = pelvis_turn * Rotation.from_euler("ZY", np.stack([0.14 * swing, 0.06 + 0 * swing], -1))
    neck = mid_hip + trunk.apply([0.0, 0.0, body.TRUNK_M * scale])
    head = trunk * Rotation.from_euler("ZY", np.stack([look, 0.5 * nod], -1))
    keypoints = {"Neck": neck}
    keypoints |= body.head_keypoints(
        neck + trunk.apply([0.0, 0.0, body.SKULL_BASE_M * scale]), head.as_matrix(), height_m
    )
    for (side, left), idle in zip(body.SIDES, (idle_left, idle_right), strict=True):
        flexion = -left * gait.arm_swing_rad * swing + 0.2 * idle
        upper = trunk * Rotation.from_euler("XY", np.stack([left * (0.12 + 0.1 * np.abs(idle)), -flexion], -1))
        fore = upper * Rotation.from_euler("Y", -(0.35 + 0.3 * np.maximum(0, flexion))[:, None])
        shoulder = neck + trunk.apply([0.0, left * body.SHOULDER_HALF_WIDTH_M * scale, 0.0])
        elbow = shoulder + upper.apply([0.0, 0.0, -body.UPPER_ARM_M * scale])
        keypoints |= {f"{side}Shoulder": shoulder, f"{side}Elbow": elbow}
        keypoints[f"{side}Wrist"] = elbow + fore.apply([0.0, 0.0, -body.FOREARM_M * scale])
    return keypoints
