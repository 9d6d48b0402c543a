"""One person's body, measured on a sample of the recording: lengths, offsets, and how it accelerates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mocap3d.fusion.noise import independent_instants
from mocap3d.fusion.skeleton_fit.acceleration import Acceleration, measure_acceleration
from mocap3d.fusion.skeleton_fit.evidence import Evidence, sample_of
from mocap3d.fusion.skeleton_fit.measures import STATED_M, Measures, expected_measures, told_height_m, told_length_m
from mocap3d.fusion.skeleton_fit.measuring import solve_measures
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree, pack_tree
from mocap3d.fusion.skeleton_fit.start import first_poses
from mocap3d.fusion.skeleton_fit.terms import Prior, loose_prior
from mocap3d.session.records import Person
from mocap3d.skeletons.kinematics import KinematicTree

_FEWEST_SEEN = 0.01
"""Share of the instants in which a keypoint must be known to count."""
_UNTOLD = 0.1
"""One sigma, as a share, of a height that nobody stated: what the limbs say of it is left to the fit."""
_NEAR_PERSISTENCE = 20.0
"""Errors of fitted points persist for about that many instants."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """All that stays fixed while windows are solved."""

    packed: PackedTree
    measures: Measures
    measures_cov: np.ndarray
    """(m m)"""
    acceleration: Acceleration
    prior: Prior


def measure_body(evidence: Evidence, tree: KinematicTree, known: Person) -> Body:
    """Solve a sample together with the measures, loosely, and see how it accelerates."""
    p, noise = evidence.p, evidence.noise
    placements = tree.placements(evidence.tracks.skeleton)
    packed = pack_tree(tree, placements, np.isfinite(p[..., 0]).mean(0) >= _FEWEST_SEEN)
    sample = sample_of(evidence.runs)
    points = np.concatenate([p[times] for times in sample])
    height_m = known.height_m or told_height_m(packed, points)
    unsure_m = STATED_M if known.height_m else _UNTOLD * height_m
    expected = expected_measures(packed, placements, height_m, known.length_m, unsure_m)
    measures = _begun(packed, expected, points, known.length_m)
    poses = [first_poses(packed, measures, p[times], evidence.rate) for times in sample]
    prior = loose_prior(packed, evidence.rate, noise)
    near = list(zip(poses, map(evidence.near, sample), strict=True))
    measures, _ = solve_measures(packed, measures, near, prior, steps=8, persistence=_NEAR_PERSISTENCE)
    seen = list(zip(poses, map(evidence.views, sample), strict=True))
    n_times = len(points)
    persistence = noise.spread * n_times / independent_instants(noise, n_times)
    measures, cov = solve_measures(packed, measures, seen, prior, steps=8, persistence=persistence)
    # What limbs accelerate by is not asked again for their lengths: longer ones would seem likelier, as they turn less.
    acceleration = measure_acceleration(packed, measures, seen, prior, evidence.rate, noise)
    return Body(packed, measures, cov, acceleration, replace(prior, motion=acceleration.weight))


def _begun(packed: PackedTree, measures: Measures, points: np.ndarray, known: Mapping[str, float]) -> Measures:
    """With limbs as long as their keypoints are apart, unless a length was stated."""
    length = measures.length.copy()
    for j in range(1, len(length)):
        told = told_length_m(packed, points, j)
        if np.isfinite(told) and not known:
            length[j] = told
    return replace(measures, length=length)
