"""Stage one: every keypoint of every instant on its own, from all views that saw it."""

import logging
from dataclasses import dataclass

import numpy as np

from mocap3d.errors import FusionError
from mocap3d.fusion.noise import GATE, measure_noise
from mocap3d.fusion.packing import PackedRig, chunks, full_matrices, pack_rig, pack_tracks
from mocap3d.fusion.solution import Solution
from mocap3d.session.records import CalibratedRig, NoiseModel, Points3D, Provenance, Tracks2D
from mocap3d.solve import rays

_log = logging.getLogger("mocap3d")


@dataclass(frozen=True)
class PointsOptions:
    """Settings of the robust triangulation."""

    gate: float = GATE
    """Views farther than this many sigmas from the point are outliers."""


def triangulate_tracks(tracks: Tracks2D, rig: CalibratedRig, options: PointsOptions = PointsOptions()) -> Points3D:
    """Robust triangulation of every keypoint of every instant, with covariances.

    Sigmas are scaled to the residuals first (``noise.measure_noise``). A point that fewer than two agreeing views see
    is NaN and MISSING. The covariance is the inverse normal matrix of the accepted views.

    Raises FusionError for fewer than two calibrated views.
    """
    check_views(tracks, rig)
    n_times, n_people = tracks.uv_px.shape[1:3]
    packed = pack_rig(rig, tracks.views, n_times)
    out = Solution.empty(tracks)
    noises = tuple(measure_noise(tracks, person, packed) for person in range(n_people))
    for person, noise in enumerate(noises):
        for times in chunks(n_times):
            points, info, inliers = _triangulate(tracks, person, times, packed, noise, options.gate)
            out.p_in_world[times, person] = points.transpose(0, 2, 1)
            out.cov_m2[times, person] = _inverse(info)
            out.n_views[times, person] = inliers
    out.provenance[out.n_views >= 2] = Provenance.MEASURED
    _warn_of_absent(tracks, out.n_views)
    return out.record(tracks, noises)


def check_views(tracks: Tracks2D, rig: CalibratedRig) -> None:
    """Refuse tracks whose views are not calibrated, or fewer than two views."""
    unknown = [view for view in tracks.views if view not in rig.cameras]
    if unknown:
        raise FusionError(
            f"No calibration for view(s) {', '.join(unknown)}; calibrated are {', '.join(rig.cameras)}. "
            "Name the keypoint folders as the cameras are named, or calibrate these views too."
        )
    if len(tracks.views) < 2:
        raise FusionError(f"3D needs at least two calibrated views, found {len(tracks.views)}: {list(tracks.views)}.")


def _triangulate(
    tracks: Tracks2D, person: int, times: slice, rig: PackedRig, noise: NoiseModel, gate: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    obs = pack_tracks(tracks, person, times, rig, noise.scale2.numpy())
    n_times, _, _, n_points = obs.shape
    points, info = np.empty((n_times, 3, n_points)), np.empty((n_times, 6, n_points))
    inliers = np.empty((n_times, n_points), np.int8)
    rays.triangulate(rig.poses_of(times), obs, gate * gate, points, info, inliers)
    return points, info, inliers


def _inverse(info: np.ndarray) -> np.ndarray:
    """Covariances (t k 3 3) of normal matrices (t 6 k); NaN where there is none."""
    a, b, c, d, e, f = info.transpose(1, 0, 2)
    c0, c1, c2 = d * f - e * e, c * e - b * f, b * e - c * d
    det = a * c0 + b * c1 + c * c2
    with np.errstate(divide="ignore", invalid="ignore"):
        i = np.where(det > 0, 1 / det, np.nan)
    six = np.stack([c0 * i, c1 * i, c2 * i, (a * f - c * c) * i, (b * c - a * e) * i, (a * d - b * b) * i], 1)
    return full_matrices(six)


def _warn_of_absent(tracks: Tracks2D, n_views: np.ndarray) -> None:
    for person, name in enumerate(tracks.people):
        never = [key for k, key in enumerate(tracks.skeleton.keypoints) if not (n_views[:, person, k] >= 2).any()]
        if never and len(never) < len(tracks.skeleton.keypoints):
            _log.warning("%s: never seen by two agreeing views, so missing in 3D: %s.", name, ", ".join(never))
