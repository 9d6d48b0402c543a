"""Clips of bare joint positions (.npz: joints, parents, fps, unit, up), as made from CMU's 38-joint BVH skeleton."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.session.rate import exact_rate
from mocap3d.synthesis.motion.clip import WORLD_FROM_Y_UP, Clip

_HAND = ("{}Hand", "{}FingerBase", "{}Fingers", "{}Fingers_end", "{}Thumb", "{}Thumb_end")
_LEG = ("{}HipJoint", "{}UpLeg", "{}Leg", "{}Foot", "{}ToeBase", "{}ToeBase_end")
_ARM = ("{}Shoulder", "{}Arm", "{}ForeArm", *_HAND)
_SPINE = ("LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head", "Head_end")
CMU_JOINTS = (
    "Hips",
    *(name.format("Left") for name in _LEG),
    *(name.format("Right") for name in _LEG),
    *_SPINE,
    *(name.format("Left") for name in _ARM),
    *(name.format("Right") for name in _ARM),
)
UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001}
REST_FOOT_DROP = 0.27
"""How far the base of the toes lies below the ankle per metre ahead of it, on a flat foot of this skeleton."""


def read_joint_positions(path: Path) -> Clip:
    """A clip; only head and feet, whose keypoints need it, are given a turn, by the joints about them."""
    try:
        with np.load(path, allow_pickle=False) as file:
            p, fps, unit, up = (file[key] for key in ("joints", "fps", "unit", "up"))
    except (KeyError, ValueError, OSError) as error:
        raise FormatError(f"{path}: {error}. Needed: an .npz with joints (t j 3), fps, unit and up.") from error
    if p.shape[1:] != (len(CMU_JOINTS), 3) or str(unit) not in UNITS_M or str(up) not in "YZ":
        raise FormatError(
            f"{path}: found joints of shape {p.shape}, unit '{unit}', up '{up}'. "
            f"Needed: (t, {len(CMU_JOINTS)}, 3) in m, cm or mm with Y or Z up."
        )
    p_in_world = (p.astype(float) @ WORLD_FROM_Y_UP.T if str(up) == "Y" else p.astype(float)) * UNITS_M[str(unit)]
    return Clip(path, CMU_JOINTS, exact_rate(float(fps)), p_in_world, _turns(p_in_world))


def _turns(p: Float[np.ndarray, "t j 3"]) -> Float[np.ndarray, "t j 3 3"]:
    """NaN but for the head, which is upright along its bone and faces as the shoulders do, and the feet."""
    at = {name: p[:, joint] for joint, name in enumerate(CMU_JOINTS)}
    turns = np.full((*p.shape, 3), np.nan)
    shoulders = at["LeftArm"] - at["RightArm"]
    turns[:, CMU_JOINTS.index("Head")] = _frame(left=shoulders, up=at["Head_end"] - at["Neck1"])
    for side in ("Left", "Right"):
        ahead = at[f"{side}ToeBase"] - at[f"{side}Foot"]
        shank = at[f"{side}Leg"] - at[f"{side}Foot"]
        left = np.cross(shank, ahead)
        sloped = _frame(left=left, up=np.cross(ahead, left))
        slope = np.arctan(REST_FOOT_DROP)
        level = np.array([[np.cos(slope), 0, -np.sin(slope)], [0, 1, 0], [np.sin(slope), 0, np.cos(slope)]])
        turns[:, CMU_JOINTS.index(f"{side}Foot")] = sloped @ level
    return turns


def _frame(*, left: Float[np.ndarray, "t 3"], up: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3 3"]:
    """Right-handed frames (forward, left, up) with exactly this ``up`` and nearly this ``left``."""
    up = up / np.linalg.norm(up, axis=-1, keepdims=True)
    forward = np.cross(left, up)
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    return np.stack([forward, np.cross(up, forward), up], axis=-1)
