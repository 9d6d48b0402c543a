"""The normal matrix of a kinematic tree against numerical derivatives of its forward kinematics."""

import numpy as np
import pytest

from mocap3d.fusion.skeleton_fit.measures import expected_measures
from mocap3d.fusion.skeleton_fit.packed_tree import pack_tree
from mocap3d.fusion.skeleton_fit.pose import Poses, place
from mocap3d.fusion.skeleton_fit.terms import loose_prior
from mocap3d.skeletons.body_table import load_body
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.solve import tree, tree_normal, tree_priors

STEP = 1e-6


@pytest.fixture(scope="module")
def posed():
    """A body in six random poses, its keypoints, and their derivatives by every unknown (t 3k n)."""
    body, skeleton = load_body(), load_skeleton("halpe26")
    placements = body.placements(skeleton)
    packed = pack_tree(body, placements, np.ones(len(placements), bool))
    measures = expected_measures(packed, placements, 1.75, {})
    poses = Poses.at_ease(packed, 6)
    rng = np.random.default_rng(0)
    for _ in range(3):
        _advance(packed, poses, rng.normal(0, 0.2, (6, packed.n)))
    slopes = np.stack([_slope(packed, measures, poses, c) for c in range(packed.n)], axis=-1)
    return packed, measures, poses, place(packed, measures.length, measures.offset, poses), slopes


def _advance(packed, poses, step):
    tree.advance(packed.kind, packed.column, step, poses.root, poses.turn, poses.angle)


def _slope(packed, measures, poses, column):
    ends = []
    for sign in (1, -1):
        moved, step = poses.copy(), np.zeros((6, packed.n))
        step[:, column] = sign * STEP
        _advance(packed, moved, step)
        ends.append(place(packed, measures.length, measures.offset, moved).x)
    return ((ends[0] - ends[1]) / (2 * STEP)).reshape(6, -1)


def _information(n_points):
    """Random h (t 6 k), its dense form (t 3k 3k), and g (t 3 k)."""
    rng = np.random.default_rng(3)
    half = rng.normal(size=(6, n_points, 3, 3))
    full = half @ half.transpose(0, 1, 3, 2)
    h = np.stack([full[..., i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], axis=1)
    dense = np.zeros((6, 3, n_points, 3, n_points))
    for k in range(n_points):
        dense[:, :, k, :, k] = full[:, k]
    return h, dense.reshape(6, 3 * n_points, 3 * n_points), rng.normal(size=(6, 3, n_points))


def test_normal_matrix_is_that_of_the_derivatives(posed):
    """Measured 1.4e-9."""
    packed, _, _, placed, slopes = posed
    h, dense, g = _information(placed.x.shape[2])
    matrix, gradient = np.empty((6, packed.n, packed.n)), np.empty((6, packed.n))
    arrays = (packed.parent, packed.kind, packed.axes, packed.column, packed.segment)
    tree_normal.normal(*arrays, placed.world, placed.joint, placed.x, h, g, matrix, gradient)
    assert np.allclose(gradient, np.einsum("tan,ta->tn", slopes, g.reshape(6, -1)), atol=1e-6)
    assert np.allclose(matrix, slopes.transpose(0, 2, 1) @ dense @ slopes, atol=1e-6)


def test_border_is_that_of_lengths_and_offsets(posed):
    packed, measures, poses, placed, slopes = posed
    h, dense, g = _information(placed.x.shape[2])
    n_measures = len(measures.free)
    by_measure = np.empty((6, slopes.shape[1], n_measures))
    for m in range(n_measures):
        step = np.zeros(n_measures)
        step[m] = STEP
        more, less = measures.moved(packed, step), measures.moved(packed, -step)
        apart = place(packed, more.length, more.offset, poses).x - place(packed, less.length, less.offset, poses).x
        by_measure[..., m] = (apart / (2 * STEP)).reshape(6, -1)
    mixed, own, pull = np.empty((6, packed.n, n_measures)), np.empty((n_measures,) * 2), np.empty(n_measures)
    arrays = (packed.parent, packed.kind, packed.axes, packed.column, packed.segment, packed.direction)
    rest = (measures.free, measures.known_by, placed.world, placed.joint, placed.x)
    tree_normal.border(*arrays, *rest, h, g, mixed, own, pull)
    assert np.allclose(mixed, slopes.transpose(0, 2, 1) @ dense @ by_measure, atol=1e-6)
    assert np.allclose(own, (by_measure.transpose(0, 2, 1) @ dense @ by_measure).sum(0), atol=1e-5)
    assert np.allclose(pull, np.einsum("tam,ta->m", by_measure, g.reshape(6, -1)), atol=1e-6)


def test_gradient_of_motion_is_that_of_its_cost(posed):
    """Second order in the turn from instant to instant; measured within 1.5 % of the largest here, at 0.1 rad."""
    packed, _, _, _, _ = posed
    rng, poses = np.random.default_rng(5), Poses.at_ease(packed, 6)
    _advance(packed, poses, np.cumsum(rng.normal(0, 0.1, (6, packed.n)), axis=0))
    weight = loose_prior(packed, 60.0).motion

    def cost(step):
        moved = poses.copy()
        _advance(packed, moved, step)
        gradient, w = np.zeros((6, packed.n)), np.zeros((6, packed.n))
        arrays = (packed.kind, packed.column, moved.root, moved.turn, moved.angle)
        return tree_priors.linearise_motion(*arrays, weight, 1e9, gradient, w), gradient

    _, gradient = cost(np.zeros((6, packed.n)))
    numeric = np.empty_like(gradient)
    for t in range(6):
        for c in range(packed.n):
            step = np.zeros((6, packed.n))
            step[t, c] = STEP
            numeric[t, c] = (cost(step)[0] - cost(-step)[0]) / (4 * STEP)
    assert np.abs(gradient - numeric).max() < 0.05 * np.abs(numeric).max()


def test_gradient_of_posture_is_that_of_its_cost(posed):
    """At ease, upright, and beyond the limits; second order in how far a free joint is off its ease."""
    packed, _, _, _, _ = posed
    rng, poses = np.random.default_rng(7), Poses.at_ease(packed, 6)
    _advance(packed, poses, rng.normal(0, 0.2, (6, packed.n)))
    weight = loose_prior(packed, 60.0).ease_weight

    def cost(step):
        moved = poses.copy()
        _advance(packed, moved, step)
        gradient, matrix = np.zeros((6, packed.n)), np.zeros((6, packed.n, packed.n))
        ease = (packed.ease, packed.ease_turn, weight, packed.least, packed.most, 300.0)
        arrays = (packed.kind, packed.column, moved.turn, moved.angle, *ease)
        return tree_priors.linearise_posture(*arrays, matrix, gradient), gradient

    _, gradient = cost(np.zeros((6, packed.n)))
    assert (gradient[:, packed.column[0, 1:]] != 0).all()  # the pelvis is drawn upright
    for c in range(packed.n):
        step = np.zeros((6, packed.n))
        step[:, c] = STEP
        numeric = (cost(step)[0] - cost(-step)[0]) / (4 * STEP)
        assert gradient[:, c].sum() == pytest.approx(numeric, abs=0.02 * np.abs(gradient).max()), c
