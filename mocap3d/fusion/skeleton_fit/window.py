"""Gauss-Newton on the poses of a window of instants.

    sum rho_views(r' W r) + posture at rest and beyond its limits + rho_motion(second differences)

Each is divided by its own sigma. Its normal matrix is block-pentadiagonal in time (``solve.chain``).
"""

from dataclasses import dataclass

import numpy as np

from mocap3d.fusion.skeleton_fit.measures import Measures
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.pose import Placed, Poses, place
from mocap3d.fusion.skeleton_fit.terms import Data, Prior
from mocap3d.solve import chain, tree_normal, tree_priors
from mocap3d.solve.tree import advance

_DAMPING = 0.1
"""Information, in 1/rad^2 and 1/m^2, that keeps a step finite: it slows nothing that is seen at all."""
_HUBER_MOTION = 2.5
_LIMIT_SIGMA_RAD = np.radians(3.0)
CAUTION = 1e-3
"""Where a step made things worse: relative damping of the next one."""
ENOUGH = 1e-3
"""Relative gain below which more steps are not worth it."""


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The normal equations of a window at its poses."""

    placed: Placed
    h: np.ndarray
    g: np.ndarray
    matrix: np.ndarray
    gradient: np.ndarray
    w: np.ndarray
    cost: float
    poses: Poses
    ease_weight: np.ndarray

    def factor(self, caution: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """See ``solve.chain.factor``; ``caution`` makes steps shorter (Marquardt 1963)."""
        matrix, inv_pivot, lower = self.matrix, np.empty_like(self.matrix), np.zeros_like(self.matrix)
        if caution > 0:
            matrix, n = matrix.copy(), matrix.shape[1]
            matrix[:, range(n), range(n)] += caution * (matrix[:, range(n), range(n)] + 6 * self.w)
        chain.factor(matrix, self.w, inv_pivot, lower)
        return inv_pivot, lower


def linearised(packed: PackedTree, measures: Measures, poses: Poses, data: Data, prior: Prior) -> System:
    """All terms at the given poses."""
    n_times, n = len(poses.root), packed.n
    placed = place(packed, measures.length, measures.offset, poses)
    n_points = placed.x.shape[2]
    h, g = np.zeros((n_times, 6, n_points)), np.zeros((n_times, 3, n_points))
    cost = data.linearise(placed.x, h, g)
    matrix, gradient = np.empty((n_times, n, n)), np.empty((n_times, n))
    tell(packed, placed, h, g, matrix, gradient)
    cost += tree_priors.linearise_posture(
        packed.kind,
        packed.column,
        poses.turn,
        poses.angle,
        measures.ease,
        measures.ease_turn,
        prior.ease_weight,
        packed.least,
        packed.most,
        1 / _LIMIT_SIGMA_RAD**2,
        matrix,
        gradient,
    )
    w = np.zeros((n_times, n))
    if n_times > 2:
        cost += tree_priors.linearise_motion(
            packed.kind, packed.column, poses.root, poses.turn, poses.angle, prior.motion, _HUBER_MOTION, gradient, w
        )
    matrix[:, range(n), range(n)] += _DAMPING
    return System(placed, h, g, matrix, gradient, w, cost, poses, prior.ease_weight)


def solve_poses(
    packed: PackedTree,
    measures: Measures,
    poses: Poses,
    data: Data,
    prior: Prior,
    *,
    steps: int,
    enough: float = ENOUGH,
) -> System:
    """Improve the poses of a window, in place; returns the system at the solution."""
    system, caution = linearised(packed, measures, poses, data, prior), 0.0
    for _ in range(steps):
        inv_pivot, lower = system.factor(caution)
        step = np.empty((*system.gradient.shape, 1))
        chain.solve(inv_pivot, lower, system.w, -system.gradient[..., None], step)
        tried = poses.copy()
        advance(packed.kind, packed.column, step[..., 0], tried.root, tried.turn, tried.angle)
        there = linearised(packed, measures, tried, data, prior)
        if not there.cost <= system.cost:
            caution = max(10 * caution, CAUTION)
            continue
        gained = system.cost - there.cost
        poses.put(slice(None), tried)
        system, caution = there, caution / 10 if caution > CAUTION else 0.0
        if gained < enough * system.cost:
            break
    return system


def tell(
    packed: PackedTree, placed: Placed, h: np.ndarray, g: np.ndarray, matrix: np.ndarray, gradient: np.ndarray
) -> None:
    """Fill in what the keypoints say of the unknowns."""
    tree = (packed.parent, packed.kind, packed.axes, packed.column)
    tree_normal.normal(*tree, packed.segment, placed.world, placed.joint, placed.x, h, g, matrix, gradient)
