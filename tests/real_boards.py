"""Corners of real boards, found by plain OpenCV calls: the solvers are judged on them, whatever our detector does."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from mocap3d.session.records import TargetObservations
from mocap3d.synthesis.boards import board_points


def chessboards(
    pictures: Mapping[str, Sequence[Path]], columns: int, rows: int, square_m: float, *, window_px: int | None = None
) -> TargetObservations:
    """Pictures of every view in step; by the sector-based detector, or by the old one and ``cornerSubPix``."""
    views, n = tuple(pictures), max(len(paths) for paths in pictures.values())
    uv_px, size_px = np.full((len(views), n, rows * columns, 2), np.nan), {}
    for v, paths in enumerate(pictures.values()):
        for t, path in enumerate(paths):
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            size_px[views[v]] = grey.shape[1], grey.shape[0]
            found, corners = _corners(grey, (columns, rows), window_px)
            if found:
                uv_px[v, t] = corners.reshape(-1, 2)
    return _observations("chessboard", board_points(columns, rows, square_m), views, size_px, uv_px)


def _corners(grey: np.ndarray, pattern: tuple[int, int], window_px: int | None):
    if window_px is None:
        flags = cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_NORMALIZE_IMAGE
        return cv2.findChessboardCornersSB(grey, pattern, flags=flags)
    found, corners = cv2.findChessboardCorners(grey, pattern)
    if found:
        corners = cv2.cornerSubPix(grey, corners, (window_px, window_px), (-1, -1), (3, 60, 1e-4))
    return found, corners


def charuco_table(path: Path, size_px: tuple[int, int]) -> TargetObservations:
    """Corners as Caliscope found them and wrote them to a table."""
    with path.open(encoding="utf-8") as file:
        rows = [
            [float(row[key]) for key in ("cam_id", "sync_index", "keypoint_id", "img_loc_x", "img_loc_y")]
            + [float(row["obj_loc_x"]), float(row["obj_loc_y"])]
            for row in csv.DictReader(file)
        ]
    table = np.array(rows)
    cams, v = np.unique(table[:, 0], return_inverse=True)
    instants, t = np.unique(table[:, 1], return_inverse=True)
    k = table[:, 2].astype(int)
    points, uv_px = np.zeros((k.max() + 1, 3)), np.full((len(cams), len(instants), k.max() + 1, 2), np.nan)
    points[k, :2], uv_px[v, t, k] = table[:, 5:], table[:, 3:5]
    views = tuple(f"cam{int(cam)}" for cam in cams)
    return _observations("charuco", torch.from_numpy(points), views, dict.fromkeys(views, size_px), uv_px)


def _observations(name, points, views, size_px, uv_px) -> TargetObservations:
    pixels = torch.from_numpy(uv_px)
    found = pixels.isfinite().all(-1)
    n = pixels.shape[1]
    return TargetObservations(
        name=name,
        p_in_target=points,
        views=views,
        size_px=size_px,
        t_s=torch.full((n,), torch.nan, dtype=torch.float64),
        frame=torch.where(found.any(-1), torch.arange(n).expand(len(views), n), -1),
        uv_px=pixels,
        sigma_px=torch.where(found, 0.2, torch.nan).double(),
    )
