"""Somebody's own posture at ease: its terms against numerical derivatives, and who has one."""

import numpy as np
import pytest

from mocap3d.fusion.skeleton_fit.habit import eased, habit_border, habitual
from mocap3d.fusion.skeleton_fit.packed_tree import pack_tree
from mocap3d.fusion.skeleton_fit.pose import Poses
from mocap3d.fusion.skeleton_fit.terms import loose_prior
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.solve import tree_priors
from mocap3d.solve.tree import advance

STEP = 1e-6


@pytest.fixture(scope="module")
def packed():
    body, skeleton = load_body(), load_skeleton("halpe26")
    placements = body.placements(skeleton)
    return pack_tree(body, placements, np.ones(len(placements), bool))


def _posture(packed, poses, habit):
    """Cost and gradient (t n) of posture at ease, far from all limits."""
    n_times = len(poses.root)
    gradient, matrix = np.zeros((n_times, packed.n)), np.zeros((n_times, packed.n, packed.n))
    weight, free = loose_prior(packed, 60.0).ease_weight, np.full_like(packed.ease, 9.0)
    arrays = (packed.kind, packed.column, poses.turn, poses.angle, *eased(packed, habit))
    return tree_priors.linearise_posture(*arrays, weight, -free, free, 1.0, matrix, gradient), gradient


def _by_habit(packed, poses, c):
    """Numerical derivatives by a habit, of the posture's cost (halved) and of its gradient (t n)."""
    step = np.zeros(packed.n)
    step[c] = STEP
    (more, gradient_more), (less, gradient_less) = _posture(packed, poses, step), _posture(packed, poses, -step)
    return (more - less) / (4 * STEP), (gradient_more - gradient_less) / (2 * STEP)


def _border(packed, poses):
    return habit_border(packed, *eased(packed, np.zeros(packed.n)), loose_prior(packed, 60.0).ease_weight, poses)


def test_mixed_and_own_terms_are_those_of_the_posture_s_cost_at_ease(packed):
    poses = Poses.at_ease(packed, 2)
    mixed, own, _ = _border(packed, poses)
    for c in habitual(packed):
        within = 0.01 if c != packed.column[0, 2] else 0.1  # Gauss-Newton holds the root's robust weight
        assert np.abs(mixed[:, :, c] - _by_habit(packed, poses, c)[1]).max() < within * own[:, c].max(), c


def test_gradient_of_habits_is_that_of_the_posture_s_cost(packed):
    """To first order in how far a free joint is off its ease: 0.05 rad here."""
    rng, poses = np.random.default_rng(4), Poses.at_ease(packed, 5)
    advance(packed.kind, packed.column, rng.normal(0, 0.05, (5, packed.n)), poses.root, poses.turn, poses.angle)
    _, _, pull = _border(packed, poses)
    for c in habitual(packed):
        assert pull[:, c].sum() == pytest.approx(_by_habit(packed, poses, c)[0], abs=0.05 * np.abs(pull).max()), c


def test_trunk_and_head_have_a_habit_in_the_plane_of_symmetry_only(packed):
    names = [joint.name for joint in packed.tree.joints]
    habits = habitual(packed)
    for name in ("pelvis", "lumbar", "neck"):
        columns = packed.column[names.index(name)]
        assert [int(c) in habits for c in columns] == [False, False, True], name
    assert np.degrees(habits[int(packed.column[0, 2])]) == pytest.approx(6.0)
