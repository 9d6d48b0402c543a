"""The peers' methods, as their own environment runs them: meets numpy, aniposelib and Pose2Sim, never mocap3d."""

import logging
from collections.abc import Mapping

import numpy as np
from jobs import Method, serve

WARM_FRAMES = 48
P2S_MIN_SCORE, P2S_GAP_FRAMES = 0.3, 20
P2S_CONFIG = {"triangulation": {"reproj_error_threshold_triangulation": 15, "min_cameras_for_triangulation": 2}}
Data = Mapping[str, np.ndarray]


def anipose_cameras(data: Data):
    """The rig as aniposelib's CameraGroup."""
    from aniposelib.cameras import Camera, CameraGroup

    names = ("matrix", "distortion", "size_px", "rvec", "tvec")
    parts = zip(*(data[name] for name in names), strict=True)
    cameras = [
        Camera(matrix=matrix, dist=distortion, size=tuple(size.tolist()), rvec=rvec, tvec=tvec, name=f"cam{n}")
        for n, (matrix, distortion, size, rvec, tvec) in enumerate(parts)
    ]
    return CameraGroup(cameras)


def confident(data: Data, min_score: float) -> np.ndarray:
    """Pixels (v t k 2), NaN where the score is less."""
    return np.where((data["score"] >= min_score)[..., None], data["uv_px"], np.nan)


def anipose_triangulate(data: Data, settings: dict) -> Method:
    """Plain linear triangulation of every point."""
    group, uv_px = anipose_cameras(data), confident(data, settings["conf"])
    flat = uv_px.reshape(len(uv_px), -1, 2)
    group.triangulate(flat)  # jax compiles anew for every shape
    return lambda: group.triangulate(flat).reshape(*uv_px.shape[1:3], 3)


def anipose_optim(data: Data, settings: dict) -> Method:
    """The whole sequence at once, with constant lengths of the given pairs of keypoints."""
    options = {name: value for name, value in settings.items() if name not in ("conf", "pairs")}
    group, uv_px, pairs = anipose_cameras(data), confident(data, settings["conf"]), data[settings["pairs"]]
    group.triangulate_optim(uv_px[:, :WARM_FRAMES], constraints=pairs, **options)
    group.triangulate(uv_px.reshape(len(uv_px), -1, 2))
    return lambda: group.triangulate_optim(uv_px, constraints=pairs, **options)


def pose2sim_triangulate(data: Data, _settings: dict) -> Method:
    """The loop of triangulate_all over frames and keypoints, with its defaults, without reading and writing its files.

    The pixels come undistorted exactly: Pose2Sim's own undistortion is less exact.
    """
    logging.disable(logging.CRITICAL)
    import pandas as pd
    from Pose2Sim.common import interpolate_zeros_nans
    from Pose2Sim.triangulation import triangulation_from_best_cameras

    projections = list(data["matrix"] @ np.concatenate([data["rotation"], data["tvec"][..., None]], axis=2))
    uv_px, score = data["uv_straight_px"], data["score"]
    seen = np.where(score >= P2S_MIN_SCORE, np.stack([uv_px[..., 0], uv_px[..., 1], score]), np.nan)

    def run(seen: np.ndarray) -> np.ndarray:
        points = np.full((*seen.shape[2:], 3), np.nan)
        for t, k in np.ndindex(*seen.shape[2:]):
            x_y_score = seen[:, :, t, k]
            points[t, k] = triangulation_from_best_cameras(P2S_CONFIG, x_y_score, x_y_score, projections, None)[0]
        table = pd.DataFrame(points.reshape(len(points), -1))
        table = table.apply(interpolate_zeros_nans, axis=0, args=[P2S_GAP_FRAMES, "linear"])
        return table.ffill(axis=0).bfill(axis=0).to_numpy().reshape(points.shape)

    run(seen[:, :, :WARM_FRAMES])
    return lambda: run(seen)


if __name__ == "__main__":
    serve(
        {
            "aniposelib triangulate": anipose_triangulate,
            "aniposelib triangulate_optim": anipose_optim,
            "pose2sim triangulation": pose2sim_triangulate,
        }
    )
