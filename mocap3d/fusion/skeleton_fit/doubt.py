"""How far poses may be off: marginal covariances of the normal matrix, widened by what it leaves out.

As for points (``fusion.doubt``): noise that persists, heavy tails and what the acceleration prior takes off a motion
were measured, and widen each degree of freedom. What is the same at all instants (lengths, offsets, errors of the
calibration) does not average out over time and is added.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag

from mocap3d.fusion.skeleton_fit.acceleration import Acceleration
from mocap3d.fusion.skeleton_fit.measures import Measures
from mocap3d.fusion.skeleton_fit.measuring import sensitivity
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.fusion.skeleton_fit.window import System
from mocap3d.session.records import NoiseModel
from mocap3d.solve import chain, response, tree_spread
from mocap3d.solve import tree as kernels

_UNMODELLED = 1.1
"""As in ``fusion.doubt``: outliers that pass for measurements, and scales that were themselves measured."""
_SINGULAR, _NOTHING = 1e-6, 1e-30
"""A hinge turns about one axis only: the others have neither prior nor doubt."""
_ANCHORS = 16
"""Instants between which the effect of constant errors hardly changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Covariances: joint positions and turns (t j 3 3), turns of spans (t s 3 3)."""

    joint: np.ndarray
    turn: np.ndarray
    span: np.ndarray


def pose_doubt(
    packed: PackedTree,
    measures: Measures,
    measures_cov: np.ndarray,
    system: System,
    acceleration: Acceleration,
    noise: NoiseModel,
    core: slice,
) -> Doubt:
    """Of the instants ``core`` of a solved window."""
    inv_pivot, lower = system.factor()
    cov = np.empty_like(inv_pivot)
    chain.marginals(inv_pivot, lower, system.w, cov)
    n_joints = len(packed.parent)
    moves = _moves(packed, system, np.arange(len(system.w))[core])
    blocks = _blocks(moves, cov[core])
    anchors, nearest = _anchored(len(blocks))
    widening = _widening(moves[anchors], blocks[anchors], acceleration, noise)[nearest]
    blocks = _UNMODELLED * (1 - noise.bias) * (widening @ blocks @ widening.transpose(0, 1, 3, 2))
    blocks += _constant(packed, measures, measures_cov, system, noise, moves[anchors], anchors + core.start)[nearest]
    blocks = 0.5 * (blocks + blocks.transpose(0, 1, 3, 2))
    return Doubt(blocks[:, :n_joints], blocks[:, n_joints : 2 * n_joints], blocks[:, 2 * n_joints :])


def _anchored(n_times: int) -> tuple[np.ndarray, np.ndarray]:
    """Some instants, and which of them is nearest to each."""
    anchors = np.unique(np.r_[np.arange(0, n_times, _ANCHORS), n_times - 1])
    return anchors, np.abs(np.arange(n_times)[:, None] - anchors).argmin(1)


def _widening(moves: np.ndarray, blocks: np.ndarray, acceleration: Acceleration, noise: NoiseModel) -> np.ndarray:
    """(t b 3 3): what turns stated into true deviations, of the smoothers that each joint and turn locally is.

    A joint accelerates by what all unknowns above it do: their priors, and how well those fit, are mixed. It is
    smoothed little where they are loose (a knee that bends) and much where they are tight (along the thigh): each
    direction that the covariance and the accelerations have in common is widened by its own factor.
    """
    scaled = moves / np.sqrt(acceleration.weight)
    prior = scaled @ scaled.transpose(0, 1, 3, 2)
    size = np.trace(prior, axis1=2, axis2=3)[..., None, None]
    root = np.linalg.cholesky(prior + (_SINGULAR * size + _NOTHING) * np.eye(3))
    inverse = np.linalg.inv(root)
    f, axes = np.linalg.eigh(inverse @ blocks @ inverse.transpose(0, 1, 3, 2))
    share = (axes.transpose(0, 1, 3, 2) @ inverse @ scaled) ** 2
    stated = response.doubt(response.grid())
    noise_part = noise.spread * response.noise_part(acceleration.noise_power)
    prior_part = share @ response.prior_part(acceleration.motion_power)
    ratio = np.log((noise_part + prior_part) / stated)
    # log F falls with log m: look up over F itself, reversed.
    place = np.interp(np.log(np.maximum(f, 1e-300)), np.log(stated[::-1]), _PLACES)
    low = np.minimum(place.astype(int), len(stated) - 2)
    at = np.take_along_axis(ratio, low[..., None], -1)[..., 0]
    after = np.take_along_axis(ratio, low[..., None] + 1, -1)[..., 0]
    factor = np.exp(0.5 * (at + (place - low) * (after - at)))
    return root @ (axes * factor[..., None, :]) @ axes.transpose(0, 1, 3, 2) @ inverse


_PLACES = np.arange(len(response.grid()))[::-1].astype(float)


def _moves(packed: PackedTree, system: System, times: np.ndarray) -> np.ndarray:
    """(t b 3 n): how joints move, segments turn (about their own axes) and spans turn with every unknown."""
    n, parents = packed.n, packed.parent
    spans = packed.tree.spans
    out = np.zeros((len(times), 2 * len(parents) + len(spans), 3, n))
    path = kernels.ancestors(parents)
    s, owner = np.zeros((n, 6)), np.zeros(n, np.int64)
    tree = (packed.parent, packed.kind, packed.axes, packed.column)
    kernels.twists(*tree, system.placed.world[times[0]], system.placed.joint[times[0]], s, owner)
    carried = path[owner].T.copy()  # (j n): whether an unknown turns the segment of a joint
    moved = np.zeros_like(carried)
    moved[1:] = carried[parents[1:]]
    moved[:, :3] = True
    own = np.zeros_like(carried)
    own[owner, np.arange(n)] = True
    own[:, :3] = False
    between = np.array([carried[span.segment] & ~carried[span.relative_to] for span in spans]).reshape(-1, n)
    frames = np.r_[np.arange(len(parents)), [span.segment for span in spans]].astype(np.int64)
    kernels.moves(*tree, system.placed.world, system.placed.joint, times, moved, np.r_[own, between], frames, out)
    return out


def _blocks(moves: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """(t b 3 3): ``J C J'`` of each block of three rows."""
    out = np.empty((*moves.shape[:2], 3, 3))
    tree_spread.covariances(moves, np.ascontiguousarray(cov), out)
    return out


