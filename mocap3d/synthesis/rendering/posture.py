"""Poses made up within the limits of joints: a stance of the legs, and arms that reach somewhere.

Angles in degrees: elevation and plane of the arms (0 hangs down, 90 is level; 0 sideways, 90 ahead).
"""

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from mocap3d.synthesis.rendering.body import Figure, Pose
from mocap3d.synthesis.rendering.stance import Stance, made_up_stance
from mocap3d.synthesis.rendering.turns import about, between, turn_x, turn_y, turn_z

_ARMS = {
    "down": 0.22, "swing": 0.16, "level": 0.09, "up": 0.13, "ahead": 0.12, "hips": 0.06, "any": 0.14, "face": 0.05,
    "cross": 0.03,
}  # fmt: skip
_ONE_ARM = ("down", "swing", "level", "up", "ahead", "any", "face")
_SAME_ARMS, _TOES_BENT = 0.6, 0.2
_LYING, _ANYHOW = 0.04, 0.02


def _reach(kind: str, stance: Stance, side: int, rng: Generator) -> tuple[float, float, float, float]:
    """Elevation, plane, flexion of the elbow and twist of one arm, in degrees."""
    bend, twist = abs(rng.normal(20, 15)), rng.normal(0, 25)
    match kind:
        case "swing":
            swing = rng.normal(0, 30) + 25 * np.sin(stance.phase) * (-1 if side == 0 else 1)
            bend = abs(rng.normal(90 if stance.kind == "run" else 45, 20))
            return abs(swing), 90.0 if swing > 0 else -70.0, bend, rng.normal(0, 15)
        case "level":
            return rng.normal(85, 15), rng.normal(10, 20), bend, twist
        case "up":
            return rng.uniform(120, 178), rng.uniform(-10, 80), bend, twist
        case "ahead":
            return rng.uniform(45, 110), rng.uniform(50, 105), abs(rng.normal(30, 30)), twist
        case "hips":
            return rng.normal(38, 8), rng.normal(-5, 15), rng.normal(105, 12), rng.normal(70, 15)
        case "face":
            return rng.uniform(20, 90), rng.uniform(40, 100), rng.uniform(100, 145), twist
        case "cross":
            return rng.uniform(15, 45), rng.uniform(50, 85), rng.uniform(85, 110), rng.normal(60, 15)
        case "any":
            return rng.uniform(0, 175), rng.uniform(-45, 125), rng.uniform(0, 145), rng.uniform(-70, 80)
    return abs(rng.normal(10, 8)), rng.normal(40, 50), bend, twist


def made_up_pose(figure: Figure, rng: Generator) -> tuple[Pose, str]:
    """A pose, and the stance it was made of; the person faces anywhere between -y and +y."""
    stance = made_up_stance(rng)
    arms = str(rng.choice(list(_ARMS), p=list(_ARMS.values())))
    both = [arms if rng.random() < _SAME_ARMS else str(rng.choice(_ONE_ARM)) for _ in range(2)]
    sides = [_arm(figure, side, _reach(both[side], stance, side, rng), rng) for side in range(2)]
    bow, side_bow, turn = np.radians(np.clip(stance.spine_deg, [-30, -40, -50], [95, 40, 50]))
    nod = np.clip(rng.normal([-min(stance.spine_deg[0], 40) * 0.3, 0, 0], [15, 10, 25]), [-50, -35, -75], [45, 35, 75])
    return Pose(
        root=_root(stance, rng),
        spine=turn_x(bow) @ turn_y(side_bow) @ turn_z(turn),
        neck=_turned(np.radians(nod)),
        clavicle=np.stack([side[0] for side in sides]),
        upper_arm=np.stack([side[1] for side in sides]),
        arm_twist_rad=np.array([side[2] for side in sides]),
        forearm=np.stack([side[3] for side in sides]),
        forearm_twist_rad=np.radians(rng.normal(0, 35, 2)),
        hand=np.stack([turn_x(rng.normal(0, 0.26)) @ turn_y(rng.normal(0, 0.35)) for _ in range(2)]),
        curl_rad=np.abs(rng.normal(0.24, 0.31, 2)),
        **_legs(stance, rng),
    ), stance.kind


