"""Somebody's own posture at ease: as constant as lengths are, and told together with them.

How people stand differs from one to the next more than it changes: without it a recording of minutes would count every
instant as news about where its owner's pelvis, back and feet rest, and draw lengths and offsets to the usual posture.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.pose import Poses
from mocap3d.solve.tree_priors import LEANING

SHARE = 0.6
"""Of a posture's spread: pelvic tilt differs by 6 degrees among people who stand (Vialle et al. 2005, J Bone Joint Surg
Am 87:260), and by 10 with what they do."""
SAGITTAL = 2
"""The axis, of pelvis, back and neck, about which they lean forward."""


def habitual(packed: PackedTree) -> dict[int, float]:
    """Unknowns of which people have a habit, with its sigma (rad) among people; trunk and head lean forward only."""
    sigma = {}
    for j, columns in enumerate(packed.column):
        midline = packed.tree.joints[j].mirror == j
        senses = [SAGITTAL] if midline else range(3)
        sigma |= {int(columns[a]): SHARE * packed.spread[j, a] for a in senses if columns[a] >= 0}
    return sigma


def eased(packed: PackedTree, habit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ease (j 3) and ease_turn (j 3 3) of somebody, from the usual and a habit (n)."""
    ease, turn = packed.ease.copy(), packed.ease_turn.copy()
    ease[0, 0] += habit[packed.column[0, SAGITTAL]]
    for j, columns in enumerate(packed.column[1:], start=1):
        own = np.where(columns >= 0, habit[columns], 0.0)
        if packed.kind[j] == 3:
            turn[j] = turn[j] @ Rotation.from_rotvec(own).as_matrix()
        else:
            ease[j] += own
    return ease, turn


def habit_border(
    packed: PackedTree, ease: np.ndarray, ease_turn: np.ndarray, weight: np.ndarray, poses: Poses
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What posture at ease says of habits: mixed (t n n), own information (t n) and gradient (t n); weight (j 3)."""
    n_times, n = len(poses.root), packed.n
    mixed, own, pull = np.zeros((n_times, n, n)), np.zeros((n_times, n)), np.zeros((n_times, n))
    for j, columns in enumerate(packed.column[1:], start=1):
        for a, c in enumerate(columns):
            if c >= 0:
                mixed[:, c, c], own[:, c] = -weight[j, a], weight[j, a]
        if packed.kind[j] == 3 and columns[0] >= 0:
            apart = Rotation.from_matrix(ease_turn[j].T @ poses.turn[:, j]).as_rotvec()
            pull[:, columns] = -weight[j] * apart
        elif packed.kind[j] in (1, 2):
            known = columns >= 0
            pull[:, columns[known]] = -(weight[j] * (np.c_[poses.angle[:, j], np.zeros(n_times)] - ease[j]))[:, known]
    _lean(packed, ease[0, 0], weight[0, SAGITTAL], poses.turn[:, 0], mixed, own, pull)
    return mixed, own, pull


def _lean(
    packed: PackedTree,
    ease: float,
    weight: float,
    turn: np.ndarray,
    mixed: np.ndarray,
    own: np.ndarray,
    pull: np.ndarray,
) -> None:
    """The root's part, as ``tree_priors`` has it: how far its x axis leaves its usual slope."""
    c, slope = packed.column[0, SAGITTAL], np.cos(ease)
    apart = turn[:, 2, 0] - np.sin(ease)
    f = weight * (LEANING**2 / (LEANING**2 + apart**2)) ** 2
    mixed[:, packed.column[0, 1], c], mixed[:, c, c] = f * slope * turn[:, 2, 2], -f * slope * turn[:, 2, 1]
    own[:, c], pull[:, c] = f * slope**2, -f * slope * apart
