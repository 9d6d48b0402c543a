"""From raw keypoints and scores to Detections: what is missing, how sure the rest is, and how large a person is."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from mocap3d.session.records import Detections, ViewId

SIGMA_OF_DIAGONAL = 0.015
"""One sigma of a keypoint of score 1, as share of its person's box diagonal; fusion finds the true scale later."""
SIGMA_PX = 4.0
"""The same where a person has no box (a single keypoint)."""


@dataclass(frozen=True, slots=True, eq=False)
class RawKeypoints:
    """Sightings as a foreign file holds them, in any order; a score that is not above 0 means missing."""

    keypoint_set: str
    frame: Int[np.ndarray, " n"]
    person: Int[np.ndarray, " n"]
    uv_px: Float[np.ndarray, "n k 2"]
    score: Float[np.ndarray, "n k"]
    n_frames: int
    box_px: Float[np.ndarray, "n 4"] | None = None


def build_detections(raw: RawKeypoints, view: ViewId) -> Detections:
    """Detections with one alternative per keypoint (m = 1); sightings without any keypoint are dropped.

    log_weight is the log of the score (above 1: 1). The covariance is isotropic, with a sigma of 1.5 % of the box
    diagonal divided by the score. Where the file has no box, it is the extent of the person's keypoints.
    """
    seen = (raw.score > 0) & np.logical_and.reduce(np.isfinite(raw.uv_px), axis=-1)
    order = np.argsort(raw.frame, kind="stable")
    order = order[seen.any(-1)[order]]
    seen = seen[order]
    uv_px = np.where(seen[..., None], raw.uv_px[order], np.nan)
    score = np.where(seen, np.minimum(raw.score[order], 1.0), np.nan)
    box_px = _boxes(uv_px, None if raw.box_px is None else raw.box_px[order])
    variance = (_sigma_px(box_px)[:, None] / score) ** 2
    return Detections(
        view=view,
        keypoint_set=raw.keypoint_set,
        frame=torch.from_numpy(raw.frame[order].astype(np.int64)),
        person=torch.from_numpy(raw.person[order].astype(np.int64)),
        box_px=torch.from_numpy(box_px),
        uv_px=torch.from_numpy(uv_px[:, :, None]),
        cov_px2=torch.from_numpy(variance[:, :, None, None, None] * np.eye(2)),
        log_weight=torch.from_numpy(np.where(seen, np.log(score), -np.inf)[..., None]),
        n_frames=raw.n_frames,
    )


def _boxes(uv_px: Float[np.ndarray, "n k 2"], box_px: Float[np.ndarray, "n 4"] | None) -> Float[np.ndarray, "n 4"]:
    """The file's boxes; where it has none, the extent of the keypoints; NaN for a person of one keypoint."""
    # fmin and fmax pass NaN over, and unlike nanmin they do not warn.
    extent = np.concatenate([np.fmin.reduce(uv_px, axis=1), np.fmax.reduce(uv_px, axis=1)], axis=-1)
    extent[(extent[:, :2] == extent[:, 2:]).all(-1)] = np.nan
    if box_px is None:
        return extent
    # Comparisons with NaN are false.
    known = (box_px[:, 2] > box_px[:, 0]) & (box_px[:, 3] > box_px[:, 1])
    return np.where(known[:, None], box_px, extent)


def _sigma_px(box_px: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    diagonal_px = np.hypot(box_px[:, 2] - box_px[:, 0], box_px[:, 3] - box_px[:, 1])
    return np.where(np.isfinite(diagonal_px), SIGMA_OF_DIAGONAL * diagonal_px, SIGMA_PX)
