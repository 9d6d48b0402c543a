"""Gauss-Newton on a window of instants: poses, and on a sample of windows the constant measures with them.

    sum rho_views(r' W r) + posture at rest and beyond its limits + rho_motion(second differences)

Each is divided by its own sigma. Its normal matrix is block-pentadiagonal in time (``solve.chain``), with a thin border
for the measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mocap3d.fusion.noise import independent_instants
from mocap3d.fusion.skeleton_fit.habit import habit_border
from mocap3d.fusion.skeleton_fit.measures import HABIT, Measures
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.pose import Placed, Poses, place
from mocap3d.session.records import NoiseModel
from mocap3d.solve import chain, sequence, tree_normal, tree_priors
from mocap3d.solve.tree import advance

_DAMPING = 0.1
"""Information, in 1/rad^2 and 1/m^2, that keeps a step finite: it slows nothing that is seen at all."""
_HUBER_MOTION = 2.5
_TURN_S2, _ROOT_S2 = 200.0, 30.0
"""rad/s^2 and m/s^2 of a loose prior."""
_LIMIT_SIGMA_RAD = np.radians(3.0)
_REST_S = 0.3
"""A body that rests a little off its ease does so for that long: instants within it say the same thing."""
_CAUTION = 1e-3
"""Where a step made things worse: relative damping of the next one."""
_ENOUGH = 1e-3
"""Relative gain below which more steps are not worth it."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenByViews:
    """The 2D points: see ``solve.sequence.linearise_views``."""

    cameras: np.ndarray
    obs: np.ndarray
    tau2: float

    def linearise(self, x: np.ndarray, h: np.ndarray, g: np.ndarray) -> float:
        return sequence.linearise_views(self.cameras, 0, self.obs, x, self.tau2, h, g)


@dataclass(frozen=True, slots=True, eq=False)
class NearPoints:
    """Points (t 3 k), NaN where missing, that keypoints lie near; one sigma in metres, Huber beyond two."""

    p: np.ndarray
    sigma_m: float

    def linearise(self, x: np.ndarray, h: np.ndarray, g: np.ndarray) -> float:
        apart = np.where(np.isfinite(self.p), x - self.p, 0.0)
        size = np.linalg.norm(apart, axis=1) / self.sigma_m
        drawn_in = 1 / np.maximum(size / 2, 1)
        weight = np.isfinite(self.p[:, 0]) * drawn_in / self.sigma_m**2
        h[:] = 0
        h[:, [0, 3, 5]] = weight[:, None]
        g[:] = weight[:, None] * apart
        return float((size * size * drawn_in * (2 - drawn_in)).sum())


