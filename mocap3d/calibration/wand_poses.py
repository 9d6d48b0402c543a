"""Cameras placed by wands and single points: targets that have no pose of their own before one camera.

Two views that no board connects are set by the essential matrix, and their scale by the wand; every further view by
the points that are then known.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.calibration.corners import Corners, rigid_of, rows_of
from mocap3d.geometry.align import rigid_align
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.geometry.triangulate import triangulate

MIN_SHARED = 12
"""Points that a view must share with others to be placed by them."""
INLIER_PX = 4.0
"""Corners within this distance support a hypothesis."""
FIT_PX = 15.0
"""A target whose triangulated points are beyond this is not placed by them."""


@dataclass(frozen=True)
class Placed:
    """Cameras (c 12), targets (f 12; NaN where unknown), and the island of each camera."""

    cameras: Float[np.ndarray, "c 12"]
    poses: Float[np.ndarray, "f 12"]
    island: Int[np.ndarray, " c"]

    def main(self) -> Bool[np.ndarray, " c"]:
        """The cameras of the largest island."""
        names, counts = np.unique(self.island, return_counts=True)
        return self.island == names[int(np.argmax(counts))]

    def joined(self, view: int, cam_from_world: Float[np.ndarray, "12"]) -> "Placed":
        """With a view's whole island moved into the main one's world, where that view is ``cam_from_world``."""
        mine, main = self.island == self.island[view], self.main()
        old = rigid_of(self.cameras)
        old_from_new = old[view].inverse() @ rigid_of(cam_from_world[None])[0]
        cameras, island = self.cameras.copy(), self.island.copy()
        cameras[mine] = rows_of(old[torch.from_numpy(mine)] @ old_from_new)
        island[mine] = self.island[main][0]
        return replace(self, cameras=cameras, island=island)


@torch.no_grad()
def place_by_markers(corners: Corners, placed: Placed, lenses: list[Lens]) -> Placed:
    """Cameras, targets and islands, once the targets that have no pose of their own have had their say."""
    if np.isfinite(placed.poses).all() and (placed.island == placed.island[0]).all():
        return placed
    cv2.setRNGSeed(0)
    ray = corners.rays(lenses)
    if placed.main().sum() == 1:
        placed = _first_pair(corners, placed, lenses, ray)
    while True:
        placed = replace(placed, poses=_targets(corners, placed, lenses))
        following = _next_view(corners, placed, lenses, ray)
        if following is None:
            return placed
        placed = following


def _first_pair(corners: Corners, placed: Placed, lenses: list[Lens], ray: np.ndarray) -> Placed:
    """The two views that share most points, by the essential matrix; a wand's length sets their scale."""
    keys, best = corners.key, (0, 0, 0)
    usable = np.isfinite(ray[:, 0])
    for a, b in combinations(range(len(corners.views)), 2):
        shared = len(np.intersect1d(keys[usable & (corners.view_of == a)], keys[usable & (corners.view_of == b)]))
        best = max(best, (shared, -a, -b))
    if best[0] < MIN_SHARED:
        return placed
    a, b = -best[1], -best[2]
    in_a, in_b = (np.flatnonzero(usable & (corners.view_of == view)) for view in (a, b))
    _, at_a, at_b = np.intersect1d(keys[in_a], keys[in_b], return_indices=True)
    in_a, in_b = in_a[at_a], in_b[at_b]
    f_px = float(torch.cat([lenses[a].f_px, lenses[b].f_px]).mean())
    essential, inliers = cv2.findEssentialMat(ray[in_a], ray[in_b], np.eye(3), cv2.RANSAC, 0.9999, INLIER_PX / f_px)
    if essential is None or essential.shape != (3, 3):
        return placed
    n, rotation, translation, _ = cv2.recoverPose(essential, ray[in_a], ray[in_b], np.eye(3), mask=inliers)
    if n < MIN_SHARED:
        return placed
    b_from_a = Rigid(torch.from_numpy(rotation), torch.from_numpy(translation[:, 0]))
    scale = _scale(corners, in_a, in_b, [lenses[a], lenses[b]], b_from_a)
    a_from_world = rigid_of(placed.cameras)[a]
    b_from_world = Rigid(b_from_a.rotation, b_from_a.translation * scale) @ a_from_world
    return placed.joined(b, rows_of(b_from_world)[0]) if placed.main()[a] else _swapped(placed, a, b, b_from_world)


def _swapped(placed: Placed, a: int, b: int, b_from_world: Rigid) -> Placed:
    """The same for lone cameras, of which none is the main island: a's becomes it."""
    cameras, island = placed.cameras.copy(), placed.island.copy()
    cameras[b], island[b] = rows_of(b_from_world)[0], island[a]
    return replace(placed, cameras=cameras, island=island)


