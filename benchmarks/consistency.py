"""Whether the views of a session agree on the keypoints that a detector finds in them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mocap3d.calibration.check import checked
from mocap3d.calibration.people_sightings import sightings_of_people
from mocap3d.detection.options import DetectOptions
from mocap3d.fusion.associate import AssociateOptions
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.triangulate import triangulate
from mocap3d.pipeline import Reconstruction, ReconstructOptions, reconstruct
from mocap3d.session.records import CalibratedRig, Tracks2D

COMMON = (
    *("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist", "LHip"),
    *("RHip", "LKnee", "RKnee", "LAnkle", "RAnkle", "LBigToe", "RBigToe", "LHeel", "RHeel"),
)
"""What both SAPENet and BlazePose find."""
_OTHER_NAMES = {"LBigToe": "LFootIndex", "RBigToe": "RFootIndex"}
GATE_PX = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Consistency:
    """Of the first person: keypoints uv (v t k 2) and what became of them."""

    uv_px: np.ndarray
    reprojection_px: np.ndarray
    """(v t k): to the plain triangulation of all views that saw the keypoint."""
    n_agreeing: np.ndarray
    """(t k): views of the largest set that agree within GATE_PX."""
    limb_spread_mm: dict[str, float]
    tracks: Tracks2D
    rig: CalibratedRig

    def as_row(self) -> dict:
        """The numbers."""
        known = self.reprojection_px[np.isfinite(self.reprojection_px)]
        return {
            "median_px": round(float(np.median(known)), 2),
            "mean_px": round(float(known.mean()), 2),
            "p90_px": round(float(np.quantile(known, 0.9)), 2),
            "agreeing_views": round(float(self.n_agreeing.mean()), 3),
            "missing": round(float(np.isnan(self.uv_px[..., 0]).mean()), 4),
            "worst_limb_spread_mm": round(max(self.limb_spread_mm.values()), 2),
            "limb_spread_mm": self.limb_spread_mm,
        }


def consistency(session: Path, detector: str, *, flip: bool = False) -> Consistency:
    """Reconstructs the session's one person from its videos and compares the views."""
    detect = DetectOptions(detector=detector, flip=flip)
    done = reconstruct(session, ReconstructOptions(detect=detect, associate=AssociateOptions(n_people=1)))
    uv_px = done.tracks.uv_px[:, :, 0, [_index(done, name) for name in COMMON], 0]
    cameras = [done.rig.cameras[view] for view in done.tracks.views]
    reprojection = _reprojection(uv_px, cameras, range(len(cameras)))
    return Consistency(uv_px.numpy(), reprojection, _agreeing(uv_px, cameras), _spreads(done), done.tracks, done.rig)


def with_mended_cameras(judged: Consistency, by: Consistency) -> dict[str, float]:
    """How far the views agree where cameras that do not hold are mended by what another detector saw at other times.

    Each half of the recording is judged by cameras from the other half. ``of_perfect_px`` is the median that keypoints
    without any error would have before the mending, if the mended cameras were right: the calibration's own share.
    """
    views, half = judged.tracks.views, len(judged.tracks.t_s) // 2
    given = [judged.rig.cameras[view] for view in views]
    every = list(range(len(views)))
    off_px, agreeing, of_perfect = [], [], []
    for fitted, kept in ((slice(None, half), slice(half, None)), (slice(half, None), slice(None, half))):
        found = checked(judged.rig, sightings_of_people(_during(by.tracks, fitted))).cameras
        cameras, uv_px = [found[view] for view in views], torch.from_numpy(judged.uv_px[:, kept])
        off_px.append(_reprojection(uv_px, cameras, every))
        agreeing.append(_agreeing(uv_px, cameras))
        of_perfect.append(_reprojection(_fused(uv_px, cameras, every), given, every))
    return {
        "median_px": round(float(np.nanmedian(np.concatenate(off_px, 1))), 2),
        "agreeing_views": round(float(np.concatenate(agreeing).mean()), 3),
        "of_perfect_px": round(float(np.nanmedian(np.concatenate(of_perfect, 1))), 2),
    }


def _during(tracks: Tracks2D, when: slice) -> Tracks2D:
    names = ("uv_px", "cov_px2", "log_weight")
    return replace(tracks, t_s=tracks.t_s[when], **{name: getattr(tracks, name)[:, when] for name in names})


def agreement(one: Consistency, other: Consistency) -> float:
    """PCK@0.2: keypoints of one within a fifth of the other's torso of the other's."""
    shoulders, hips = ([COMMON.index(side + what) for side in "LR"] for what in ("Shoulder", "Hip"))
    torso = np.linalg.norm(other.uv_px[:, :, shoulders].mean(2) - other.uv_px[:, :, hips].mean(2), axis=-1)
    apart = np.linalg.norm(one.uv_px - other.uv_px, axis=-1) / torso[..., None]
    return round(float((apart[np.isfinite(apart)] < 0.2).mean()), 4)


def _index(done: Reconstruction, name: str) -> int:
    names = done.tracks.skeleton.keypoints
    return names.index(name if name in names else _OTHER_NAMES[name])


def _reprojection(uv_px: torch.Tensor, cameras: list[Camera], used: Sequence[int]) -> np.ndarray:
    """(v t k): to the point triangulated from the ``used`` views alone, equally weighted; NaN where one is missing."""
    return (_fused(uv_px, cameras, list(used)) - uv_px).norm(dim=-1).numpy()


@torch.no_grad()
def _fused(uv_px: torch.Tensor, cameras: list[Camera], used: list[int]) -> torch.Tensor:
    """(v t k 2): where all cameras see the points that are triangulated from the ``used`` views."""
    flat = uv_px.flatten(1, 2)[used]
    sigma = torch.where(flat[..., 0].isnan(), torch.nan, 1.0)
    p_in_world, _ = triangulate(flat, sigma, [cameras[v] for v in used])
    return torch.stack([camera.project(p_in_world) for camera in cameras]).view(uv_px.shape)


def _agreeing(uv_px: torch.Tensor, cameras: list[Camera]) -> np.ndarray:
    """(t k): size of the largest set of at least two views that all reproject within the gate; 0 where none does."""
    most = np.zeros(uv_px.shape[1:3], int)
    for size in range(len(cameras), 1, -1):
        for used in itertools.combinations(range(len(cameras)), size):
            far = _reprojection(uv_px, cameras, used)[list(used)].max(0)
            most[(most == 0) & (far < GATE_PX)] = size
    return most


def _spreads(done: Reconstruction) -> dict[str, float]:
    return {
        name: round(1000 * float(spread), 2)
        for name, spread in zip(done.quality.limb_names, done.quality.limb_spread_m[0], strict=True)
        if np.isfinite(spread)
    }
