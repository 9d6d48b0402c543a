"""Whether targets come out rigid and at their true size: every corner triangulated on its own, by the cameras alone."""

from collections.abc import Sequence

import numpy as np
import torch

from mocap3d.calibration.corners import Corners
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.triangulate import triangulate

MAX_POINTS = 1500
"""Corners that are triangulated, of targets evenly spread over the recording."""


def rigidity(corners: Corners, cameras: Sequence[Camera]) -> tuple[float, float]:
    """Root mean square (m) by which distances between a target's triangulated corners miss the true ones, and their
    mean ratio; NaN where no two views share corners."""
    n_points = corners.n_points
    keys, column, seen = np.unique(corners.key, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(seen >= 2)
    targets = np.unique(keys[shared] // n_points)
    step = max(1, -(-len(shared) // MAX_POINTS))
    wanted = shared[np.isin(keys[shared] // n_points, targets[::step])]
    place = np.full(len(keys), -1)
    place[wanted] = np.arange(len(wanted))
    mine = place[column] >= 0
    uv_px = torch.full((len(cameras), len(wanted), 2), torch.nan, dtype=torch.float64)
    uv_px[corners.view_of[mine], place[column[mine]]] = torch.from_numpy(corners.uv_px[mine])
    with torch.no_grad():
        p_in_world = triangulate(uv_px, torch.ones_like(uv_px[..., 0]), cameras)[0].numpy()
    return _against_truth(corners, keys[wanted] // n_points, keys[wanted] % n_points, p_in_world)


def _against_truth(
    corners: Corners, target_of: np.ndarray, point_of: np.ndarray, p_in_world: np.ndarray
) -> tuple[float, float]:
    """Of all distances within each target."""
    squares, ratio, n = 0.0, 0.0, 0
    for target in np.unique(target_of):
        mine = (target_of == target) & np.isfinite(p_in_world).all(1)
        true = corners.sets[corners.target_set[target]].p_in_target.numpy()[point_of[mine]]
        first, second = np.triu_indices(int(mine.sum()), 1)
        found_m, true_m = (np.linalg.norm(p[first] - p[second], axis=1) for p in (p_in_world[mine], true))
        apart = true_m > 0  # the two sides of a thin board share their corners' places
        squares += float(((found_m - true_m)[apart] ** 2).sum())
        ratio += float((found_m[apart] / true_m[apart]).sum())
        n += int(apart.sum())
    return (float(np.sqrt(squares / n)), ratio / n) if n else (float("nan"), float("nan"))
