"""SLEAP's analysis HDF5: tracks, scores and names of one video.

Source: sleap-io's analysis_h5 (its docstring) and SLEAP's own export.
"""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from mocap3d.detection.foreign.build import RawKeypoints, build_detections
from mocap3d.detection.foreign.frames import single_file
from mocap3d.detection.foreign.keypoint_sets import set_of_names
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, ViewId

AXES = ("frame", "track", "node", "xy")
_WRITTEN = {4: ("track", "xy", "node", "frame"), 3: ("track", "node", "frame")}
"""SLEAP's order by number of dimensions (reversed, for MATLAB); sleap-io may choose another and then states it."""


def read_sleap(path: Path, view: ViewId, *, skeleton: str | None = None) -> Detections:
    """One view; nodes are matched to a skeleton table by name, points without a score (set by hand) score 1."""
    file = single_file(path, (".h5", ".hdf5"))
    try:
        with h5py.File(file) as h5:
            names, points, score = _contents(h5)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DetectionError(
            f"{file} is no SLEAP analysis file ({error}). Export one from SLEAP: File > Export Analysis HDF5."
        ) from None
    table, positions = set_of_names(names, skeleton, str(file))
    n_frames, n_tracks = points.shape[:2]
    ordered = np.full((n_frames, n_tracks, len(positions), 3), np.nan)
    for n, position in enumerate(positions):
        if position is not None:
            ordered[:, :, n, :2], ordered[:, :, n, 2] = points[:, :, position], score[:, :, position]
    raw = RawKeypoints(
        keypoint_set=table.name,
        frame=np.repeat(np.arange(n_frames), n_tracks),
        person=np.tile(np.arange(n_tracks), n_frames),
        uv_px=ordered[..., :2].reshape(-1, len(positions), 2),
        score=ordered[..., 2].reshape(-1, len(positions)),
        n_frames=n_frames,
    )
    return build_detections(raw, view)


def _contents(h5: Any) -> tuple[list[str], Float[np.ndarray, "f t n 2"], Float[np.ndarray, "f t n"]]:
    """Names of the nodes, points, and scores of the points: 1 for those that have none."""
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in h5["node_names"][:]]
    points = _in_order(h5["tracks"])
    if points.ndim != 4 or points.shape[2:] != (len(names), 2):
        raise ValueError(f"tracks has the shape {h5['tracks'].shape} for {len(names)} nodes")
    if "point_scores" not in h5:
        return names, points, np.ones(points.shape[:3])
    score = _in_order(h5["point_scores"])
    if score.shape != points.shape[:3]:
        raise ValueError(f"point_scores has the shape {h5['point_scores'].shape}, tracks {h5['tracks'].shape}")
    return names, points, np.where(np.isfinite(score), score, 1.0)


def _in_order(dataset: Any) -> Float[np.ndarray, "..."]:
    """A dataset with its axes in the order frame, track, node(, xy)."""
    stated = dataset.attrs.get("dims")
    axes = _WRITTEN[dataset.ndim] if stated is None else tuple(json.loads(stated))
    return np.transpose(dataset[:], [axes.index(axis) for axis in AXES[: dataset.ndim]]).astype(np.float64)
