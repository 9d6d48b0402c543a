"""The scenes of the benchmark, written down for both environments, and the error of points against their truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mocap3d.geometry.rigid import rotvec_from_rotation
from mocap3d.synthesis.workload import Workload, WorkloadOptions, make_workload

CONDITIONS = {
    "standard": WorkloadOptions(),
    "3 cameras": WorkloadOptions(n_cams=3),
    "4 cameras": WorkloadOptions(n_cams=4),
    "16 cameras": WorkloadOptions(n_cams=16),
    "15 % outliers": WorkloadOptions(outliers=0.15),
    "white noise": WorkloadOptions(noise_corr=0.0),
    "30 Hz": WorkloadOptions(fps=30.0),
    "120 Hz": WorkloadOptions(fps=120.0),
}
"""What the accuracy must hold for; 8 cameras are the standard."""


@dataclass(frozen=True, slots=True)
class Error:
    """Of all points of a sequence; points that a method left out are bridged linearly in time first."""

    mpjpe_mm: float
    """Mean distance to the truth."""
    p99_mm: float
    acceleration_m_s2: float
    """Root mean square of the second differences of the error."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One workload as a file for the workers, and its truth."""

    path: Path
    options: WorkloadOptions
    p_in_world: np.ndarray
    """(t k 3)"""

    def error(self, p_in_world: np.ndarray) -> Error:
        """How far points (t k 3) are from the truth."""
        offset_m = _bridged(p_in_world) - self.p_in_world
        distance_mm = 1e3 * np.linalg.norm(offset_m, axis=-1)
        acceleration = np.diff(offset_m, n=2, axis=0) * self.options.fps**2
        rms = np.sqrt(np.mean(np.sum(acceleration**2, axis=-1)))
        return Error(float(distance_mm.mean()), float(np.percentile(distance_mm, 99)), float(rms))


def make_scene(options: WorkloadOptions, folder: Path, *, straighten: bool = False) -> Scene:
    """Draws the workload and writes it, in plain arrays, into the folder; with straightened pixels for Pose2Sim."""
    workload = make_workload(options)
    path = folder / f"{'_'.join(f'{value:g}' for value in _values(options))}.npz"
    arrays = {"uv_px": workload.uv_px, "score": workload.score} | _pairs(workload) | _cameras(workload)
    if straighten:
        arrays["uv_straight_px"] = np.stack(_straightened(workload))
    np.savez(path, allow_pickle=False, n_cams=options.n_cams, seed=options.seed, fps=options.fps, **arrays)
    return Scene(path, options, workload.p_in_world)


def _values(options: WorkloadOptions) -> list[float]:
    return [getattr(options, name) for name in options.__slots__]


def _pairs(workload: Workload) -> dict[str, np.ndarray]:
    """The limbs that make the tree, and those with all further pairs of rigid segments."""
    skeleton = workload.skeleton
    return {"bones": np.array(skeleton.limbs), "all_pairs": np.array(skeleton.limbs + skeleton.rigid)}


def _cameras(workload: Workload) -> dict[str, np.ndarray]:
    """Matrices, OpenCV's first five distortion coefficients, and poses, in view order."""
    cameras = list(workload.rig.cameras.values())
    poses = [camera.cam_from_world for camera in cameras]
    return {
        "matrix": np.stack([camera.lens.matrix().numpy() for camera in cameras]),
        "distortion": np.stack([_first_five(camera.lens.distortion.numpy()) for camera in cameras]),
        "size_px": np.array([camera.size_px for camera in cameras]),
        "rotation": np.stack([pose.rotation.numpy() for pose in poses]),
        "rvec": np.stack([rotvec_from_rotation(pose.rotation).numpy() for pose in poses]),
        "tvec": np.stack([pose.translation.numpy() for pose in poses]),
    }


def _first_five(distortion: np.ndarray) -> np.ndarray:
    assert not distortion[5:].any(), "the peers are given k1 k2 p1 p2 k3 alone"
    return distortion[:5]


def _straightened(workload: Workload) -> list[np.ndarray]:
    """Pixels that a pinhole camera of the same matrix would have seen, exactly; (t k 2) per view."""
    straight = []
    for camera, uv_px in zip(workload.rig.cameras.values(), workload.uv_px, strict=True):
        parts = torch.from_numpy(uv_px).split(4096)  # bounds the memory of the lens model
        rays = torch.cat([camera.lens.unproject(part) for part in parts])
        straight.append((rays @ camera.lens.matrix().T)[..., :2].numpy())
    return straight


def _bridged(p_in_world: np.ndarray) -> np.ndarray:
    """The points with gaps filled along straight lines in time; a keypoint never seen stays at the origin."""
    filled, t = p_in_world.copy(), np.arange(len(p_in_world))
    for keypoint in np.moveaxis(filled, 1, 0):
        seen = np.isfinite(keypoint[:, 0])
        if not seen.any():
            keypoint[:] = 0
        for axis in keypoint.T if seen.any() else ():
            axis[~seen] = np.interp(t[~seen], t[seen], axis[seen])
    return filled
