"""Where cameras stand by nothing but people seen at the same time: two views first, then view by view.

What a keypoint is called tells which pixels belong together, so no picture is matched. The size of the world is that of
the people as they come out: the first two cameras are 1 apart.
Sources: Nister (2004), five points; Terzakis and Lourakis (2020), SQPnP; Snavely et al. (2006), view by view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float

from mocap3d.calibration.people_adjust import adjusted
from mocap3d.calibration.people_points import median_px, moved_cameras, off_px, triangulated
from mocap3d.calibration.people_problem import N_OF_VIEW
from mocap3d.calibration.people_sightings import Sightings, spread
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import ViewId

MAX_MATCHES, MIN_MATCHES = 3000, 50
N_BODIES = 60
"""People at so many instants are enough to begin with."""
WIDE_RAD = 0.2
"""Rays that meet at a smaller angle fix depth badly."""
FIRST_PAIRS = 3
"""Pairs to begin with that are tried, until one explains the keypoints to about what they are worth."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views, and what they say of each other."""

    a: int
    b: int
    b_from_a: Rigid
    """The distance between them is 1."""
    share: float
    """Of the matches that agree with it."""
    in_front: float
    """Share of those that both views have before them."""
    angle_rad: float
    """Median angle between rays that meet."""
    n_matches: int

    @property
    def worth(self) -> float:
        """How good a pair this is to begin with."""
        return self.share * self.in_front * min(self.angle_rad / WIDE_RAD, 1.0) * min(self.n_matches / 1000, 1.0)


def poses_from_people(sightings: Sightings, cameras: Mapping[ViewId, Camera]) -> dict[ViewId, Camera]:
    """The cameras placed, in the frame of the one begun with. Their lenses are used, their poses are not."""
    few = spread(sightings, N_BODIES)
    rays = _rays(few, list(cameras.values()))
    pairs = [pair for a in range(len(rays)) for b in range(a + 1, len(rays))
             if (pair := _pair(rays[a], rays[b], a, b, _threshold(few, cameras, a, b))) is not None]  # fmt: skip
    if not pairs:
        raise CalibrationError(
            f"no two views saw the same {MIN_MATCHES} keypoints at the same time. Let somebody walk through where the "
            "pictures overlap, and check that the recordings are synchronised."
        )
    _check_mirrored(pairs, few.views)
    pairs.sort(key=lambda pair: (-pair.worth, pair.a, pair.b))
    best, least, lost = None, np.inf, few.views
    for pair in pairs[:FIRST_PAIRS]:
        placed = _grown(few, cameras, rays, pair)
        left_out = tuple(view for view in few.views if view not in placed)
        cost = _typical(few, placed) + 1e6 * len(left_out)
        if cost < least:
            best, least, lost = placed, cost, left_out
        if least < float(np.nanmedian(few.sigma_px)):
            break
    if best is None or lost:
        raise CalibrationError(
            f"the views {', '.join(lost)} could not be placed: too few of their keypoints agree with the other views. "
            "Check that they are synchronised and show the same people, and let these walk where all views see them."
        )
    return {view: best[view] for view in few.views}


def _rays(sightings: Sightings, cameras: Sequence[Camera]) -> list[Float[np.ndarray, "n k 2"]]:
    """Normalised image points; NaN where there is none."""
    rays = []
    for camera, uv_px, seen in zip(cameras, sightings.uv_px, sightings.seen, strict=True):
        ray = camera.lens.unproject(torch.from_numpy(uv_px)).numpy()[..., :2]
        rays.append(np.where(seen[..., None], ray, np.nan))
    return rays


def _threshold(sightings: Sightings, cameras: Mapping[ViewId, Camera], a: int, b: int) -> float:
    """How far off its epipolar line a match may be, normalised."""
    lenses = [cameras[sightings.views[v]].lens for v in (a, b)]
    return float(np.mean([2 * np.nanmedian(sightings.sigma_px[v]) / float(lens.f_px.mean())
                          for v, lens in zip((a, b), lenses, strict=True)]))  # fmt: skip


def _pair(ray_a: np.ndarray, ray_b: np.ndarray, a: int, b: int, threshold: float) -> Pair | None:
    both = np.isfinite(ray_a).all(-1) & np.isfinite(ray_b).all(-1)
    xa, xb = ray_a[both], ray_b[both]
    if len(xa) < MIN_MATCHES:
        return None
    chosen = np.unique(np.linspace(0, len(xa) - 1, MAX_MATCHES).round().astype(int))
    xa, xb = np.ascontiguousarray(xa[chosen]), np.ascontiguousarray(xb[chosen])
    cv2.setRNGSeed(0)
    essential, agrees = cv2.findEssentialMat(
        xa, xb, np.eye(3), method=cv2.RANSAC, prob=0.9999, threshold=threshold, maxIters=2000
    )
    if essential is None or essential.shape[0] < 3:
        return None
    n_agreeing = int(agrees.sum())
    n_front, rotation, shift, _ = cv2.recoverPose(essential[:3], xa, xb, np.eye(3), mask=agrees.copy())
    inlier = agrees[:, 0] > 0
    toward_a = np.c_[xa[inlier], np.ones(n_agreeing)] @ rotation.T
    toward_b = np.c_[xb[inlier], np.ones(n_agreeing)]
    cosine = (toward_a * toward_b).sum(1) / np.linalg.norm(toward_a, axis=1) / np.linalg.norm(toward_b, axis=1)
    angle = float(np.median(np.arccos(np.clip(cosine, -1, 1)))) if n_agreeing else 0.0
    pose = Rigid(torch.from_numpy(rotation.copy()), torch.from_numpy(shift[:, 0].copy()))
    return Pair(a, b, pose, n_agreeing / len(xa), n_front / max(n_agreeing, 1), angle, len(chosen))


