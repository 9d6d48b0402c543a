"""A jointed body: where its markers lie for given joint turns and lengths, and how they move with both.

Plain numpy; n is any number of postures at once. A joint's turn is relative to its parent's, and changes by
``turn @ exp(axes @ step)``: no posture is singular. Source of the Jacobians: Craig, Introduction to Robotics (2005).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Joints j, parents before children; markers m; lengths l; degrees of freedom d of all joints, the root's first."""

    parents: tuple[int, ...]
    offset: Float[np.ndarray, "l j 3"]
    """How far each length puts a joint from its parent, in the parent's frame: metres per metre."""
    axes: tuple[Float[np.ndarray, "3 _"], ...]
    """Of each joint, the axes about which it turns, in its own frame."""
    owner: tuple[int, ...]
    """The joint whose segment carries each marker."""
    place: Float[np.ndarray, "l m 3"]
    """Where on that segment, as ``offset``."""

    def carries(self) -> Float[np.ndarray, "j m"]:
        """1 where turning a joint moves a marker."""
        table = np.zeros((len(self.parents), len(self.owner)))
        for marker, owner in enumerate(self.owner):
            joint = owner
            while joint >= 0:
                table[joint, marker] = 1.0
                joint = self.parents[joint]
        return table


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """Joint turns and places of the root."""

    root: Float[np.ndarray, "n 3"]
    turn: Float[np.ndarray, "n j 3 3"]

    def moved(self, chain: Chain, step: Float[np.ndarray, "n p"]) -> "Posture":
        """By a step of three of translation and all degrees of freedom."""
        turn, at = self.turn.copy(), 3
        for joint, axes in enumerate(chain.axes):
            n_axes = axes.shape[1]
            small = Rotation.from_rotvec(step[:, at : at + n_axes] @ axes.T).as_matrix()
            turn[:, joint] = turn[:, joint] @ small
            at += n_axes
        return Posture(self.root + step[:, :3], turn)

    def __getitem__(self, index: object) -> "Posture":
        return Posture(self.root[index], self.turn[index])  # pyright: ignore[reportArgumentType, reportCallIssue]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The chain in the world."""

    world_from_joint: Float[np.ndarray, "n j 3 3"]
    joint_in_world: Float[np.ndarray, "n j 3"]
    marker_in_world: Float[np.ndarray, "n m 3"]


def placed(chain: Chain, posture: Posture, length_m: Float[np.ndarray, " l"]) -> Placed:
    """Forward kinematics."""
    offset, place = np.tensordot(length_m, chain.offset, 1), np.tensordot(length_m, chain.place, 1)
    turns, places = np.empty_like(posture.turn), np.empty(posture.turn.shape[:-1])
    for joint, parent in enumerate(chain.parents):
        if parent < 0:
            turns[:, joint], places[:, joint] = posture.turn[:, joint], posture.root
        else:
            turns[:, joint] = turns[:, parent] @ posture.turn[:, joint]
            places[:, joint] = places[:, parent] + turns[:, parent] @ offset[joint]
    owner = list(chain.owner)
    markers = places[:, owner] + np.einsum("nmij,mj->nmi", turns[:, owner], place)
    return Placed(turns, places, markers)


def jacobian(chain: Chain, body: Placed) -> Float[np.ndarray, "n m 3 p"]:
    """Of the markers in the world with respect to a step as :meth:`Posture.moved` takes it."""
    n, m = body.marker_in_world.shape[:2]
    carries, blocks = chain.carries(), [np.broadcast_to(np.eye(3), (n, m, 3, 3))]
    for joint, axes in enumerate(chain.axes):
        axis = np.swapaxes(body.world_from_joint[:, joint] @ axes, 1, 2)  # (n d 3)
        arm = (body.marker_in_world - body.joint_in_world[:, joint, None]) * carries[joint][:, None]
        blocks.append(np.swapaxes(np.cross(axis[:, None], arm[:, :, None]), 2, 3))
    return np.concatenate(blocks, -1)


def length_jacobian(chain: Chain, body: Placed) -> Float[np.ndarray, "n m 3 l"]:
    """Of the markers in the world with respect to the lengths."""
    n_joints, n_lengths = len(chain.parents), len(chain.offset)
    of_joint = np.zeros((len(body.joint_in_world), n_joints, 3, n_lengths))
    for joint, parent in enumerate(chain.parents):
        if parent >= 0:
            of_joint[:, joint] = of_joint[:, parent] + body.world_from_joint[:, parent] @ chain.offset[:, joint].T
    owner = list(chain.owner)
    own = np.einsum("nmij,lmj->nmil", body.world_from_joint[:, owner], chain.place)
    return of_joint[:, owner] + own


def rotvec_of(turn: Float[np.ndarray, "*n 3 3"]) -> Float[np.ndarray, "*n 3"]:
    """Axis times angle."""
    return Rotation.from_matrix(turn.reshape(-1, 3, 3)).as_rotvec().reshape(turn.shape[:-1])


def rotvec_jacobian(rotvec: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3 3"]:
    """d rotvec(turn exp(w)) / d w. Source: Sola et al. (2018), eq. 144."""
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(rotvec, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*rotvec.shape, 3)
    near = angle < 1e-3
    safe = np.where(near, 1.0, angle)
    curve = np.where(
        near, 1 / 12, 1 / safe**2 - (1 + np.cos(safe)) / (2 * safe * np.where(near, 1, np.sin(safe)) + 1e-12)
    )
    return np.eye(3) + cross / 2 + curve * (cross @ cross)
