"""First poses from points alone, joint by joint from the root: no guess is needed that could be wrong.

Each segment is turned so that what it carries, and the joints at its far end, come to lie where they were seen (Kabsch
1976; for hinges the best angle in closed form). How a straight limb is turned about itself is told by the axis of its
bent knee or elbow; else it stays at ease.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.fusion.skeleton_fit.measures import Measures
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.pose import Poses

_EVERY_S = 0.1
"""Poses are found so often, and interpolated between."""
_REST = 2e-4
"""m^2: how much being at ease counts against points, which count by their squared distance."""
_HINGE = 0.1
"""m: a bent limb's axis counts as a point at that distance, times the sine of the angle."""


def first_poses(packed: PackedTree, measures: Measures, p: np.ndarray, rate: float) -> Poses:
    """Poses for points p (t k 3), NaN = not seen; between the instants that show the trunk they are interpolated."""
    n_times = len(p)
    root_points = _root_points(packed)
    seen = np.isfinite(p[:, root_points, 0]).sum(1)
    able = np.flatnonzero(seen >= min(3, max(seen.max(initial=0), 1)))
    poses = Poses.at_ease(packed, n_times)
    if not len(able):
        return poses
    step = max(1, round(_EVERY_S * rate))
    keys = np.unique(np.r_[able[::step], able[-1]])
    key_poses = _Builder(packed, measures, p[keys]).poses()
    _between(key_poses, keys, poses)
    return poses


