"""A lively person for benchmarks: walks, squats, jumps and waves, with motion up to about 4 Hz, on HALPE-26."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.synthesis.series import band_limited

HIP_HALF_WIDTH_M, THIGH_M, SHANK_M, TRUNK_M = 0.10, 0.43, 0.42, 0.50
SHOULDER_HALF_WIDTH_M, UPPER_ARM_M, FOREARM_M = 0.185, 0.29, 0.26
# Keypoints that are rigid in head and foot: metres forward, towards the named side, up.
HEAD = {"Head": (0.01, 0.0, 0.26), "Nose": (0.10, 0.0, 0.13)}
FACE = {"Eye": (0.08, 0.032, 0.165), "Ear": (0.0, 0.075, 0.14)}
FOOT = {"BigToe": (0.17, -0.03, -0.06), "SmallToe": (0.13, 0.05, -0.06), "Heel": (-0.05, 0.0, -0.065)}
SIDES = (("L", 0, 1.0), ("R", 1, -1.0))  # name, row in the angles, sign of y: x forward, y left, z up


@dataclass(frozen=True, slots=True)
class _Drive:
    """Random signals behind the angles: switches in 0..1, gait phase (rad), place on the floor (m), jitter of sd 1."""

    walk: Float[np.ndarray, " t"]
    squat: Float[np.ndarray, " t"]
    wave: Float[np.ndarray, " t"]
    jump: Float[np.ndarray, " t"]
    phase: Float[np.ndarray, " t"]
    floor_m: Float[np.ndarray, "t 2"]
    jitter: Float[np.ndarray, "24 t"]


@dataclass(frozen=True, slots=True)
class _Angles:
    """Radians, flexion positive forward; rows are left and right."""

    hip: Float[np.ndarray, "2 t"]
    knee: Float[np.ndarray, "2 t"]
    ankle: Float[np.ndarray, "2 t"]
    shoulder: Float[np.ndarray, "2 t"]
    abduction: Float[np.ndarray, "2 t"]
    elbow: Float[np.ndarray, "2 t"]
    lean: Float[np.ndarray, " t"]
    side: Float[np.ndarray, " t"]
    twist: Float[np.ndarray, " t"]
    nod: Float[np.ndarray, " t"]
    tilt: Float[np.ndarray, " t"]
    look: Float[np.ndarray, " t"]


def lively_person(n_frames: int, *, seed: int = 0, fps: float = 60.0) -> Mapping[str, Float[np.ndarray, "t 3"]]:
    """HALPE-26 keypoints in the world (m, Z up) by name; the first frames do not depend on ``n_frames``.

    Not held to anatomy: at 60 Hz, seed 0 bends the right knee to 18 degrees in frame 1243 and is below the skeleton's
    limit of 25 in 8 frames. The benchmark is frozen on these motions, so it stays.
    """
    rng = np.random.default_rng([seed, 22])
    drive = _drive(rng, n_frames, fps)
    angles = _angles(drive, np.arange(n_frames) / fps)
    heading = _heading(drive.floor_m, fps)
    pelvis = Rotation.from_euler("ZYX", np.stack([heading, angles.lean * 0.15, angles.side * 0.5], -1))
    keypoints = {"Hip": np.column_stack([drive.floor_m, _pelvis_height(angles, drive, fps)])}
    keypoints |= _legs(keypoints["Hip"], pelvis, angles)
    trunk = pelvis * Rotation.from_euler("ZYX", np.stack([-angles.twist, angles.lean, angles.side], -1))
    keypoints["Neck"] = keypoints["Hip"] + trunk.apply([0.0, 0.0, TRUNK_M])
    keypoints |= _head(keypoints["Neck"], trunk, angles)
    return keypoints | _arms(keypoints["Neck"], trunk, angles)


def _drive(rng: np.random.Generator, n_frames: int, fps: float) -> _Drive:
    def smooth(n: int, cutoff_hz: float) -> np.ndarray:
        return band_limited(rng, n_frames, n, fps=fps, cutoff_hz=cutoff_hz)

    def switch(cutoff_hz: float, threshold: float) -> np.ndarray:
        return 1 / (1 + np.exp(-8 * (smooth(1, cutoff_hz)[0] - threshold)))

    walk, squat, wave, jump = switch(0.15, -0.3), switch(0.25, 0.9), switch(0.3, 0.3), switch(0.3, 1.0)
    cadence_hz = 1.8 * (1 + 0.12 * smooth(1, 0.3)[0])
    phase = 2 * np.pi * np.cumsum(cadence_hz * 0.5 * walk) / fps
    floor_m = 1.5 * np.tanh(0.7 * smooth(2, 0.18).T / 1.5)  # a bounded wander about the middle
    jitter = (smooth(24, 4.0) * 0.5 + smooth(24, 1.2)) / 1.118
    return _Drive(walk, squat, wave, jump, phase, floor_m, jitter)


def _angles(drive: _Drive, t_s: Float[np.ndarray, " t"]) -> _Angles:
    q, walk, wave = drive.jitter, drive.walk, drive.wave
    swing = np.stack([np.sin(drive.phase), -np.sin(drive.phase)])
    lift = np.stack([np.cos(drive.phase + 0.2), -np.cos(drive.phase + 0.2)])
    dip = drive.squat * (0.5 + 0.5 * np.sin(2 * np.pi * 0.35 * t_s))
    bend = 0.3 * walk * np.maximum(0, -swing) + wave * 0.5 * (1 + np.tanh(q[[13, 15]]))
    return _Angles(
        hip=walk * 0.45 * swing + 1.3 * dip + 0.10 * q[:2],
        knee=0.10 + walk * 0.55 * np.maximum(0, lift) ** 2 + 1.9 * dip + 0.10 * np.abs(q[2:4]),
        ankle=0.10 * swing * walk + 0.6 * dip + 0.08 * q[4:6],
        shoulder=-walk * 0.5 * swing + wave * (1.2 + 0.5 * q[[6, 8]]) + 0.25 * q[[7, 9]],
        abduction=0.18 + 0.25 * np.abs(q[10:12]) + 0.4 * wave,
        elbow=0.25 + 0.35 * np.abs(q[[12, 14]]) + bend,
        lean=0.06 + 0.5 * dip + 0.06 * q[16],
        side=0.04 * q[17],
        twist=walk * 0.12 * swing[0] + 0.10 * q[18],
        nod=0.15 * q[19],
        tilt=0.08 * q[20],
        look=0.30 * q[21],
    )


def _heading(floor_m: Float[np.ndarray, "t 2"], fps: float) -> Float[np.ndarray, " t"]:
    """Direction of travel, smoothed over about a second (rad)."""
    velocity = np.gradient(floor_m, axis=0) * fps
    heading = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0] + 1e-9))
    return _smoothed(heading, np.exp(-0.5 * (np.arange(-90, 91) / 30) ** 2))


def _pelvis_height(angles: _Angles, drive: _Drive, fps: float) -> Float[np.ndarray, " t"]:
    """Height of the mid-hip over the floor (m): the longer leg stands, and hops lift both."""
    reach = (THIGH_M * np.cos(angles.hip) + SHANK_M * np.cos(angles.hip - angles.knee)).max(axis=0) + 0.07
    t_s = np.arange(len(reach)) / fps
    hop = np.maximum(0, np.sin(2 * np.pi * 1.1 * t_s)) ** 2
    return _smoothed(reach, np.ones(7)) + 0.25 * drive.jump * hop + 0.01 * drive.jitter[22]


def _smoothed(x: Float[np.ndarray, " t"], kernel: Float[np.ndarray, " w"]) -> Float[np.ndarray, " t"]:
    return np.convolve(np.pad(x, len(kernel) // 2, mode="edge"), kernel / kernel.sum(), mode="valid")


def _legs(hip: Float[np.ndarray, "t 3"], pelvis: Rotation, angles: _Angles) -> dict[str, np.ndarray]:
    keypoints = {}
    for side, row, left in SIDES:
        thigh = pelvis * Rotation.from_euler("X", left * 0.03) * _flexed(angles.hip[row])
        shank = thigh * _flexed(-angles.knee[row])
        foot = shank * _flexed(angles.ankle[row])
        socket = hip + pelvis.apply([0.0, left * HIP_HALF_WIDTH_M, -0.02])
        knee = socket + thigh.apply([0.0, 0.0, -THIGH_M])
        ankle = knee + shank.apply([0.0, 0.0, -SHANK_M])
        keypoints |= {f"{side}Hip": socket, f"{side}Knee": knee, f"{side}Ankle": ankle}
        keypoints |= {side + name: ankle + foot.apply([x, left * y, z]) for name, (x, y, z) in FOOT.items()}
    return keypoints


def _flexed(angle: Float[np.ndarray, " t"]) -> Rotation:
    """Swings what hangs down (-z) forward (+x)."""
    return Rotation.from_euler("Y", -angle[:, None])


def _head(neck: Float[np.ndarray, "t 3"], trunk: Rotation, angles: _Angles) -> dict[str, np.ndarray]:
    head = trunk * Rotation.from_euler("ZYX", np.stack([angles.look, angles.nod, angles.tilt], -1))
    keypoints = {name: neck + head.apply(offset) for name, offset in HEAD.items()}
    for side, _, left in SIDES:
        keypoints |= {side + name: neck + head.apply([x, left * y, z]) for name, (x, y, z) in FACE.items()}
    return keypoints


def _arms(neck: Float[np.ndarray, "t 3"], trunk: Rotation, angles: _Angles) -> dict[str, np.ndarray]:
    keypoints = {}
    for side, row, left in SIDES:
        swing = np.stack([left * angles.abduction[row], -angles.shoulder[row]], -1)
        upper = trunk * Rotation.from_euler("XY", swing)
        fore = upper * _flexed(angles.elbow[row])
        shoulder = neck + trunk.apply([0.0, left * SHOULDER_HALF_WIDTH_M, -0.04])
        elbow = shoulder + upper.apply([0.0, 0.0, -UPPER_ARM_M])
        keypoints |= {f"{side}Shoulder": shoulder, f"{side}Elbow": elbow}
        keypoints[f"{side}Wrist"] = elbow + fore.apply([0.0, 0.0, -FOREARM_M])
    return keypoints
