"""Stage two: all keypoints of all instants together, with what is known about bodies and motion.

Maximum a posteriori over the whole sequence: robust reprojection, distances that stay constant, hinge limits, and an
acceleration prior per keypoint. Every scale in it is measured on the recording first (``noise``, ``motion``, ``body``);
then windows are solved independently, so cost is linear in instants and in views and memory is bounded.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import median_filter

from mocap3d.fusion.body import BodyModel, measure_body, start_body
from mocap3d.fusion.doubt import posterior
from mocap3d.fusion.motion import MotionModel, default_motion, measure_motion
from mocap3d.fusion.noise import GATE, independent_instants, measure_noise
from mocap3d.fusion.packing import PackedRig, full_matrices, pack_rig, pack_tracks
from mocap3d.fusion.points import check_views
from mocap3d.session.records import CalibratedRig, NoiseModel, Person, Points3D, Provenance, Tracks2D
from mocap3d.solve import residuals, sequence

WINDOW = 512
OVERLAP = 24
"""Instants solved beyond a window on either side: the prior forgets within 8 to 16."""
_NEIGHBOURS_S = 0.25
_LEAP_M = 0.03
"""A triangulated point this far (and four usual distances) from the median of its neighbours in time is a leap."""
_SAMPLE = 1024
"""Instants at most on which the body and its motion are measured."""


@dataclass(frozen=True)
class FitOptions:
    """Settings of the whole-sequence fit. Everything else is measured on the recording."""

    covariance: bool = True
    """Compute the covariance of every point."""
    limb_sigma_m: float = 0.004
    """One sigma, at most, by which a limb's length may vary over time."""
    angle_sigma_deg: float = 3.0
    """Softness of joint-angle limits."""
    max_gap_s: float = 0.5
    """Longest stretch that the priors may bridge where fewer than two views agree; longer ones are missing."""
    threads: int = 0
    """Threads; 0 = one per processor."""


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """All that is fixed while windows are solved."""

    noise: NoiseModel
    body: BodyModel
    motion: MotionModel
    gates: np.ndarray
    angle_weight: float


def fit_sequence(
    tracks: Tracks2D,
    rig: CalibratedRig,
    points: Points3D,
    people: Mapping[str, Person] | None = None,
    options: FitOptions = FitOptions(),
) -> Points3D:
    """Whole-sequence positions from the 2D tracks, started at triangulated ``points``; people by name give heights.

    Raises FusionError for fewer than two calibrated views.
    """
    check_views(tracks, rig)
    n_times, n_people, n_points = tracks.uv_px.shape[1:4]
    packed = pack_rig(rig, tracks.views, n_times)
    p_in_world = np.full((n_times, n_people, n_points, 3), np.nan)
    cov_m2 = np.full((n_times, n_people, n_points, 3, 3), np.nan)
    n_views = np.zeros((n_times, n_people, n_points), np.int8)
    provenance = np.zeros((n_times, n_people, n_points), np.int8)
    for person, name in enumerate(tracks.people):
        known = (people or {}).get(name)
        fitted = _fit_person(tracks, person, packed, points, known.height_m if known else None, options)
        if fitted is None:
            continue
        x, six, inliers = fitted
        origin = _provenance(inliers, round(options.max_gap_s * float(tracks.rate)))
        missing = origin == Provenance.MISSING
        p_in_world[:, person] = np.where(missing[..., None], np.nan, x.transpose(0, 2, 1))
        if six is not None:
            cov_m2[:, person] = full_matrices(six)
            cov_m2[:, person][missing] = np.nan
        n_views[:, person], provenance[:, person] = inliers, origin
    return Points3D(
        tracks.skeleton,
        tracks.people,
        tracks.t_s,
        tracks.rate,
        torch.from_numpy(p_in_world),
        torch.from_numpy(cov_m2),
        torch.from_numpy(n_views),
        torch.from_numpy(provenance),
        points.noise,
    )