def _constant(
    packed: PackedTree,
    measures: Measures,
    measures_cov: np.ndarray,
    system: System,
    noise: NoiseModel,
    moves: np.ndarray,
    times: np.ndarray,
) -> np.ndarray:
    """(t b 3 3) at some instants: what is wrong by the same all the time, and what no keypoint shows.

    Poses give way to both, so that the keypoints stay where they were seen.
    """
    full, unseen_variance = _with_unseen(packed)
    follow = sensitivity(packed, full, measures, system, times)
    total = moves @ follow[:, None]
    m, n_joints, world = len(measures.free), len(packed.parent), system.placed.world[times]
    total[:, :n_joints, :, :m] += _lengthened(packed, measures.free, world)
    total[..., m:] += _moves(full, system, times)[..., packed.n :]
    blocks = (total @ block_diag(measures_cov, np.diag(unseen_variance))) @ total.transpose(0, 1, 3, 2)
    told = measures.free[measures.free[:, 0] == 0, 1]
    untold = np.setdiff1d(np.arange(1, n_joints), told)
    apart = _lengthened(packed, np.stack([np.zeros_like(untold), untold], axis=1), world)
    blocks[:, :n_joints] += (apart * measures.usual_sigma[untold] ** 2) @ apart.transpose(0, 1, 3, 2)
    if noise.bias > 0:
        blocks += noise.bias * noise.spread * _blocks(moves, np.linalg.inv(system.matrix[times]))
    return blocks


def _with_unseen(packed: PackedTree) -> tuple[PackedTree, np.ndarray]:
    """The tree with unknowns that no keypoint shows after the others, and their variances: what people do at all."""
    column, variance = packed.column.copy(), []
    for j, kind in enumerate(packed.kind):
        for a in range(min(kind, 3)):
            if column[j, a] < 0:
                column[j, a] = packed.n + len(variance)
                variance.append(packed.spread[j, a] ** 2)
    return replace(packed, column=column, n=packed.n + len(variance)), np.array(variance)


def _lengthened(packed: PackedTree, measures: np.ndarray, world: np.ndarray) -> np.ndarray:
    """(t j 3 m): how joints move where only lengths change, of measures (m 2) as in ``Measures.free``."""
    below = kernels.ancestors(packed.parent)
    out = np.zeros((*world.shape[:2], 3, len(measures)))
    for m, (what, j) in enumerate(measures):
        if what == 0:
            out[..., m] += below[j][:, None] * (world[:, packed.parent[j]] @ packed.direction[j])[:, None]
    return out
