"""How a skeleton of keypoints is drawn: which side a limb is of, how thick it is, and where a person's front is."""

import numpy as np
import torch
from jaxtyping import Float

from mocap3d.session.records import Points3D
from mocap3d.skeletons.skeleton import Skeleton

LEFT, RIGHT, MIDDLE = "left", "right", "middle"
_THICKNESS_M = {
    ("Hip", "Knee"): 0.048,
    ("Knee", "Ankle"): 0.036,
    ("Shoulder", "Elbow"): 0.034,
    ("Elbow", "Wrist"): 0.027,
    ("Hip", "Neck"): 0.040,
    ("Hip", "Shoulder"): 0.026,
    ("Neck", "Shoulder"): 0.030,
    ("Hip", "Hip"): 0.034,
    ("Neck", "Head"): 0.026,
}
"""Radii that make a figure easy to read; they are not measured."""
_THIN_M, _FINE_M = 0.018, 0.008
_FINE = ("Eye", "Ear", "Nose", "Toe", "Heel", "Mouth", "Index", "Pinky", "Thumb")
_STRAIGHT_UP = np.array([0.0, 0.0, 1.0])


def side_of(name: str) -> str:
    """``left`` for LKnee, ``right`` for RKnee, else ``middle``."""
    if name[:1] in ("L", "R") and name[1:2].isupper():
        return LEFT if name[0] == "L" else RIGHT
    return MIDDLE


def limb_side(skeleton: Skeleton, limb: tuple[int, int]) -> str:
    """The side that either end is of; a limb from one side to the other is in the middle."""
    sides = {side_of(skeleton.keypoints[end]) for end in limb} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


def limb_radius_m(skeleton: Skeleton, limb: tuple[int, int]) -> float:
    """Radius to draw a limb with."""
    first, last = (_without_side(skeleton.keypoints[end]) for end in limb)
    known = _THICKNESS_M.get((first, last)) or _THICKNESS_M.get((last, first))
    return known or (_FINE_M if last.endswith(_FINE) or first.endswith(_FINE) else _THIN_M)


def drawn_limbs(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """The limbs, and the sides of the trunk where the keypoint set has shoulders and hips but no limb between them."""
    names, limbs = skeleton.keypoints, skeleton.limbs
    flanks = [(f"{side}Shoulder", f"{side}Hip") for side in "LR"]
    pairs = [(names.index(a), names.index(b)) for a, b in flanks if {a, b} <= set(names)]
    return limbs + tuple(pair for pair in pairs if pair not in limbs and pair[::-1] not in limbs)


def skull(skeleton: Skeleton) -> tuple[int, int] | None:
    """Two keypoints on either side of the middle of the head; None where the set has none."""
    names = skeleton.keypoints
    for a, b in (("LEar", "REar"), ("LEye", "REye"), ("Head", "Neck")):
        if {a, b} <= set(names):
            return names.index(a), names.index(b)
    return None


def keypoint_radius_m(name: str) -> float:
    """Radius to draw a keypoint with."""
    return 0.013 if name.endswith((*_FINE, "Head")) else 0.03


def _without_side(name: str) -> str:
    return name if side_of(name) == MIDDLE else name[1:]


def front(points: Points3D, person: int) -> Float[np.ndarray, "3"]:
    """The level direction into which somebody faces in the first tenth of a recording; along x where unknown.

    Up x (right minus left) points forward, for hips and shoulders alike.
    """
    early = slice(0, max(1, len(points.t_s) // 10))
    names, across = points.skeleton.keypoints, np.zeros(3)
    for joint in ("Hip", "Shoulder"):
        if {f"L{joint}", f"R{joint}"} <= set(names):
            left, right = (points.p_in_world[early, person, names.index(f"{side}{joint}")] for side in "LR")
            across += torch.nan_to_num((right - left).nanmean(0)).numpy()
    forward = np.cross(_STRAIGHT_UP, across)
    length = float(np.linalg.norm(forward))
    return forward / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
