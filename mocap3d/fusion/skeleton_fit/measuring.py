"""What stays the same all the time, told together with the poses of a sample of windows, which are eliminated.

The measures are a thin border of the windows' normal matrices (``tree_normal.border``).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mocap3d.fusion.skeleton_fit.habit import habit_border
from mocap3d.fusion.skeleton_fit.measures import HABIT, Measures
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.pose import Placed, Poses
from mocap3d.fusion.skeleton_fit.terms import Data, Prior
from mocap3d.fusion.skeleton_fit.window import CAUTION, ENOUGH, System, linearised, tell
from mocap3d.solve import chain, tree_normal
from mocap3d.solve.tree import advance


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
            caution = max(10 * caution, CAUTION)
            continue
        measures, systems, caution = tried, there, caution / 10 if caution > CAUTION else 0.0
        for (poses, _), q in zip(windows, moved, strict=True):
            poses.put(slice(None), q)
        if before - after < ENOUGH * before:
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
    tell(full, part.placed, part.h, part.g, told, np.empty((len(times), full.n)))
    return -np.linalg.solve(system.matrix[times], np.concatenate([mixed, told[:, : packed.n, packed.n :]], axis=2))
