"""Rotations and rigid motions of space, in batches.

A motion is named ``target_from_source`` and a point ``p_in_source``, so that names that meet must agree::

    p_in_cam = cam_from_world.apply(p_in_world)
    cam2_from_cam1 = cam2_from_world @ cam1_from_world.inverse()

Every function is differentiable, at the identity too. Source of the formulas: Sola et al., "A micro Lie theory for
state estimation in robotics" (2018).
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.geometry.smooth import (
    angle_quotient,
    cot_remainder_quotient,
    sin_quotient,
    sin_remainder_quotient,
    versine_quotient,
)


@dataclass(frozen=True, slots=True, eq=False)
class Rigid:
    """A batch of rigid motions, p -> rotation p + translation: the group SE(3)."""

    rotation: Float[Tensor, "*b 3 3"]
    translation: Float[Tensor, "*b 3"]

    @staticmethod
    def identity(*batch: int) -> "Rigid":
        """The motion that moves nothing, in float64."""
        rotation = torch.eye(3, dtype=torch.float64).expand(*batch, 3, 3)
        return Rigid(rotation, rotation.new_zeros(*batch, 3))

    @staticmethod
    def from_rotvec(rotvec: Float[Tensor, "*r 3"], translation: Float[Tensor, "*t 3"]) -> "Rigid":
        """A rotation by ``|rotvec|`` radians about ``rotvec``, then a translation; batches broadcast."""
        rotvec, translation = torch.broadcast_tensors(rotvec, translation)
        return Rigid(rotation_from_rotvec(rotvec), translation)

    @staticmethod
    def exp(twist: Float[Tensor, "*b 6"]) -> "Rigid":
        """The motion reached by moving along a twist (velocity, angular velocity) for unit time."""
        velocity, rotvec = twist[..., :3], twist[..., 3:]
        angle2 = (rotvec**2).sum(-1, keepdim=True)
        turned = _cross(rotvec, velocity)
        drift = versine_quotient(angle2) * turned + sin_remainder_quotient(angle2) * _cross(rotvec, turned)
        return Rigid(rotation_from_rotvec(rotvec), velocity + drift)

    def log(self) -> Float[Tensor, "*b 6"]:
        """The twist (velocity, angular velocity) whose ``exp`` this is, of angle at most pi."""
        rotvec = self.rotvec()
        turned = _cross(rotvec, self.translation)
        quotient = cot_remainder_quotient((rotvec**2).sum(-1, keepdim=True))
        return torch.cat([self.translation - turned / 2 + quotient * _cross(rotvec, turned), rotvec], -1)

    def rotvec(self) -> Float[Tensor, "*b 3"]:
        """The rotation as its axis times its angle in radians."""
        return rotvec_from_rotation(self.rotation)

    def inverse(self) -> "Rigid":
        """source_from_target."""
        transposed = self.rotation.mT
        return Rigid(transposed, -(transposed @ self.translation[..., None])[..., 0])

    def __matmul__(self, other: "Rigid") -> "Rigid":
        """a_from_b @ b_from_c = a_from_c; batches broadcast."""
        rotation = self.rotation @ other.rotation
        translation = self.apply(other.translation)
        batch = rotation.shape[:-2]
        return Rigid(rotation, translation.expand(*batch, 3))

    def apply(self, p: Float[Tensor, "*n 3"]) -> Float[Tensor, "*b 3"]:
        """Points moved from the source into the target frame; the batch broadcasts against theirs."""
        return (self.rotation @ p[..., None])[..., 0] + self.translation

    def __getitem__(self, index: Any) -> "Rigid":
        """Indexes the batch as a tensor's leading axes are indexed (no ellipsis)."""
        return Rigid(self.rotation[index], self.translation[index])


def rotation_from_rotvec(rotvec: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Rodrigues' formula."""
    angle2 = (rotvec**2).sum(-1)[..., None, None]
    cross = _cross_matrix(rotvec)
    identity = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    return identity + sin_quotient(angle2) * cross + versine_quotient(angle2) * (cross @ cross)


def rotvec_from_rotation(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """Axis times angle; accurate near 0 and near pi, where the sign of the axis flips."""
    quaternion = quaternion_from_rotation(rotation)
    axis, w = quaternion[..., :3], quaternion[..., 3]
    return 2 * angle_quotient((axis**2).sum(-1), w)[..., None] * axis


def rotation_from_quaternion(xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation of a quaternion of any length but 0, real part last."""
    axis, w = xyzw[..., :3], xyzw[..., 3]
    cross = _cross_matrix(axis)
    length2 = (xyzw**2).sum(-1)[..., None, None]
    identity = torch.eye(3, dtype=xyzw.dtype, device=xyzw.device)
    return identity + 2 * (w[..., None, None] * cross + cross @ cross) / length2


def quaternion_from_rotation(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """The unit quaternion, real part last and not negative.

    All sixteen products 4 q_i q_j are linear in the rotation: the row of the largest q_i^2, normalised, is +-q
    without a cancellation and without a square root of 0. Source: Bar-Itzhack (2000).
    """
    r = rotation.flatten(-2).unbind(-1)
    xx, xy, xz, yx, yy, yz, zx, zy, zz = r
    products = torch.stack(
        [
            torch.stack([1 + xx - yy - zz, yx + xy, zx + xz, zy - yz], -1),
            torch.stack([yx + xy, 1 - xx + yy - zz, zy + yz, xz - zx], -1),
            torch.stack([zx + xz, zy + yz, 1 - xx - yy + zz, yx - xy], -1),
            torch.stack([zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz], -1),
        ],
        -2,
    )
    best = products.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = products.gather(-2, best[..., None, None].expand(*best.shape, 1, 4))[..., 0, :]
    sign = torch.where(row[..., 3:] < 0, -1.0, 1.0)
    return sign * row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)


def _cross_matrix(v: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """[v] with [v] w = v x w."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def _cross(v: Float[Tensor, "*a 3"], w: Float[Tensor, "*b 3"]) -> Float[Tensor, "*c 3"]:
    return torch.linalg.cross(v, w, dim=-1)
