"""A body's measures, and the keypoints that are rigid in head and feet; metres of a person of 1.75 m.

Sources: Drillis & Contini (1966), as in Winter (2009) Fig. 4.1, for lengths and heights; Gordon et al. (2014),
ANSUR II, for head, feet and girths, rounded.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

HEIGHT_M = 1.75
THIGH_M, SHANK_M, UPPER_ARM_M, FOREARM_M = 0.43, 0.43, 0.295, 0.262
HIP_HALF_WIDTH_M, SHOULDER_HALF_WIDTH_M, TRUNK_M = 0.09, 0.195, 0.505
SKULL_BASE_M = 0.13
"""How far the joint of skull and neck lies above the line of the shoulder joints."""
ANKLE_HEIGHT_M = 0.068
LEG_OF_HEIGHT = (THIGH_M + SHANK_M) / HEIGHT_M

Offsets = Mapping[str, tuple[float, float, float]]
"""By keypoint, a side's without its letter: forward, towards the named side, up."""
HEAD: Offsets = {"Head": (0.0, 0.0, 0.17), "Nose": (0.11, 0.0, 0.045)}
FACE: Offsets = {"Eye": (0.085, 0.032, 0.08), "Ear": (0.01, 0.075, 0.06)}
"""From the base of the skull. Eyes stand 0.936 of the height above the floor, 64 mm apart; the ears are 15 cm apart."""
FOOT: Offsets = {"BigToe": (0.185, -0.025, -0.055), "SmallToe": (0.135, 0.05, -0.055), "Heel": (-0.055, 0.0, -0.05)}
"""From the ankle joint of a level foot; its whole length is 0.152 of the height."""
SIDES = (("L", 1.0), ("R", -1.0))


GIRTHS = (
    ("LHip", "LShoulder", 0.10, 0.09),
    ("RHip", "RShoulder", 0.10, 0.09),
    ("Hip", "Neck", 0.11, 0.09),
    ("LShoulder", "LElbow", 0.05, 0.042),
    ("RShoulder", "RElbow", 0.05, 0.042),
    ("LElbow", "LWrist", 0.042, 0.028),
    ("RElbow", "RWrist", 0.042, 0.028),
    ("LHip", "LKnee", 0.085, 0.058),
    ("RHip", "RKnee", 0.085, 0.058),
    ("LKnee", "LAnkle", 0.055, 0.037),
    ("RKnee", "RAnkle", 0.055, 0.037),
    ("LHeel", "LBigToe", 0.035, 0.025),
    ("RHeel", "RBigToe", 0.035, 0.025),
)
"""Tapered segments: between which keypoints, and the radii there."""
SKULL_SHARE, SKULL_RADIUS_M = 0.66, 0.085
"""A sphere so far on the way from neck to top of the head."""


def head_keypoints(
    skull_base: Float[np.ndarray, "t 3"], turn: Float[np.ndarray, "t 3 3"], height_m: float
) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Top of the head, nose, eyes and ears."""
    central = _rigid("", 1.0, HEAD, skull_base, turn, height_m)
    return (
        central
        | _rigid("L", 1.0, FACE, skull_base, turn, height_m)
        | _rigid("R", -1.0, FACE, skull_base, turn, height_m)
    )


def foot_keypoints(
    side: str, ankle: Float[np.ndarray, "t 3"], turn: Float[np.ndarray, "t 3 3"], height_m: float
) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Toes and heel of the foot of side ``L`` or ``R``."""
    return _rigid(side, dict(SIDES)[side], FOOT, ankle, turn, height_m)


def _rigid(
    side: str,
    left: float,
    offsets: Offsets,
    origin: Float[np.ndarray, "t 3"],
    turn: Float[np.ndarray, "t 3 3"],
    height_m: float,
) -> dict[str, Float[np.ndarray, "t 3"]]:
    """Keypoints at fixed places of a frame (x forward, y left, z up)."""
    scale = height_m / HEIGHT_M
    return {
        side + name: origin + turn @ (np.array([ahead, left * aside, up]) * scale)
        for name, (ahead, aside, up) in offsets.items()
    }
