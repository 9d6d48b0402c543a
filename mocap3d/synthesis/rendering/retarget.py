"""Real motion on our bodies: every limb is given the direction that the keypoints of a recording show."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from mocap3d.synthesis.rendering.body import Figure, Pose
from mocap3d.synthesis.rendering.posture import elbow_axis
from mocap3d.synthesis.rendering.turns import about, between, frame

_STRAIGHT, _BENT = 0.15, 0.45
"""Sine of the bend below which a limb's plane is not known, and from which it is wholly believed."""


def posed_like(figure: Figure, recorded: Mapping[str, np.ndarray], *, hands: Generator | None = None) -> Pose:
    """The pose of keypoints (halpe26 by name, each (3), of a person of any size); hands, if given, are made up."""
    rng = hands or np.random.default_rng(0)
    rest = {name: figure.at(name) for name in recorded}
    pelvis, rest_pelvis = _pelvis(recorded), _pelvis(rest)
    chest, rest_chest = _chest(recorded), _chest(rest)
    root = pelvis @ rest_pelvis.T
    world_from_chest = chest @ rest_chest.T
    world_from_head = _head(recorded) @ _head(rest).T
    arms = [_arm(rest, recorded, side, world_from_chest) for side in "LR"]
    legs = [_leg(rest, recorded, side, root) for side in "LR"]
    return Pose(
        root=root,
        spine=root.T @ world_from_chest,
        neck=world_from_chest.T @ world_from_head,
        clavicle=np.repeat(np.eye(3)[None], 2, axis=0),
        upper_arm=np.stack([arm[0] for arm in arms]),
        arm_twist_rad=np.array([arm[1] for arm in arms]),
        forearm=np.stack([arm[2] for arm in arms]),
        forearm_twist_rad=rng.normal(0, 0.4, 2),
        hand=np.stack([about(np.array([1.0, 0, 0]), rng.normal(0, 0.2)) for _ in range(2)]),
        curl_rad=np.abs(rng.normal(0.24, 0.3, 2)),
        thigh=np.stack([leg[0] for leg in legs]),
        shank=np.stack([leg[1] for leg in legs]),
        foot=np.stack([leg[2] for leg in legs]),
        toes_rad=np.zeros(2),
    )


def _pelvis(at: Mapping[str, np.ndarray]) -> np.ndarray:
    return frame(at["LHip"] - at["RHip"], at["Neck"] - at["Hip"])


def _chest(at: Mapping[str, np.ndarray]) -> np.ndarray:
    return frame(at["LShoulder"] - at["RShoulder"], at["Neck"] - at["Hip"])


def _head(at: Mapping[str, np.ndarray]) -> np.ndarray:
    return frame(at["LEar"] - at["REar"], at["Head"] - (at["LEar"] + at["REar"]) / 2)


def _foot(at: Mapping[str, np.ndarray], side: str) -> np.ndarray:
    toes = (at[f"{side}BigToe"] + at[f"{side}SmallToe"]) / 2
    across = at[f"{side}SmallToe"] - at[f"{side}BigToe"]
    return frame(across if side == "L" else -across, toes - at[f"{side}Heel"])


def _arm(
    rest: Mapping[str, np.ndarray], recorded: Mapping[str, np.ndarray], side: str, world_from_chest: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Upper arm against the chest, its twist, and the forearm against the upper arm."""
    joints = [side + name for name in ("Shoulder", "Elbow", "Wrist")]
    upper, lower, upper_there, lower_there = _spans(rest, recorded, joints)
    straight = between(upper, world_from_chest.T @ upper_there)
    hinge_there = (world_from_chest @ straight).T @ np.cross(upper_there, lower_there)
    twist = _twist(upper, elbow_axis(upper, lower), hinge_there, _bend(upper_there, lower_there))
    world_from_arm = world_from_chest @ straight @ about(upper, twist)
    return straight, twist, between(lower, world_from_arm.T @ lower_there)


def _leg(
    rest: Mapping[str, np.ndarray], recorded: Mapping[str, np.ndarray], side: str, world_from_pelvis: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thigh against the pelvis, shank against the thigh, foot against the shank."""
    joints = [side + name for name in ("Hip", "Knee", "Ankle")]
    upper, lower, upper_there, lower_there = _spans(rest, recorded, joints)
    straight = between(upper, world_from_pelvis.T @ upper_there)
    hinge_there = (world_from_pelvis @ straight).T @ np.cross(upper_there, lower_there)
    # A knee bends backwards: its axis points to the person's left, which is +x at rest.
    twist = _twist(upper, np.array([1.0, 0, 0]), hinge_there, _bend(upper_there, lower_there))
    thigh = straight @ about(upper, twist)
    world_from_thigh = world_from_pelvis @ thigh
    shank = between(lower, world_from_thigh.T @ lower_there)
    world_from_foot = _foot(recorded, side) @ _foot(rest, side).T
    return thigh, shank, (world_from_thigh @ shank).T @ world_from_foot


def _spans(
    rest: Mapping, recorded: Mapping, joints: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    root, middle, end = joints
    there = recorded[middle] - recorded[root], recorded[end] - recorded[middle]
    return rest[middle] - rest[root], rest[end] - rest[middle], *there


def _bend(upper: np.ndarray, lower: np.ndarray) -> float:
    """How far the plane of a limb is to be believed: 0 where it is straight, 1 where it is well bent."""
    sine = np.linalg.norm(np.cross(upper, lower)) / (np.linalg.norm(upper) * np.linalg.norm(lower) + 1e-9)
    return float(np.clip((sine - _STRAIGHT) / (_BENT - _STRAIGHT), 0, 1))


def _twist(axis: np.ndarray, hinge: np.ndarray, hinge_there: np.ndarray, trust: float) -> float:
    """Angle about ``axis`` from one hinge to the other, both seen along it; at most 120 deg, as joints allow."""
    axis = axis / np.linalg.norm(axis)
    a, b = hinge - axis * (axis @ hinge), hinge_there - axis * (axis @ hinge_there)
    angle = np.arctan2(axis @ np.cross(a, b), a @ b)
    return trust * float(np.clip(angle, -2.1, 2.1))
