"""A fitted skeleton as generalised coordinates: the angles that turn an OpenSim model of it into the same pose."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.export.axes import OPENSIM
from mocap3d.export.description import person_index
from mocap3d.export.euler import euler_rad
from mocap3d.session.records import Motion
from mocap3d.skeletons.kinematics import Joint

PLACE = ("pelvis_tx", "pelvis_ty", "pelvis_tz")


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """One person's coordinates in OpenSim's ground (Y up); angles in radians, without jumps by full turns."""

    names: tuple[str, ...]
    values: Float[np.ndarray, "t c"]
    """NaN where a joint's turn is not known."""
    is_length: tuple[bool, ...]
    """Metres rather than radians."""


def coordinates_of(motion: Motion, person: str) -> Coordinates:
    """Every degree of freedom of the tree, and the place of its root; joints without any give none."""
    who = person_index(motion.people, person)
    tree = motion.skeletons[who].tree
    ground_from_world = OPENSIM.rotation_from_world().numpy()
    names: list[str] = []
    columns: list[np.ndarray] = []
    for j, joint in enumerate(tree.joints):
        turns = motion.parent_from_joint[:, who, j].numpy()
        if joint.dofs:
            names += [dof.name for dof in joint.dofs]
            columns.append(_angles(joint, ground_from_world @ turns if joint.parent < 0 else turns))
        if joint.parent < 0:
            names += PLACE
            columns.append(motion.root_in_world[:, who].numpy() @ ground_from_world.T)
    return Coordinates(tuple(names), np.concatenate(columns, axis=1), tuple(name in PLACE for name in names))


def bridged_coordinates(coordinates: Coordinates, person: str) -> tuple[Coordinates, slice, int]:
    """Without NaN: from the first to the last instant at which the root is known, straight on where anything is not.

    Also which instants those are, and how many of them hold a bridged number. What is never known is 0.
    """
    placed = np.flatnonzero(
        np.isfinite(coordinates.values[:, [coordinates.names.index(name) for name in PLACE]]).all(-1)
    )
    if len(placed) == 0:
        raise FormatError(f"{person} is placed in no frame, so there are no coordinates to write. Export points only.")
    part = slice(int(placed[0]), int(placed[-1]) + 1)
    values = coordinates.values[part].copy()
    n_bridged = int(np.isnan(values).any(axis=1).sum())
    at = np.arange(len(values))
    for column in values.T:
        known = np.isfinite(column)
        column[:] = np.interp(at, at[known], column[known]) if known.any() else 0.0
    return Coordinates(coordinates.names, values, coordinates.is_length), part, n_bridged


def _axes_of(joint: Joint) -> Float[np.ndarray, "d 3"]:
    """The axes of a joint's degrees of freedom, the first fixed to the parent."""
    return np.array([dof.axis for dof in joint.dofs], float).reshape(-1, 3)


def _angles(joint: Joint, turns: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t d"]:
    axes = _axes_of(joint)
    known = np.isfinite(turns).all((-1, -2))
    found = np.full((len(turns), len(axes)), np.nan)
    if known.any():
        solve = _three if len(axes) == 3 else _up_to_two
        found[known] = np.unwrap(solve(axes, turns[known]), axis=0)
    return found


def _three(axes: Float[np.ndarray, "3 3"], turns: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 3"]:
    """About three perpendicular axes: Euler angles in the basis that they are."""
    if not np.allclose(np.cross(axes[0], axes[1]), axes[2], atol=1e-6):
        raise FormatError(
            "a joint with three degrees of freedom needs perpendicular axes, right-handed in their order. Correct the "
            "body's table."
        )
    return euler_rad(axes @ turns @ axes.T, "XYZ")


def _up_to_two(axes: Float[np.ndarray, "d 3"], turns: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t d"]:
    """About one axis, or two: the first is what carries the second to where it is."""
    first, last = axes[0], axes[-1]
    if len(axes) == 1:
        return _about(first, turns)[:, None]
    across = np.cross(first, last)
    flat = last - (last @ first) * first
    carried = turns @ last
    a = np.arctan2(carried @ across, carried @ flat)
    undone = Rotation.from_rotvec(-a[:, None] * first).as_matrix() @ turns
    return np.stack([a, _about(last, undone)], axis=-1)


def _about(axis: Float[np.ndarray, "3"], turns: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, " t"]:
    """The angle about an axis that comes nearest to a turn (swing and twist)."""
    quaternion = Rotation.from_matrix(turns).as_quat()
    return 2 * np.arctan2(quaternion[:, :3] @ axis, quaternion[:, 3])
