"""Our methods, each from 2D points to 3D points, as the workers' protocol wants them."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from jobs import Method, Prepare, serve

from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.points import PointsOptions, triangulate_tracks
from mocap3d.session.records import CalibratedRig, Tracks2D
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.synthesis.workload import Workload, ring_of_cameras

WARM_FRAMES = 600  # more than a window: a shorter piece would leave code uncompiled
Data = Mapping[str, np.ndarray]


def tracks_and_rig(data: Data, n_frames: int | None) -> tuple[Tracks2D, CalibratedRig]:
    """What the workload file holds, up to a frame, as records."""
    rig = ring_of_cameras(int(data["n_cams"]), seed=int(data["seed"]))
    uv_px, score = (np.ascontiguousarray(data[name][:, :n_frames]) for name in ("uv_px", "score"))
    unknown = np.full((*uv_px.shape[1:3], 3), np.nan), np.zeros(score.shape, bool)
    rate = Fraction(float(data["fps"])).limit_denominator(1001)
    workload = Workload(unknown[0], uv_px, score, unknown[1], rig, load_skeleton("halpe26"), rate)
    return workload.tracks(), rig


def triangulated(tracks: Tracks2D, rig: CalibratedRig, _settings: dict) -> np.ndarray:
    """Every instant for itself."""
    return triangulate_tracks(tracks, rig, PointsOptions()).p_in_world[:, 0].numpy()


def fitted(tracks: Tracks2D, rig: CalibratedRig, settings: dict) -> np.ndarray:
    """The whole sequence, its triangulation included."""
    points = triangulate_tracks(tracks, rig, PointsOptions())
    options = FitOptions(threads=1, **settings)
    return fit_sequence(tracks, rig, points, options=options).p_in_world[:, 0].numpy()


def warmed(solve: Callable[[Tracks2D, CalibratedRig, dict], np.ndarray]) -> Prepare:
    """The method on the whole workload, after one run on its first frames that compiles everything."""

    def prepare(data: Data, settings: dict) -> Method:
        solve(*tracks_and_rig(data, WARM_FRAMES), settings)
        return partial(solve, *tracks_and_rig(data, None), settings)

    return prepare


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve({"mocap3d triangulation": warmed(triangulated), "mocap3d fit": warmed(fitted)})