def _fit_person(
    tracks: Tracks2D, person: int, rig: PackedRig, points: Points3D, height_m: float | None, options: FitOptions
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray] | None:
    """Positions (t 3 k), covariances (t 6 k) and agreeing views (t k) of one person; None if never triangulated."""
    noise = points.noise[person] if points.noise else measure_noise(tracks, person, rig)
    p_in_world = points.p_in_world.numpy()[:, person]
    triangulated = np.isfinite(p_in_world[..., 0])
    if not triangulated.any():
        return None
    start = _without_jumps(p_in_world, triangulated, float(tracks.rate))
    model = _measure(tracks, person, rig, points, start, triangulated, noise, height_m, options)
    n_times = len(start)
    x = np.empty_like(start)
    six = np.empty((n_times, 6, start.shape[2])) if options.covariance else None
    inliers = np.empty((n_times, start.shape[2]), np.int8)

    def solve(first: int) -> None:
        last = min(first + WINDOW, n_times)
        wide = slice(max(0, first - OVERLAP), min(n_times, last + OVERLAP))
        core = slice(first - wide.start, last - wide.start)
        obs = pack_tracks(tracks, person, wide, rig, model.noise.scale2.numpy())
        window = start[wide].copy()
        _gauss_newton(rig.poses_of(wide), obs, window, model, steps=2 if n_times <= _SAMPLE else 4)
        x[first:last] = window[core]
        if six is not None:
            six[first:last] = posterior(
                rig.poses_of(wide), obs, window, model.body, model.motion, model.noise, model.gates
            )[core]
        residuals.count_inliers(
            rig.poses_of(slice(first, last)), 0, obs[core], window[core], GATE**2, inliers[first:last]
        )

    with ThreadPoolExecutor(options.threads or None) as pool:
        list(pool.map(solve, range(0, n_times, WINDOW)))
    never = ~triangulated.any(0)
    inliers[:, never] = 0
    return x, six, inliers


def _measure(
    tracks: Tracks2D,
    person: int,
    rig: PackedRig,
    points: Points3D,
    start: np.ndarray,
    triangulated: np.ndarray,
    noise: NoiseModel,
    height_m: float | None,
    options: FitOptions,
) -> _Model:
    """Solve a sample loosely, measure motion and body on it, and again with what was measured."""
    skeleton, rate = tracks.skeleton, float(tracks.rate)
    gates = np.array([GATE**2, 3.0, 2.5])
    angle_weight = 1 / np.radians(options.angle_sigma_deg) ** 2
    stretches = _sample(len(start))
    wanted = np.concatenate([np.arange(s.start, s.stop) for s in stretches])
    seen = triangulated[wanted]
    body = start_body(skeleton, np.asarray(seen.any(0)))
    model = _Model(noise, body, default_motion(start.shape[2], rate, noise), gates, angle_weight)
    scale2 = noise.scale2.numpy()
    parts = [(s, pack_tracks(tracks, person, s, rig, scale2), start[s].copy()) for s in stretches]
    for s, obs, x in parts:
        _gauss_newton(rig.poses_of(s), obs, x, model, steps=2)
    cov = [
        posterior(rig.poses_of(s), obs, x, body, model.motion, noise, gates, constant_errors=False)
        for s, obs, x in parts
    ]
    info = _scalar_information(points.cov_m2.numpy()[:, person], triangulated, stretches)
    clean = [_without_outliers(x, start[s]) for s, _, x in parts]
    motion = measure_motion(clean, info, rate, noise)
    body = measure_body(
        body,
        skeleton,
        np.concatenate([x for _, _, x in parts]),
        np.concatenate(cov),
        seen,
        independent=independent_instants(noise, len(wanted)),
        limb_sigma_m=options.limb_sigma_m,
        height_m=height_m,
    )
    model = _Model(noise, body, motion, gates, angle_weight)
    for s, obs, x in parts:
        _gauss_newton(rig.poses_of(s), obs, x, model, steps=1)
        start[s] = x
    return model


