"""HALPE-26 keypoints from a clip's joints, whatever the file calls them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.synthesis.anthropometry import HEIGHT_M, LEG_OF_HEIGHT, foot_keypoints, head_keypoints
from mocap3d.synthesis.motion.clip import Clip

LOST_THORAX_OF_HEIGHT = 0.067
"""BVH and joint-position conversions of CMU drop the bone between upper back and neck: 117 mm of a person of 1.7 m."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Names of the joints that matter; ``{}`` stands for the side."""

    sides: tuple[str, str]
    """Left, right."""
    hip: str
    knee: str
    ankle: str
    shoulder: str
    elbow: str
    wrist: str
    head: str = "head"
    marks: tuple[str, ...] = ()
    """Joints that tell this dialect from another with the same names."""
    forearm_scale: float = 1.0
    """CMU's radius ends 5 cm before the wrist: its forearms measure 0.115 of the height, and people's 0.146."""
    skull_base_m: float = 0.0
    """How far the base of the skull lies above the head's joint, in a person of 1.75 m."""


DIALECTS = (
    Dialect(("l", "r"), "{}femur", "{}tibia", "{}foot", "{}humerus", "{}radius", "{}wrist", forearm_scale=1.25),
    Dialect(
        ("Left", "Right"),
        *("{}UpLeg", "{}Leg", "{}Foot", "{}Arm", "{}ForeArm", "{}Hand", "Head"),
        marks=("LowerBack", "Spine1"),
        forearm_scale=1.25,
    ),
    Dialect(("Left", "Right"), "{}UpLeg", "{}Leg", "{}Foot", "{}Arm", "{}ForeArm", "{}Hand", "Head"),
    Dialect(("l", "r"), "{}Thigh", "{}Shin", "{}Foot", "{}Shldr", "{}ForeArm", "{}Hand"),
    Dialect(
        ("left", "right"),
        *("{}_thigh", "{}_shin", "{}_foot", "{}_upper_arm", "{}_lower_arm", "{}_hand"),
        skull_base_m=0.15,
    ),
)


def halpe26_of(clip: Clip) -> tuple[Mapping[str, Float[np.ndarray, "t 3"]], float]:
    """Keypoints by name in the world of the clip (m), and the person's height (m), told by the legs."""
    dialect = _dialect(clip)
    keypoints: dict[str, np.ndarray] = {}
    for side, word in zip("LR", dialect.sides, strict=True):
        hip, knee, ankle, shoulder, elbow, wrist = (
            clip.p_in_world[:, clip.index(name.format(word))] for name in _sided(dialect)
        )
        wrist = elbow + dialect.forearm_scale * (wrist - elbow)
        keypoints |= {f"{side}Hip": hip, f"{side}Knee": knee, f"{side}Ankle": ankle}
        keypoints |= {f"{side}Shoulder": shoulder, f"{side}Elbow": elbow, f"{side}Wrist": wrist}
    height_m = _height_m(keypoints)
    for side, word in zip("LR", dialect.sides, strict=True):
        turn = clip.world_from_joint[:, clip.index(dialect.ankle.format(word))]
        keypoints |= foot_keypoints(side, keypoints[f"{side}Ankle"], turn, height_m)
    lift = _lost_thorax(clip, dialect, height_m)
    for name in ("Shoulder", "Elbow", "Wrist"):
        keypoints |= {side + name: keypoints[side + name] + lift for side in "LR"}
    head = clip.index(dialect.head)
    turn = clip.world_from_joint[:, head]
    skull_base = clip.p_in_world[:, head] + lift + turn[..., 2] * (dialect.skull_base_m * height_m / HEIGHT_M)
    keypoints |= head_keypoints(skull_base, turn, height_m)
    keypoints["Hip"] = (keypoints["LHip"] + keypoints["RHip"]) / 2
    keypoints["Neck"] = (keypoints["LShoulder"] + keypoints["RShoulder"]) / 2
    return keypoints, height_m


def _sided(dialect: Dialect) -> tuple[str, ...]:
    return dialect.hip, dialect.knee, dialect.ankle, dialect.shoulder, dialect.elbow, dialect.wrist


def _dialect(clip: Clip) -> Dialect:
    for dialect in DIALECTS:
        names = {name.format(side) for name in _sided(dialect) for side in dialect.sides}
        if {*names, *dialect.marks, dialect.head} <= set(clip.joints):
            return dialect
    known = "; ".join(", ".join((*_sided(dialect), dialect.head)) for dialect in DIALECTS)
    raise FormatError(
        f"{clip.path}: its joints ({', '.join(clip.joints[:6])}, ...) are named in no known way. "
        f"Needed: joints named in one of these ways, {{}} being a side: {known}."
    )


def _height_m(keypoints: Mapping[str, Float[np.ndarray, "t 3"]]) -> float:
    def length(a: str, b: str) -> float:
        return float(np.linalg.norm(keypoints[a] - keypoints[b], axis=-1).mean())

    legs = [length(f"{side}Hip", f"{side}Knee") + length(f"{side}Knee", f"{side}Ankle") for side in "LR"]
    return sum(legs) / 2 / LEG_OF_HEIGHT


def _lost_thorax(clip: Clip, dialect: Dialect, height_m: float) -> Float[np.ndarray, "t 3"]:
    """What to add to all that hangs on the chest."""
    if "Spine1" not in dialect.marks:
        return np.zeros((len(clip.p_in_world), 3))
    spine = clip.p_in_world[:, clip.index("Spine1")] - clip.p_in_world[:, clip.index("LowerBack")]
    return spine / np.linalg.norm(spine, axis=-1, keepdims=True) * (LOST_THORAX_OF_HEIGHT * height_m)