def _check_mirrored(pairs: Sequence[Pair], views: Sequence[ViewId]) -> None:
    """Refuses a view that fits the others' epipolar lines only with people behind the cameras: it is mirrored."""
    for v, view in enumerate(views):
        own = [pair for pair in pairs if v in (pair.a, pair.b) and pair.share > 0.5]
        others = [pair for pair in pairs if v not in (pair.a, pair.b) and pair.share > 0.5]
        if len(own) < 2 or not others:
            continue
        if max(pair.in_front for pair in own) < 0.7 and min(pair.in_front for pair in others) > 0.9:
            raise CalibrationError(
                f"view '{view}' fits the others well, but only with people behind the cameras: a mirror image. Switch "
                "mirroring off in its camera or recording program, and film again (or flip its video)."
            )


def _grown(
    sightings: Sightings, cameras: Mapping[ViewId, Camera], rays: Sequence[np.ndarray], pair: Pair
) -> dict[ViewId, Camera]:
    """All views that can be placed, beginning with a pair; adjusted after each."""
    poses = {pair.a: Rigid.identity(), pair.b: pair.b_from_a}
    placed = _adjusted(sightings, _with_poses(sightings, cameras, poses))
    while len(placed) < len(sightings.views):
        known = [sightings.views.index(view) for view in placed]
        sub = sightings.of_views(known)
        points = triangulated(sub, list(placed.values()), noise=3.0)
        missing = [v for v in range(len(rays)) if v not in known]
        options = [(found[1], -v, found[0]) for v in missing
                   if (found := _resected(points, rays[v], _focal(cameras, sightings, v)))]  # fmt: skip
        if not options:
            return placed
        _, v, pose = max(options, key=lambda option: option[:2])
        view = sightings.views[-v]
        placed = _adjusted(sightings, placed | {view: replace(cameras[view], cam_from_world=pose)})
    return placed


def _focal(cameras: Mapping[ViewId, Camera], sightings: Sightings, v: int) -> float:
    return float(cameras[sightings.views[v]].lens.f_px.mean())


def _with_poses(
    sightings: Sightings, cameras: Mapping[ViewId, Camera], poses: Mapping[int, Rigid]
) -> dict[ViewId, Camera]:
    return {sightings.views[v]: replace(cameras[sightings.views[v]], cam_from_world=pose)
            for v, pose in sorted(poses.items())}  # fmt: skip


def _resected(
    points: Float[np.ndarray, "n k 3"], ray: Float[np.ndarray, "n k 2"], f_px: float
) -> tuple[Rigid, int] | None:
    """Pose of a view by known points, and how many agree with it."""
    both = np.isfinite(points).all(-1) & np.isfinite(ray).all(-1)
    if both.sum() < MIN_MATCHES:
        return None
    cv2.setRNGSeed(0)
    try:
        found, rotvec, shift, agrees = cv2.solvePnPRansac(
            points[both], ray[both], np.eye(3), None, reprojectionError=15 / f_px, iterationsCount=1000,
            confidence=0.9999, flags=cv2.SOLVEPNP_SQPNP,
        )  # fmt: skip
    except cv2.error:  # points all at one place
        return None
    if not found or agrees is None or len(agrees) < MIN_MATCHES / 2:
        return None
    rotation = torch.from_numpy(cv2.Rodrigues(rotvec)[0])
    return Rigid(rotation, torch.from_numpy(shift.reshape(3).copy())), len(agrees)


def _adjusted(sightings: Sightings, placed: Mapping[ViewId, Camera]) -> dict[ViewId, Camera]:
    rows = [sightings.views.index(view) for view in placed]
    free = np.zeros((len(rows), N_OF_VIEW), bool)
    free[1:, :6] = True
    sub = sightings.of_views(rows)
    sub = sub.of_bodies(np.asarray(sub.shared.any(1)))
    fitted = adjusted(sub, list(placed.values()), free, np.full(free.shape, np.inf), with_limbs=False)
    return moved_cameras(fitted.x, placed)


def _typical(sightings: Sightings, placed: Mapping[ViewId, Camera]) -> float:
    """Median distance of sightings from their points, px."""
    sub = sightings.of_views([sightings.views.index(view) for view in placed])
    return median_px(off_px(sub, list(placed.values())))
