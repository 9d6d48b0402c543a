"""Skeletons as a mesh of tubes, one per limb, whose triangles stay while their corners move."""

import numpy as np
from jaxtyping import Float, Int

from mocap3d.session.records import Points3D
from mocap3d.viz.bodies import drawn_limbs, limb_radius_m, limb_side
from mocap3d.viz.colours import SIDES, rgb

_AROUND = 10
"""Corners of a tube's cross-section."""
_CORNERS = 2 * _AROUND + 2
"""Of a tube: two rings, and the tips that close it."""
_TIP = 0.7
"""How far a tip reaches beyond the end, in radii: joints of two tubes look filled."""


def tube_corners(points: Points3D, instant: int) -> Float[np.ndarray, "v 3"]:
    """Rings about both ends of each limb, person by person; those of a limb that is not known shrink to nothing."""
    places = points.p_in_world[instant].numpy()
    limbs = np.array(drawn_limbs(points.skeleton))
    start, along = places[:, limbs[:, 0]], places[:, limbs[:, 1]] - places[:, limbs[:, 0]]
    radius_m = np.array([limb_radius_m(points.skeleton, (a, b)) for a, b in limbs.tolist()])
    length_m = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    direction = along / length_m
    aside = np.where(np.abs(direction[..., 2:]) < 0.9, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    across = np.cross(direction, aside)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    third = np.cross(direction, across)
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)[:, None]
    ring = across[..., None, :] * np.cos(angle) + third[..., None, :] * np.sin(angle)
    ring = ring * radius_m[:, None, None] + start[..., None, :]
    tip = _TIP * radius_m[:, None] * direction
    tips = np.stack([start - tip, start + along + tip], -2)
    return np.nan_to_num(np.concatenate([ring, ring + along[..., None, :], tips], -2)).reshape(-1, 3)


def tube_triangles(n_tubes: int) -> Int[np.ndarray, "f 3"]:
    """Walls and tips of the tubes, outside out."""
    here, next_ = np.arange(_AROUND), (np.arange(_AROUND) + 1) % _AROUND
    far, near_tip, far_tip = here + _AROUND, np.full(_AROUND, 2 * _AROUND), np.full(_AROUND, 2 * _AROUND + 1)
    walls = (
        (here, next_, far),
        (next_, next_ + _AROUND, far),
        (next_, here, near_tip),
        (far, next_ + _AROUND, far_tip),
    )
    faces = np.concatenate([np.stack(corners, -1) for corners in walls])
    return (faces + _CORNERS * np.arange(n_tubes)[:, None, None]).reshape(-1, 3)


def tube_colours(points: Points3D) -> Float[np.ndarray, "v 3"]:
    """Left, right and middle, as shares of red, green and blue."""
    limbs = [rgb(SIDES[limb_side(points.skeleton, limb)]) for limb in drawn_limbs(points.skeleton)]
    return np.repeat(np.array(limbs * len(points.people)).reshape(-1, 3) / 255, _CORNERS, axis=0)