def _gauss_newton(poses: np.ndarray, obs: np.ndarray, x: np.ndarray, model: _Model, *, steps: int) -> None:
    body = model.body
    used = np.isfinite(body.sigma_m) & np.isfinite(body.length_m)
    sequence.gauss_newton(
        poses,
        0,
        obs,
        x,
        body.pairs[used],
        body.length_m[used],
        1 / body.sigma_m[used] ** 2,
        body.angles,
        body.angle_limit_rad,
        np.full(len(body.angles), model.angle_weight),
        model.motion.weight,
        model.gates,
        1.0,
        steps,
        12,
        0.05,
        2e-4,
    )


def _sample(n_times: int) -> list[slice]:
    """Stretches to measure on: everything of a short recording, else four spread over it."""
    if n_times <= _SAMPLE:
        return [slice(0, n_times)]
    length = _SAMPLE // 4
    return [slice(int(a), int(a) + length) for a in np.linspace(0, n_times - length, 4).round()]


def _bridged(p_in_world: np.ndarray, triangulated: np.ndarray) -> np.ndarray:
    """A start for every point (t 3 k): gaps interpolated, ends held, keypoints never seen at the person's centre."""
    n_times, n_points, _ = p_in_world.shape
    at = np.arange(n_times)
    centre = p_in_world[triangulated].mean(0)
    start = np.empty((n_times, 3, n_points))
    for k in range(n_points):
        seen = triangulated[:, k]
        for c in range(3):
            if seen.all():
                start[:, c, k] = p_in_world[:, k, c]
            else:
                start[:, c, k] = np.interp(at, at[seen], p_in_world[seen, k, c]) if seen.any() else centre[c]
    return start


def _without_jumps(p_in_world: np.ndarray, triangulated: np.ndarray, rate: float) -> np.ndarray:
    """A start (t 3 k) from which the solver finds home: gaps bridged, and points that leap from their neighbours too.

    With few views two wrong ones can agree; a redescending loss started there would stay there.
    """
    start = _bridged(p_in_world, triangulated)
    width = 2 * round(_NEIGHBOURS_S * rate / 2) + 1
    if len(start) < 2 * width:
        return start
    apart = np.linalg.norm(start - median_filter(start, size=(width, 1, 1), mode="nearest"), axis=1)
    leaps = apart > _LEAP_M + 4 * np.median(apart, axis=0)
    return _bridged(p_in_world, triangulated & ~leaps) if leaps.any() else start


def _scalar_information(cov: np.ndarray, triangulated: np.ndarray, stretches: list[slice]) -> np.ndarray:
    """(k): information of one instant per axis, averaged over the instants; unseen ones count as none."""
    total, count = np.zeros(cov.shape[1]), 0
    for s in stretches:
        trace = np.trace(cov[s], axis1=-2, axis2=-1)
        total += np.where(triangulated[s] & (trace > 0), 3 / np.maximum(trace, 1e-12), 0).sum(0)
        count += s.stop - s.start
    return total / max(count, 1)


def _without_outliers(x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The triangulated track, drawn in where it strays from the loose solution more than it usually does."""
    apart = start - x
    usual = 1.4826 * np.median(np.abs(apart), axis=0)
    return x + np.clip(apart, -3 * usual, 3 * usual)


def _provenance(inliers: np.ndarray, max_gap: int) -> np.ndarray:
    """Measured where two views agree; filled in gaps of at most ``max_gap`` instants; else missing."""
    origin = np.where(inliers >= 2, Provenance.MEASURED, Provenance.MISSING).astype(np.int8)
    for k in range(origin.shape[1]):
        gap = np.flatnonzero(np.diff(np.r_[0, (origin[:, k] == Provenance.MISSING).astype(np.int8), 0]))
        for first, last in zip(gap[::2], gap[1::2], strict=True):
            if last - first <= max_gap and (first > 0 or last < len(origin)):
                origin[first:last, k] = Provenance.FILLED
    return origin
