"""Calibrations by aniposelib or Caliscope, in an interpreter of their own: corners in, cameras out."""

import json
import sys
import time
from collections.abc import Callable
from itertools import combinations

import cv2
import numpy as np

CORNER_M = 0.0005
"""How rigid Caliscope is told that the board is."""


def board_poses(data: dict) -> tuple[np.ndarray, np.ndarray]:
    """Of every view and instant (v t 3), by cv2.solvePnP; NaN where too few corners were seen."""
    v, t = data["uv_px"].shape[:2]
    rotvecs, shifts = np.full((v, t, 3), np.nan), np.full((v, t, 3), np.nan)
    for a, b in np.ndindex(v, t):
        seen = np.isfinite(data["uv_px"][a, b, :, 0])
        if seen.sum() >= 6:
            uv_px = np.ascontiguousarray(data["uv_px"][a, b, seen])
            found, rotvec, shift = cv2.solvePnP(data["points"][seen], uv_px, data["matrix"][a], data["distortion"][a])
            if found:
                rotvecs[a, b], shifts[a, b] = rotvec[:, 0], shift[:, 0]
    return rotvecs, shifts


def aniposelib(data: dict, *, second_radial: bool) -> Callable[[], dict]:
    """``bundle_adjust_iter`` with its defaults, from the same lenses and poses as ours."""
    from aniposelib.cameras import Camera, CameraGroup

    uv_px, (v, t, k) = data["uv_px"], data["uv_px"].shape[:3]
    rotvecs, shifts = (np.repeat(each[:, :, None], k, 2).reshape(v, t * k, 3) for each in board_poses(data))
    flat = uv_px.reshape(v, t * k, 2).copy()
    # It draws a camera at random for each board's pose: only views that have one may stay.
    flat[~np.isfinite(rotvecs[..., 0])] = np.nan
    keep = np.isfinite(flat[..., 0]).sum(0) >= 2
    extra = {
        "objp": np.tile(data["points"], (t, 1))[keep],
        "ids": np.repeat(np.arange(t), k)[keep],
        "rvecs": rotvecs[:, keep],
        "tvecs": shifts[:, keep],
    }
    cameras = [
        Camera(
            matrix=data["matrix"][c].copy(), dist=data["distortion"][c].copy(), size=tuple(data["size_px"][c].tolist()),
            rvec=cv2.Rodrigues(data["rotation"][c])[0][:, 0], tvec=data["translation"][c].copy(), name=str(c),
            extra_dist=second_radial,
        )
        for c in range(v)
    ]  # fmt: skip
    group = CameraGroup(cameras)
    group.copy().triangulate(flat[:, keep][:, :50])  # compiles what it compiles
    np.random.seed(0)  # noqa: NPY002, its generator

    def run() -> dict:
        group.bundle_adjust_iter(flat[:, keep], extra)
        return {
            "matrix": np.stack([np.asarray(camera.matrix) for camera in group.cameras]),
            "distortion": np.stack([np.resize(np.r_[camera.dist, np.zeros(5)], 5) for camera in group.cameras]),
            "rotation": np.stack([cv2.Rodrigues(np.asarray(camera.rvec))[0] for camera in group.cameras]),
            "translation": np.stack([np.asarray(camera.tvec) for camera in group.cameras]),
        }

    return run


def caliscope(data: dict, *, refine: bool, distances: bool) -> Callable[[], dict]:
    """Its whole way to extrinsics: ``bootstrap`` and ``optimize``, as its program calls them."""
    import logging

    import pandas as pd
    from caliscope.api import CameraArray, CameraData, CaptureVolume, ConstraintSet, ImagePoints
    from caliscope.core.constraints import DistanceConstraint

    logging.disable(logging.CRITICAL)
    uv_px = data["uv_px"]
    v, t, k = np.nonzero(np.isfinite(uv_px[..., 0]))
    order = np.lexsort((k, v, t))
    v, t, k = v[order], t[order], k[order]
    place = data["points"][k]
    table = pd.DataFrame({
        "sync_index": t, "cam_id": v, "frame_index": t, "frame_time": t / 30.0, "object_id": 0, "keypoint_id": k,
        "img_loc_x": uv_px[v, t, k, 0], "img_loc_y": uv_px[v, t, k, 1],
        "obj_loc_x": place[:, 0], "obj_loc_y": place[:, 1], "obj_loc_z": place[:, 2],
    })  # fmt: skip
    pairs = [
        DistanceConstraint(0, a, 0, b, float(np.linalg.norm(data["points"][a] - data["points"][b])), CORNER_M)
        for a, b in combinations(range(len(data["points"])), 2)
    ]
    known = ConstraintSet(distances=tuple(pairs), static_object_ids=frozenset()) if distances else None

    def run() -> dict:
        cameras = CameraArray({
            c: CameraData(cam_id=c, size=tuple(data["size_px"][c].tolist()), matrix=data["matrix"][c].copy(),
                          distortions=data["distortion"][c].copy())
            for c in range(len(uv_px))
        })  # fmt: skip
        volume = CaptureVolume.bootstrap(ImagePoints(table), cameras, constraints=known)
        volume = volume.optimize(refine_intrinsics=refine, strict=False, max_nfev=200)
        found = [volume.camera_array.cameras[c] for c in range(len(uv_px))]
        return {
            "matrix": np.stack([camera.matrix for camera in found]),
            "distortion": np.stack(
                [np.resize(np.r_[np.ravel(camera.distortions), np.zeros(5)], 5) for camera in found]
            ),
            "rotation": np.stack([camera.rotation for camera in found]),
            "translation": np.stack([np.ravel(camera.translation) for camera in found]),
        }

    return run


ENGINES: dict[str, Callable[[dict], Callable[[], dict]]] = {
    "aniposelib bundle_adjust_iter (f, k1)": lambda data: aniposelib(data, second_radial=False),
    "aniposelib bundle_adjust_iter (f, k1, k2)": lambda data: aniposelib(data, second_radial=True),
    "caliscope, lenses as they are": lambda data: caliscope(data, refine=False, distances=False),
    "caliscope, lenses refined": lambda data: caliscope(data, refine=True, distances=False),
    "caliscope, lenses refined, all distances": lambda data: caliscope(data, refine=True, distances=True),
}


def main(corners: str, engine: str, out: str) -> None:
    """Times one engine: CPU and wall seconds of the calls, imports and conversion not counted."""
    data = dict(np.load(corners))
    run = ENGINES[engine](data)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    found = run()
    timing = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s}
    np.savez(out, **found)
    print("TIMING " + json.dumps(timing), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
