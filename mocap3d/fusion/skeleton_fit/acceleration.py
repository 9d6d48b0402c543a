"""How much every joint accelerates, measured as keypoints' is (``fusion.motion``), on poses free of that prior."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.fusion.motion import MotionModel, measure_motion, noise_shape
from mocap3d.fusion.skeleton_fit.measures import Measures
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.pose import Poses
from mocap3d.fusion.skeleton_fit.terms import Data, Prior
from mocap3d.fusion.skeleton_fit.window import linearised, solve_poses
from mocap3d.session.records import NoiseModel
from mocap3d.solve import response

_STRAY = 3.0
_CERTAIN = 1 / np.radians(12.0) ** 2
"""1/rad^2: turns that one instant tells no better show no acceleration."""
_FASTEST_HZ = 12.0
"""Above it limbs hardly turn (Winter 2009, section 2.3: 99.7 % of a walk's power lies below 6 Hz): it is noise that a
badly shown turn makes of its neighbours'."""
_SHORTEST = 48
"""Instants in a row from which a spectrum can be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Acceleration:
    """Prior weight of every unknown (n), and what states its doubt honestly, as in ``MotionModel``."""

    weight: np.ndarray
    noise_power: np.ndarray
    motion_power: np.ndarray


def unmeasured(prior: Prior, noise: NoiseModel) -> Acceleration:
    """The prior as it is, taken to be so loose that it takes nothing off the motion."""
    fine = response.frequencies()
    return Acceleration(prior.motion, noise_shape(fine, noise), np.zeros((len(prior.motion), len(fine))))


def measure_acceleration(
    packed: PackedTree,
    measures: Measures,
    windows: Sequence[tuple[Poses, Data]],
    prior: Prior,
    rate: float,
    noise: NoiseModel,
) -> Acceleration:
    """From solved windows; the loose prior where they are too short."""
    long = [(poses, data) for poses, data in windows if len(poses.root) >= _SHORTEST]
    if not long:
        return unmeasured(prior, noise)
    free = replace(prior, motion=1e-6 * prior.motion)
    tracks, info = [], []
    for poses, data in long:
        alone = poses.copy()
        solve_poses(packed, measures, alone, data, free, steps=2)
        system = linearised(packed, measures, alone, data, free)
        info.append(1 / np.diagonal(np.linalg.inv(system.matrix), axis1=1, axis2=2))
        smooth, rough = coordinates(packed, poses), coordinates(packed, alone)
        apart = rough - smooth
        usual = 1.4826 * np.median(np.abs(apart), axis=0)
        tracks.append(smooth + np.clip(apart, -_STRAY * usual, _STRAY * usual))
    typical = np.median(np.concatenate(info), axis=0)
    root = measure_motion([track[:, :3, None] for track in tracks], typical[:3].mean(keepdims=True), rate, noise)
    groups = _groups(packed)
    certain = np.array([len(group) / (1 / typical[group]).sum() > _CERTAIN for group in groups])
    if not certain.any():
        return unmeasured(prior, noise)
    shown = [group for group, sure in zip(groups, certain, strict=True) if sure]
    turns = measure_motion(
        [np.stack([_three(track[:, group]) for group in shown], axis=2) for track in tracks],
        np.array([len(group) / (1 / typical[group]).sum() for group in shown]),
        rate,
        noise,
    )
    slow = response.frequencies() < 2 * np.pi * _FASTEST_HZ / rate
    return _spread_over(
        packed.n,
        replace(root, motion_power=root.motion_power * slow),
        shown,
        replace(turns, motion_power=turns.motion_power * slow),
    )


def _groups(packed: PackedTree) -> list[np.ndarray]:
    """Unknowns that share a prior: the three of a free turn (else the turn itself would couple them), each hinge."""
    free = [packed.column[j] for j in range(len(packed.kind)) if packed.kind[j] == 3 and packed.column[j, 0] >= 0]
    hinges = [
        packed.column[j, a : a + 1] for j in range(len(packed.kind)) if packed.kind[j] in (1, 2) for a in range(2)
    ]
    return [*free, *(group for group in hinges if group[0] >= 0)]


def _three(track: np.ndarray) -> np.ndarray:
    """(t 3): a hinge counts as three like it, since the power of a turn is summed over three axes."""
    return track if track.shape[1] == 3 else track.repeat(3, axis=1)


def _spread_over(n: int, root: MotionModel, shown: list[np.ndarray], turns: MotionModel) -> Acceleration:
    """The root's and every group's prior to their unknowns; a turn that is hardly seen moves as the usual one does."""
    weight = np.full(n, np.median(turns.weight))
    motion = np.repeat(np.median(turns.motion_power, axis=0)[None], n, axis=0)
    weight[:3], motion[:3] = root.weight[0], root.motion_power[0]
    for group, own, power in zip(shown, turns.weight, turns.motion_power, strict=True):
        weight[group], motion[group] = own, power
    return Acceleration(weight, root.noise_power, motion)


def coordinates(packed: PackedTree, poses: Poses) -> np.ndarray:
    """(t n): every unknown as a track; a free turn as the sum of its small turns from instant to instant."""
    out = np.zeros((len(poses.root), packed.n))
    out[:, :3] = poses.root
    for j, kind in enumerate(packed.kind):
        if kind == 3 and packed.column[j, 0] >= 0:
            small = poses.turn[:-1, j].transpose(0, 2, 1) @ poses.turn[1:, j]
            out[1:, packed.column[j]] = np.cumsum(Rotation.from_matrix(small).as_rotvec(), axis=0)
        elif kind in (1, 2):
            for a in range(kind):
                if packed.column[j, a] >= 0:
                    out[:, packed.column[j, a]] = poses.angle[:, j, a]
    return out