def _scale(corners: Corners, in_a: np.ndarray, in_b: np.ndarray, lenses: list[Lens], b_from_a: Rigid) -> float:
    """What the baseline must be multiplied with for wands to have their length; 1 if there are single points only."""
    cameras = [Camera(lens, pose, (1, 1)) for lens, pose in zip(lenses, (Rigid.identity(), b_from_a), strict=True)]
    uv_px = torch.from_numpy(np.stack([corners.uv_px[in_a], corners.uv_px[in_b]]))
    p_in_a = triangulate(uv_px, torch.ones_like(uv_px[..., 0]), cameras)[0].numpy()
    p_in_target, target_of = corners.p_in_target[in_a], corners.target_of[in_a]
    ratios = []
    for i in np.flatnonzero(np.diff(target_of) == 0):
        seen_m, true_m = (float(np.linalg.norm(p[i + 1] - p[i])) for p in (p_in_a, p_in_target))
        if seen_m > 0 and true_m > 0:
            ratios.append(true_m / seen_m)
    return float(np.nanmedian(ratios)) if ratios else 1.0


def _targets(corners: Corners, placed: Placed, lenses: list[Lens]) -> Float[np.ndarray, "f 12"]:
    """Poses of all targets, those still unknown laid upon the points that two placed views see."""
    poses, main = placed.poses.copy(), placed.main()
    unknown = np.isnan(poses).any(axis=1)
    wanted = np.asarray(unknown)[corners.target_of] & main[corners.view_of]
    if not wanted.any():
        return poses
    keys, column = np.unique(corners.key[wanted], return_inverse=True)
    members = np.flatnonzero(main)
    uv_px = torch.full((len(members), len(keys), 2), torch.nan, dtype=torch.float64)
    uv_px[np.searchsorted(members, corners.view_of[wanted]), column] = torch.from_numpy(corners.uv_px[wanted])
    cameras = [Camera(lenses[int(m)], rigid_of(placed.cameras)[int(m)], (1, 1)) for m in members]
    p_in_world = triangulate(uv_px, torch.ones_like(uv_px[..., 0]), cameras)[0]
    off_px = torch.stack(
        [(camera.project(p_in_world) - uv).norm(dim=-1) for camera, uv in zip(cameras, uv_px, strict=True)]
    )
    p_in_world[off_px.nan_to_num(0).amax(0) > FIT_PX] = torch.nan
    n_points = corners.n_points
    for target in np.unique(keys // n_points):
        mine = torch.from_numpy((keys // n_points == target) & p_in_world.isfinite().all(1).numpy())
        if mine.any():
            points = corners.sets[corners.target_set[target]].p_in_target[keys[mine.numpy()] % n_points]
            poses[target] = _laid_upon(points, p_in_world[mine])
    return poses


def _laid_upon(p_in_target: Float[Tensor, "n 3"], p_in_world: Float[Tensor, "n 3"]) -> Float[np.ndarray, "12"]:
    """The pose of a target by some of its points; turns that those leave open are not made."""
    if len(p_in_target) == 1:
        return rows_of(Rigid(torch.eye(3, dtype=torch.float64), p_in_world[0] - p_in_target[0]))[0]
    return rows_of(rigid_align(p_in_target, p_in_world))[0]


def _next_view(corners: Corners, placed: Placed, lenses: list[Lens], ray: np.ndarray) -> Placed | None:
    """With the view, and its island, that sees most of the placed targets' points; None if none sees enough."""
    main = placed.main()
    has_pose = np.asarray(~np.isnan(placed.poses).any(axis=1))
    known = has_pose[corners.target_of] & np.isfinite(ray[:, 0])
    # A target that only cameras of other islands have placed is not in this world.
    in_world = np.zeros(corners.n_targets, bool)
    in_world[corners.target_of[main[corners.view_of]]] = True
    known &= in_world[corners.target_of]
    counts = np.bincount(corners.view_of[known], minlength=len(main)) * ~main
    p_in_world = rigid_of(placed.poses[corners.target_of]).apply(torch.from_numpy(corners.p_in_target)).numpy()
    for view in np.argsort(-counts, kind="stable"):
        if counts[view] < MIN_SHARED:
            return None
        mine = known & (corners.view_of == view)
        try:
            found, rotvec, translation, inliers = cv2.solvePnPRansac(
                p_in_world[mine], ray[mine], np.eye(3), None, iterationsCount=200,
                reprojectionError=INLIER_PX / float(lenses[view].f_px.mean()), flags=cv2.SOLVEPNP_SQPNP,
            )  # fmt: skip
        except cv2.error:  # points all at one place
            continue
        if found and inliers is not None and len(inliers) >= MIN_SHARED:
            row = np.concatenate([cv2.Rodrigues(rotvec)[0].ravel(), translation.ravel()])
            return placed.joined(int(view), row)
    return None
