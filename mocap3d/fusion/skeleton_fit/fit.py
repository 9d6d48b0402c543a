"""Stage three: a kinematic tree per person, with constant lengths, from the same 2D points as the points before it.

Maximum a posteriori over the whole sequence: the robust reprojection of every keypoint that sits on the body, what
bodies do at rest and never do, and accelerations. Lengths and keypoint offsets are told by a sample of the recording,
together with its poses; then all windows are solved with them, so cost is linear in instants and memory is bounded.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mocap3d.fusion.noise import measure_noise
from mocap3d.fusion.packing import pack_rig
from mocap3d.fusion.points import check_views
from mocap3d.fusion.presence import runs_of
from mocap3d.fusion.skeleton_fit.body import Body, measure_body
from mocap3d.fusion.skeleton_fit.doubt import pose_doubt
from mocap3d.fusion.skeleton_fit.evidence import Evidence, windows_of
from mocap3d.fusion.skeleton_fit.pose import Placed
from mocap3d.fusion.skeleton_fit.provenance import turn_provenance
from mocap3d.fusion.skeleton_fit.result import Result
from mocap3d.fusion.skeleton_fit.start import first_poses
from mocap3d.fusion.skeleton_fit.window import solve_poses
from mocap3d.session.records import CalibratedRig, Motion, Person, Points3D, Tracks2D
from mocap3d.skeletons.body_table import load_body

_FEWEST = 4
"""Keypoints that must be known for a person to be there."""
_NEAR_STEPS, _STEPS = 8, 4
_NEAR_ENOUGH = 0.1
"""Relative gain below which a pose is near enough to the points."""


@dataclass(frozen=True)
class SkeletonOptions:
    """Settings of the skeleton fit. Everything else is measured on the recording."""

    covariance: bool = True
    """Compute how far positions and turns may be off."""
    threads: int = 0
    """Threads; 0 = one per processor."""


def fit_skeleton(
    points: Points3D,
    tracks: Tracks2D,
    rig: CalibratedRig,
    people: Mapping[str, Person] | None = None,
    options: SkeletonOptions = SkeletonOptions(),
) -> Motion:
    """Skeletons in motion from the 2D tracks, started at fitted ``points``; people by name give heights and lengths.

    Whoever is known nowhere in 3D has a skeleton of usual measures, and NaN for its motion. Raises FusionError for
    fewer than two calibrated views.
    """
    check_views(tracks, rig)
    packed_rig = pack_rig(rig, tracks.views, len(tracks.t_s))
    tree = load_body()
    out = Result.empty(tracks, tree)
    for person, name in enumerate(tracks.people):
        known = (people or {}).get(name, Person(name))
        p = points.p_in_world.numpy()[:, person]
        there = np.isfinite(p[..., 0]).sum(1) >= _FEWEST
        if not there.any():
            out.leave_unknown(known)
            continue
        noise = points.noise[person] if points.noise else measure_noise(tracks, person, packed_rig)
        evidence = Evidence(tracks, person, packed_rig, p, runs_of(there), noise)
        body = measure_body(evidence, tree, known)
        out.add_skeleton(body, tracks.skeleton)
        _fit_person(evidence, body, options, out)
        origin = turn_provenance(body.packed, points.provenance.numpy()[:, person])
        out.finish(person, origin, there)
    return out.record(tracks)


def _fit_person(evidence: Evidence, body: Body, options: SkeletonOptions, out: Result) -> None:
    """Fill in one person, window by window."""
    packed, measures = body.packed, body.measures

    def solve(stretch: tuple[slice, slice]) -> None:
        times, wide = stretch
        core = slice(times.start - wide.start, times.stop - wide.start)
        poses = first_poses(packed, measures, evidence.p[wide], evidence.rate)
        solve_poses(packed, measures, poses, evidence.near(wide), body.prior, steps=_NEAR_STEPS, enough=_NEAR_ENOUGH)
        views = evidence.views(wide)
        system = solve_poses(packed, measures, poses, views, body.prior, steps=_STEPS)
        doubt = None
        if options.covariance:
            doubt = pose_doubt(packed, measures, body.measures_cov, system, body.acceleration, evidence.noise, core)
        out.put(evidence.person, times, poses[core], _core(system.placed, core), doubt)

    with ThreadPoolExecutor(options.threads or os.cpu_count()) as pool:
        list(pool.map(solve, windows_of(evidence.runs, evidence.rate)))


def _core(placed: Placed, core: slice) -> Placed:
    return Placed(placed.world[core], placed.joint[core], placed.x[core])