def _turned(angles_rad: np.ndarray) -> np.ndarray:
    return turn_x(angles_rad[0]) @ turn_y(angles_rad[1]) @ turn_z(angles_rad[2])


def _root(stance: Stance, rng: Generator) -> np.ndarray:
    fate = rng.random()
    if fate < _LYING:
        return turn_x(rng.uniform(-1.92, 1.92)) @ turn_y(rng.uniform(-1.05, 1.05))
    if fate < _LYING + _ANYHOW:
        return Rotation.from_quat(rng.normal(size=4)).as_matrix()
    return turn_x(np.radians(stance.lean_deg[0])) @ turn_y(np.radians(stance.lean_deg[1]))


def _legs(stance: Stance, rng: Generator) -> dict[str, np.ndarray]:
    hip, knee = np.radians(np.clip(stance.hip_deg, -30, 125)), np.radians(np.clip(stance.knee_deg, -3, 150))
    abduction, rotation = np.radians(np.clip(stance.abduction_deg, -20, 75)), np.radians(stance.rotation_deg)
    ankle = np.radians(np.clip(stance.ankle_deg, -45, 25))
    outwards = (1, -1)
    thigh = [turn_x(-hip[s]) @ turn_y(-outwards[s] * abduction[s]) @ turn_z(outwards[s] * rotation[s]) for s in (0, 1)]
    shank = [turn_x(knee[s]) @ turn_z(rng.normal(0, 0.07)) for s in (0, 1)]
    foot = [turn_x(-ankle[s]) @ turn_y(rng.normal(0, 0.09)) @ turn_z(rng.normal(0, 0.1)) for s in (0, 1)]
    toes = np.where(rng.random(2) < _TOES_BENT, np.abs(rng.normal(0, 0.35, 2)), 0)
    return {"thigh": np.stack(thigh), "shank": np.stack(shank), "foot": np.stack(foot), "toes_rad": toes}


def _arm(
    figure: Figure, side: int, reach_deg: tuple[float, float, float, float], rng: Generator
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Clavicle, upper arm, twist and forearm that bring the arm where it is to be, from wherever it rests."""
    letter, outwards = "LR"[side], (1, -1)[side]
    elevation, plane = np.radians(np.clip(reach_deg[0], 0, 178)), np.radians(reach_deg[1])
    if elevation > 1.8:
        plane = max(plane, -0.3)
    upper, lower = figure.span(f"{letter}Shoulder", f"{letter}Elbow"), figure.span(f"{letter}Elbow", f"{letter}Wrist")
    target = np.array(
        [outwards * np.sin(elevation) * np.cos(plane), -np.sin(elevation) * np.sin(plane), -np.cos(elevation)]
    )
    shrug = max(0.0, elevation - np.radians(60)) * 0.13
    clavicle = turn_y(-outwards * shrug) @ turn_z(rng.normal(0, 0.09))
    at_rest = np.arccos(np.clip(upper @ lower / np.linalg.norm(upper) / np.linalg.norm(lower), -1, 1))
    hinge = elbow_axis(upper, lower)
    forearm = about(hinge, np.radians(np.clip(reach_deg[2], 0, 148)) - at_rest)
    return clavicle, clavicle.T @ between(upper, target), -outwards * np.radians(reach_deg[3]), forearm


def elbow_axis(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """About which the elbow bends, told by how it is bent at rest; a straight arm bends to the front."""
    axis = np.cross(upper, lower)
    if np.linalg.norm(axis) > 0.02 * np.linalg.norm(upper) * np.linalg.norm(lower):
        return axis
    return np.cross(upper, [0.0, -1.0, 0.0])