Data = SeenByViews | NearPoints
"""What is known of keypoints: ``linearise`` fills in h (t 6 k) and g (t 3 k) at x (t 3 k), and returns the cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """How people move and rest: weight (n) of second differences, ease_weight (j 3)."""

    motion: np.ndarray
    ease_weight: np.ndarray


def loose_prior(packed: PackedTree, rate: float, noise: NoiseModel | None = None) -> Prior:
    """Accelerations that bodies hardly exceed; what such a prior takes off a motion is not counted.

    Points whose errors persist (``noise``) tell less of what lasts than their number says, so ease counts for more.
    """
    weight = np.full(packed.n, (rate * rate / _TURN_S2) ** 2)
    weight[:3] = (rate * rate / _ROOT_S2) ** 2
    rest = max(1.0, _REST_S * rate)
    fewer = noise.spread * rest / independent_instants(noise, round(rest)) if noise else 1.0
    return Prior(weight, fewer / (packed.spread**2 * rest))


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
    _tell(packed, placed, h, g, matrix, gradient)
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
    enough: float = _ENOUGH,
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
            caution = max(10 * caution, _CAUTION)
            continue
        gained = system.cost - there.cost
        poses.put(slice(None), tried)
        system, caution = there, caution / 10 if caution > _CAUTION else 0.0
        if gained < enough * system.cost:
            break
    return system


def solve_measures(
    packed: PackedTree,
    measures: Measures,
    windows: Sequence[tuple[Poses, Data]],
    prior: Prior,
    *,
    steps: int,
    persistence: float,
) -> tuple[Measures, np.ndarray]:
    """Improve poses (in place) and measures together; with the covariance (m m) of the measures.

    ``persistence``: how many times less many instants tell about a constant, because their errors persist.
    """
    systems = [linearised(packed, measures, poses, data, prior) for poses, data in windows]
    caution, schur = 0.0, np.eye(len(measures.free))
    for _ in range(steps):
        schur, pull, responses = _reduced(packed, measures, systems, persistence, caution)
        step = -np.linalg.solve(schur, pull)
        tried = measures.moved(packed, step)
        moved = [poses.copy() for poses, _ in windows]
        for poses, response in zip(moved, responses, strict=True):
            move = -(response[..., 0] + response[..., 1:] @ step)
            advance(packed.kind, packed.column, move, poses.root, poses.turn, poses.angle)
        there = [linearised(packed, tried, q, data, prior) for q, (_, data) in zip(moved, windows, strict=True)]
        before, after = _total(systems, measures, persistence), _total(there, tried, persistence)
        if not after <= before:
            caution = max(10 * caution, _CAUTION)
            continue
        measures, systems, caution = tried, there, caution / 10 if caution > _CAUTION else 0.0
        for (poses, _), q in zip(windows, moved, strict=True):
            poses.put(slice(None), q)
        if before - after < _ENOUGH * before:
            break
    schur, _, _ = _reduced(packed, measures, systems, persistence, 0.0)
    return measures, persistence * np.linalg.inv(schur)


def _total(systems: Sequence[System], measures: Measures, persistence: float) -> float:
    apart = measures.values - measures.mean
    return sum(system.cost for system in systems) + persistence * float(apart @ measures.information @ apart)


def _reduced(
    packed: PackedTree, measures: Measures, systems: Sequence[System], persistence: float, caution: float
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Normal matrix (m m) and gradient (m) of the measures, poses eliminated; responses (t n 1+m) of the poses."""
    schur = persistence * measures.information
    pull = schur @ (measures.values - measures.mean)
    responses = []
    for system in systems:
        mixed, own, own_pull = _border(packed, measures, system)
        inv_pivot, lower = system.factor(caution)
        sides = np.concatenate([system.gradient[..., None], mixed], axis=-1)
        response = np.empty_like(sides)
        chain.solve(inv_pivot, lower, system.w, sides, response)
        both = chain.inner(mixed, response)
        schur = schur + own - both[:, 1:]
        pull = pull + own_pull - both[:, 0]
        responses.append(response)
    schur[np.diag_indices_from(schur)] *= 1 + caution
    return schur, pull, responses


def _border(packed: PackedTree, measures: Measures, system: System) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_times, n = system.gradient.shape
    m = len(measures.free)
    mixed, own, pull = np.empty((n_times, n, m)), np.empty((m, m)), np.empty(m)
    tree = (packed.parent, packed.kind, packed.axes, packed.column, packed.segment, packed.direction)
    placed = system.placed
    arrays = (placed.world, placed.joint, placed.x, system.h, system.g)
    tree_normal.border(*tree, measures.free, measures.known_by, *arrays, mixed, own, pull)
    habits = np.flatnonzero(measures.free[:, 0] == HABIT)
    own_mixed, own_own, own_pull = habit_border(
        packed, measures.ease, measures.ease_turn, system.ease_weight, system.poses
    )
    unknowns = measures.free[habits, 1]
    mixed[:, :, habits] = own_mixed[:, :, unknowns]
    own[habits, habits] = own_own.sum(0)[unknowns]
    pull[habits] = own_pull.sum(0)[unknowns]
    return mixed, own, pull


def sensitivity(
    packed: PackedTree, full: PackedTree, measures: Measures, system: System, times: np.ndarray
) -> np.ndarray:
    """(n_times n m+u): how the poses at some instants follow what is off by the same all the time.

    That is the measures (m), and the unknowns of the ``full`` tree beyond those of ``packed`` (u).
    """
    placed = system.placed
    part = replace(
        system,
        placed=Placed(placed.world[times], placed.joint[times], placed.x[times]),
        h=system.h[times],
        g=system.g[times],
        gradient=system.gradient[times],
        poses=Poses(system.poses.root[times], system.poses.turn[times], system.poses.angle[times]),
    )
    mixed, _, _ = _border(packed, measures, part)
    told = np.empty((len(times), full.n, full.n))
    _tell(full, part.placed, part.h, part.g, told, np.empty((len(times), full.n)))
    return -np.linalg.solve(system.matrix[times], np.concatenate([mixed, told[:, : packed.n, packed.n :]], axis=2))


def _tell(
    packed: PackedTree, placed: Placed, h: np.ndarray, g: np.ndarray, matrix: np.ndarray, gradient: np.ndarray
) -> None:
    """Fill in what the keypoints say of the unknowns."""
    tree = (packed.parent, packed.kind, packed.axes, packed.column)
    tree_normal.normal(*tree, packed.segment, placed.world, placed.joint, placed.x, h, g, matrix, gradient)