@dataclass(frozen=True, slots=True, eq=False)
class _Builder:
    """Finds the poses of n instants at once."""

    packed: PackedTree
    measures: Measures
    p: np.ndarray

    def poses(self) -> Poses:
        packed, n = self.packed, len(self.p)
        poses = Poses.at_ease(packed, n)
        n_joints = len(packed.parent)
        world, joint = np.empty((n, n_joints, 3, 3)), np.empty((n, n_joints, 3))
        world[:, 0], joint[:, 0] = self._root()
        poses.turn[:, 0], poses.root[:] = world[:, 0], joint[:, 0]
        for j in range(1, n_joints):
            parent = packed.parent[j]
            arm = packed.direction[j] * self.measures.length[j]
            joint[:, j] = joint[:, parent] + world[:, parent] @ arm
            if packed.kind[j] > 0:
                self._turn(j, world[:, parent], self._seen_or(j, joint[:, j]), poses)
            world[:, j] = world[:, parent] @ poses.turn[:, j]
        return poses

    def _seen_or(self, j: int, predicted: np.ndarray) -> np.ndarray:
        """Where joint j is: at its own keypoint where that is seen."""
        for k in np.flatnonzero((self.packed.anchor == j) & self.packed.is_centre):
            at = self.p[:, k] - 0.0
            return np.where(np.isfinite(at), at, predicted)
        return predicted

    def _turn(self, j: int, world_parent: np.ndarray, origin: np.ndarray, poses: Poses) -> None:
        """Turn joint j against its parent, in place."""
        packed = self.packed
        if packed.column[j].max() < 0:
            return
        rest, which = _carried(packed, self.measures, j)
        seen = self.p[:, which] - origin[:, None]
        # (parent_from_world @ seen) against rest
        seen = np.where(np.isfinite(seen), seen, 0.0) @ world_parent
        match = seen.transpose(0, 2, 1) @ rest
        match += _REST * self._ease(j)
        if packed.kind[j] == 3:
            match += self._axis_of_child(j, world_parent)
            poses.turn[:, j] = _nearest_rotation(match)
        else:
            _turn_hinges(packed, j, match, poses)

    def _ease(self, j: int) -> np.ndarray:
        packed = self.packed
        if packed.kind[j] == 3:
            return packed.ease_turn[j]
        first = Rotation.from_rotvec(packed.axes[j, 0] * packed.ease[j, 0])
        return (first * Rotation.from_rotvec(packed.axes[j, 1] * packed.ease[j, 1])).as_matrix()

    def _axis_of_child(self, j: int, world_parent: np.ndarray) -> np.ndarray | float:
        """What the bend of a hinge at the far end (knee, elbow) says about the turn of joint j."""
        packed = self.packed
        hinges = [c for c in packed.children(j) if packed.kind[c] in (1, 2) and packed.column[c, 0] >= 0]
        for hinge in hinges:
            far = packed.children(hinge)
            near_at, at, far_at = (self._centre(c) for c in (j, hinge, far[0] if far else -1))
            if near_at is None or at is None or far_at is None:
                continue
            first, second = self.p[:, at] - self.p[:, near_at], self.p[:, far_at] - self.p[:, at]
            axis = (
                np.cross(first, second)
                / (np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1) + 1e-9)[:, None]
            )
            axis = np.where(np.isfinite(axis), axis, 0.0)[:, None] @ world_parent
            return _HINGE**2 * axis.transpose(0, 2, 1) @ packed.axes[hinge, :1]
        return 0.0

    def _centre(self, j: int) -> int | None:
        found = np.flatnonzero((self.packed.anchor == j) & self.packed.is_centre & (j >= 0))
        return int(found[0]) if len(found) else None

    def _root(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotation (n 3 3) and place (n 3) of the pelvis, from hips and trunk at ease."""
        which = _root_points(self.packed)
        rest = _rest_of_root(self.packed, self.measures)[which]
        seen = self.p[:, which]
        # Far points of the trunk may have moved against the pelvis: the nearer ones count more.
        weight = np.isfinite(seen[..., 0]) / (0.05 + np.linalg.norm(rest, axis=-1)) ** 2
        seen = np.where(np.isfinite(seen), seen, 0.0)
        total = weight.sum(1)[:, None]
        middle, rest_middle = (weight[..., None] * seen).sum(1) / total, weight @ rest / total
        match = (weight[..., None] * (seen - middle[:, None])).transpose(0, 2, 1) @ (rest - rest_middle[:, None])
        world = _nearest_rotation(match)
        return world, middle - (world @ rest_middle[..., None])[..., 0]


def _root_points(packed: PackedTree) -> np.ndarray:
    """Keypoints of the trunk: carried by it, or at the hips and shoulders."""
    trunk = {j for j, joint in enumerate(packed.tree.joints) if joint.name in _TRUNK}
    return np.array([k for k, segment in enumerate(packed.segment) if int(segment) in trunk], np.int64)


_TRUNK = ("pelvis", "lumbar", "thorax", "clavicle_r", "clavicle_l")


def _rest_of_root(packed: PackedTree, measures: Measures) -> np.ndarray:
    """(k 3): keypoints of a body whose joints all are at zero, from the root."""
    joint = np.zeros((len(packed.parent), 3))
    for j in range(1, len(joint)):
        joint[j] = joint[packed.parent[j]] + packed.direction[j] * measures.length[j]
    return joint[packed.anchor] + measures.offset


def _carried(packed: PackedTree, measures: Measures, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Rest vectors (n 3) from joint j of the keypoints that show its turn, and which they are; if none, those below."""
    arms, which = [], []
    for k, (anchor, segment) in enumerate(zip(packed.anchor, packed.segment, strict=True)):
        if anchor < 0:
            continue
        at_far_end = packed.parent[anchor] == j
        arm = packed.direction[anchor] * measures.length[anchor] if at_far_end else np.zeros(3)
        if segment == j or (at_far_end and packed.is_centre[k]):
            arms.append(arm + (measures.offset[k] if segment == j else 0.0))
            which.append(k)
    if not which:
        for child in packed.children(j):
            rest, below = _carried(packed, measures, child)
            arms.extend(rest + packed.direction[child] * measures.length[child])
            which.extend(below)
    return np.array(arms).reshape(-1, 3), np.array(which, np.int64)


def _nearest_rotation(match: np.ndarray) -> np.ndarray:
    """The rotations (n 3 3) that are most like each matrix."""
    u, _, vt = np.linalg.svd(match)
    sign = np.ones(match.shape[:-1])
    sign[:, 2] = np.linalg.det(u @ vt)
    return (u * sign[:, None]) @ vt


def _turn_hinges(packed: PackedTree, j: int, match: np.ndarray, poses: Poses) -> None:
    """The best angles about one or two axes, one after the other until they agree."""
    first, second = (Rotation.from_rotvec(packed.axes[j, a] * poses.angle[:, j, a, None]).as_matrix() for a in range(2))
    for _ in range(5 if packed.kind[j] == 2 else 1):
        if packed.column[j, 0] >= 0:
            angle = _best_angle(match @ second.transpose(0, 2, 1), packed.axes[j, 0])
            poses.angle[:, j, 0] = np.clip(angle, packed.least[j, 0], packed.most[j, 0])
        first = Rotation.from_rotvec(packed.axes[j, 0] * poses.angle[:, j, 0, None]).as_matrix()
        if packed.column[j, 1] >= 0:
            angle = _best_angle(first.transpose(0, 2, 1) @ match, packed.axes[j, 1])
            poses.angle[:, j, 1] = np.clip(angle, packed.least[j, 1], packed.most[j, 1])
        second = Rotation.from_rotvec(packed.axes[j, 1] * poses.angle[:, j, 1, None]).as_matrix()
    poses.turn[:, j] = first @ second


def _best_angle(match: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(n): of the rotation about ``axis`` that is most like each matrix."""
    twist = np.stack(
        [match[:, 2, 1] - match[:, 1, 2], match[:, 0, 2] - match[:, 2, 0], match[:, 1, 0] - match[:, 0, 1]], 1
    )
    return np.arctan2(twist @ axis, np.trace(match, axis1=1, axis2=2) - (match @ axis) @ axis)


def _between(key_poses: Poses, keys: np.ndarray, poses: Poses) -> None:
    """Interpolated poses at all instants, held before the first and after the last key."""
    after = np.minimum(np.arange(len(keys)) + 1, len(keys) - 1)
    at = np.clip(np.arange(len(poses.root)), keys[0], keys[-1])
    low = np.searchsorted(keys, at, side="right") - 1
    share = ((at - keys[low]) / np.maximum(keys[after] - keys, 1)[low])[:, None, None]
    root, turn, angle = key_poses.root, key_poses.turn, key_poses.angle
    poses.root[:] = root[low] + share[:, 0] * (root[after] - root)[low]
    poses.angle[:] = angle[low] + share * (angle[after] - angle)[low]
    apart = Rotation.from_matrix((turn.transpose(0, 1, 3, 2) @ turn[after]).reshape(-1, 3, 3)).as_rotvec()
    part = share * apart.reshape(*turn.shape[:2], 3)[low]
    poses.turn[:] = turn[low] @ Rotation.from_rotvec(part.reshape(-1, 3)).as_matrix().reshape(poses.turn.shape)
