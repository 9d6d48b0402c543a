"""Which sightings of a board to calibrate with: such that add something, and are sharp.

Every sighting covers bins of what a calibration needs to see: cells of the picture, tilts, distances, and pairs of
cameras. Frames are taken one by one, always the one that adds most to bins that few have filled yet, weighted by how
well its corners are known and how still the board was held. No chance is involved: ties go to the earlier frame.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.session.records import TargetObservations

CELLS = (8, 6)
"""Across and down the picture."""
TILTS_DEG = (15.0, 40.0)
"""Below the first the board faces the camera; tilts beyond are told apart by their direction, in quarters."""
N_TILTS, N_SIZES = 9, 6
STILL_SHARE = 0.15
"""A board that crosses this share of the picture in a second counts half: rolling shutters bend it."""
SIGMA_PX = 0.05
"""Corners as uncertain as this count about half."""


@dataclass(frozen=True)
class SelectOptions:
    """How many frames to take."""

    per_view: int = 60
    """Frames of each view at most: more take longer and add little."""
    min_points: int = 6
    """Fewer points of a board say little."""

    def __post_init__(self):
        if self.per_view < 1 or self.min_points < 1:
            raise ValueError("per_view and min_points must be at least 1.")


def select(observations: TargetObservations, options: SelectOptions | None = None) -> Int[Tensor, " s"]:
    """The instants worth calibrating with, in their order of time."""
    options = options or SelectOptions()
    if not len(observations.t_s):
        return torch.zeros(0, dtype=torch.long)
    bins = _bins(observations)
    usable = np.isfinite(observations.sigma_px.numpy()).sum(axis=2) >= min(
        options.min_points, len(observations.p_in_target)
    )
    quality = np.where(usable, _quality(observations), 0.0)
    pairs = list(combinations(range(len(observations.views)), 2))
    filled, filled_pairs = np.zeros((bins.shape[0], bins.shape[2])), np.zeros(max(len(pairs), 1))
    taken: list[int] = []
    for _ in range(bins.shape[1]):
        has_room = usable[:, taken].sum(axis=1) < options.per_view
        value = quality * has_room[:, None]
        gain = np.einsum("vt,vtb,vb->t", value, bins, 1 / (1 + filled))
        for p, (a, b) in enumerate(pairs):
            gain += bins.shape[2] / 10 * np.sqrt(value[a] * value[b]) / (1 + filled_pairs[p])
        gain[taken] = 0
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        taken.append(best)
        filled += bins[:, best] & usable[:, best, None]
        filled_pairs += [usable[a, best] and usable[b, best] for a, b in pairs] or [0]
    return torch.tensor(sorted(taken), dtype=torch.long)


def _bins(observations: TargetObservations) -> Bool[np.ndarray, "v t b"]:
    """What each sighting covers: cells of the picture, tilts (facing, four ways, steeply so), and sizes by halves."""
    across, down = CELLS
    uv_px, xyz = observations.uv_px.numpy(), observations.p_in_target.numpy()
    bins = np.zeros((*uv_px.shape[:2], across * down + N_TILTS + N_SIZES), bool)
    for v, view in enumerate(observations.views):
        size_px = np.array(observations.size_px[view], float)
        for t in range(uv_px.shape[1]):
            seen = np.isfinite(uv_px[v, t, :, 0])
            if not seen.any():
                continue
            cell = np.clip((uv_px[v, t, seen] + 0.5) / size_px * CELLS, 0, np.array(CELLS) - 1).astype(int)
            bins[v, t, cell[:, 1] * across + cell[:, 0]] = True
            if seen.sum() >= 4 and np.ptp(xyz[seen, 2]) == 0:
                tilt, size = _tilt(xyz[seen, :2], uv_px[v, t, seen]), np.ptp(uv_px[v, t, seen], axis=0) / size_px
                bins[v, t, across * down + tilt] = True
                nearness = min(N_SIZES - 1, max(0, round(-math.log2(max(float(size.max()), 1e-3)))))
                bins[v, t, across * down + N_TILTS + nearness] = True
    return bins


def _tilt(xy: Float[np.ndarray, "n 2"], uv_px: Float[np.ndarray, "n 2"]) -> int:
    """Bin of a flat board's slant: foreshortened across or along, and which side is nearer."""
    centred, seen = xy - xy.mean(axis=0), uv_px - uv_px.mean(axis=0)
    flat, *_ = np.linalg.lstsq(centred, seen, rcond=None)
    axes, stretch, _ = np.linalg.svd(flat.T)
    slant_deg = math.degrees(math.acos(min(1.0, stretch[1] / max(stretch[0], 1e-12))))
    if slant_deg < TILTS_DEG[0]:
        return 0
    # The nearer half is shown larger: what a plane's affine picture leaves grows towards the far side.
    short = axes[:, 1]
    bulge = seen - centred @ flat
    along = seen @ short
    nearer = float((bulge @ short * (along**2 - (along**2).mean())).sum())
    way = short * (1 if nearer >= 0 else -1)
    quarter = (0 if way[0] < 0 else 1) if abs(way[0]) > abs(way[1]) else (2 if way[1] < 0 else 3)
    return 1 + quarter + (4 if slant_deg > TILTS_DEG[1] else 0)


def _quality(observations: TargetObservations) -> Float[np.ndarray, "v t"]:
    """From 0 to 1: share of the points that are seen, their sharpness, and how still the board is."""
    sigma_px = observations.sigma_px.numpy()
    seen = np.isfinite(sigma_px)
    total = np.maximum(seen.sum(axis=2).max(axis=1, keepdims=True), 1)
    sharp = np.where(seen, 1 / (1 + (np.where(seen, sigma_px, 0) / SIGMA_PX) ** 2), 0).sum(axis=2)
    sharp = sharp / np.maximum(seen.sum(axis=2), 1)
    widths = np.array([observations.size_px[view][0] for view in observations.views], float)[:, None]
    return seen.sum(axis=2) / total * sharp / (1 + _speed_px_s(observations) / (STILL_SHARE * widths))


def _speed_px_s(observations: TargetObservations) -> Float[np.ndarray, "v t"]:
    """How fast the board moves, from the looks before and after within half a second; 0 where there are none."""
    uv_px, t_s = observations.uv_px.numpy(), observations.t_s.numpy()
    speed = np.zeros(uv_px.shape[:2])
    dt = np.diff(t_s)
    for i in np.flatnonzero((dt > 0) & (dt < 0.5)):
        step = np.linalg.norm(uv_px[:, i + 1] - uv_px[:, i], axis=-1)
        both = np.isfinite(step)
        rate = np.where(both, step, 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1) / dt[i]
        speed[:, i], speed[:, i + 1] = np.maximum(speed[:, i], rate), np.maximum(speed[:, i + 1], rate)
    return speed
