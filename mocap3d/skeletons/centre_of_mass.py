"""Centre of mass of a whole body from the joints of its skeleton and the inertia of its segments."""

import numpy as np
from jaxtyping import Bool, Float

from mocap3d.skeletons.inertia import SEGMENTS, SIDES, between
from mocap3d.skeletons.kinematics import KinematicTree

LEAST_MASS = 0.8
"""The share of the body's mass whose segments must be known; the rest is then taken to move with it."""


def centre_of_mass(
    tree: KinematicTree, joint_in_world: Float[np.ndarray, "t j 3"], *, share_of_men: float = 0.5
) -> Float[np.ndarray, "t 3"]:
    """Of the whole body (m); NaN where segments of more than a fifth of its mass are not known.

    ``share_of_men`` lies between de Leva's women (0) and men (1).
    """
    weights = joint_weights(tree, np.asarray(np.isfinite(joint_in_world).all(-1)), share_of_men=share_of_men)
    return np.einsum("tj,tjc->tc", weights, np.nan_to_num(joint_in_world))


def joint_weights(
    tree: KinematicTree, known: Bool[np.ndarray, "t j"], *, share_of_men: float = 0.5
) -> Float[np.ndarray, "t j"]:
    """How much each joint counts in the centre of mass, summing to 1: segments with an unknown end are left out.

    NaN at instants at which too little of the body is known.
    """
    mass, ends = _segments(tree, share_of_men)
    whole = ~((ends != 0) @ ~known.T).T  # (t s): segments all of whose joints are known
    total = whole @ mass
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = (whole * mass) @ ends / total[:, None]
    return np.where(total[:, None] >= LEAST_MASS, weights, np.nan)


def _segments(tree: KinematicTree, share_of_men: float) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, "s j"]]:
    """Share of the mass of every segment, and its centre as a combination of joints."""
    mass, ends = [], []
    for segment in SEGMENTS:
        for side in SIDES if "{side}" in segment.proximal else ("",):
            far = between(segment.centre_fraction, share_of_men)
            row = np.zeros(len(tree.joints))
            for joint, share in ((segment.proximal, 1 - far), (segment.distal, far)):
                names = joint.replace("{side}", side).split("+")
                for name in names:
                    row[tree.index(name)] += share / len(names)
            mass.append(between(segment.mass_fraction, share_of_men))
            ends.append(row)
    return np.array(mass), np.stack(ends)
