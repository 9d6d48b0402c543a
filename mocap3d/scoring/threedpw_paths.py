"""Ways to predictions on 3DPW: from its own 2D keypoints, and from a virtual rig that films its motions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.evaluation.threedpw.predictions import Prediction
from mocap3d.evaluation.threedpw.read import RATE_HZ, Track
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.one_view.fit import OneViewOptions, fit_one_view
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.session.records import CalibratedRig, Person, Points3D, Tracks2D
from mocap3d.session.rig import RigTable
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton
from mocap3d.skeletons.smpl_joints import NEEDED, smpl24_of, world_from_parts
from mocap3d.synthesis.detector import tracks_of
from mocap3d.synthesis.noise import NoiseOptions, seen_by_detector

VIEW = "camera"
SIGMA_OF_DIAGONAL = 0.0045
"""What a keypoint of 3DPW's poses2d is taken to be worth, per diagonal of its person's box."""
LEAST_SCORE = 0.15
CARRIED_S = 2.0
"""A rig is carried along with whoever leaves its volume, smoothly over so long."""


@dataclass(frozen=True)
class RigNoise:
    """Of the synthetic detector behind a virtual rig."""

    noise: NoiseOptions = field(default_factory=NoiseOptions)
    seed: int = 0


def from_keypoints(
    track: Track,
    options: OneViewOptions = OneViewOptions(),  # noqa: B008, it is frozen
) -> Prediction:
    """The moving view alone: 3DPW's poses2d and camera poses."""
    tracks = tracks_from(track, track.poses2d_px, track.score, load_skeleton("coco18"))
    return from_one_view(track, tracks, options)


def from_one_view(track: Track, tracks: Tracks2D, options: OneViewOptions) -> Prediction:
    """A fit of the tracks of one view, in the camera."""
    points = fit_one_view(tracks, CalibratedRig({VIEW: track.camera}), options=options)
    joint_in_world = smpl24_of({name: _of(points, name) for name in NEEDED})
    return in_camera(track, joint_in_world)


def in_camera(track: Track, joint_in_world: Float[Tensor, "n 24 3"]) -> Prediction:
    """As the challenge wants it; the turns of the parts as told by the joints."""
    pose = track.camera.cam_from_world
    parts = pose.rotation[:, None] @ world_from_parts(joint_in_world)
    return Prediction(pose[:, None].apply(joint_in_world)[None], parts[None])


def tracks_from(
    track: Track, uv_px: Float[Tensor, "n k 2"], score: Float[Tensor, "n k"], skeleton: Skeleton
) -> Tracks2D:
    """Scored keypoints of one person in the moving view; frames without a valid camera pose are not seen."""
    good = (score > LEAST_SCORE) & uv_px.isfinite().all(-1) & track.valid[:, None]
    uv_px = torch.where(good[..., None], uv_px, torch.nan)
    low = torch.where(good[..., None], uv_px, torch.inf).amin(1)
    high = torch.where(good[..., None], uv_px, -torch.inf).amax(1)
    sigma_px = SIGMA_OF_DIAGONAL * (high - low).norm(dim=-1, keepdim=True) / score.clamp(LEAST_SCORE, 1).sqrt()
    cov_px2 = torch.where(good, sigma_px, torch.nan).square()[..., None, None] * torch.eye(2, dtype=torch.float64)
    return Tracks2D(
        views=(VIEW,),
        skeleton=skeleton,
        people=("P1",),
        t_s=torch.arange(len(uv_px), dtype=torch.float64) / RATE_HZ,
        rate=Fraction(RATE_HZ),
        uv_px=uv_px[None, :, None, :, None],
        cov_px2=cov_px2[None, :, None, :, None],
        log_weight=torch.where(good, score, 0.0).log()[None, :, None, :, None],
    )


def from_rig(track: Track, plan: RigTable, options: RigNoise = RigNoise()) -> Prediction:
    """3DPW's joints filmed by a rig, with errors like a detector's, and reconstructed as any session is."""
    skeleton = load_skeleton("smpl24")
    joint_in_rig, offset_m = _in_volume(track.joint_in_world, plan)
    rig = plan.calibrated()
    seen = {
        view: seen_by_detector(
            *_filmed(camera.project(joint_in_rig)[:, None], camera.contains),
            skeleton,
            rate_hz=RATE_HZ,
            seed=(options.seed, track.person, number),
            options=options.noise,
        )
        for number, (view, camera) in enumerate(rig.cameras.items())
    }
    t_s = torch.arange(len(joint_in_rig), dtype=torch.float64) / RATE_HZ
    tracks = tracks_of(seen, skeleton, [Person("P1")], t_s, Fraction(RATE_HZ))
    points = fit_sequence(tracks, rig, triangulate_tracks(tracks, rig), options=FitOptions(covariance=False, threads=1))
    return in_camera(track, points.p_in_world[:, 0] + offset_m[:, None])


def _filmed(
    clean_px: Float[Tensor, "n 1 k 2"], contains: Callable[[Tensor], Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels; nothing is hidden; what is inside of the picture."""
    inside = contains(clean_px)
    return clean_px.numpy(), np.zeros(inside.shape, bool), inside.numpy()


def _in_volume(
    joint_in_world: Float[Tensor, "n 24 3"], plan: RigTable
) -> tuple[Float[Tensor, "n 24 3"], Float[Tensor, "n 3"]]:
    """Moved into the middle of the volume onto its floor, and by how much; the rig goes along with long ways."""
    from scipy.ndimage import gaussian_filter1d

    low, high = (torch.tensor(corner, dtype=torch.float64) for corner in (plan.volume.min_m, plan.volume.max_m))
    pelvis = joint_in_world[:, 0]
    extent = pelvis[:, :2].amax(0) - pelvis[:, :2].amin(0)
    way = pelvis.mean(0).expand_as(pelvis).clone()
    if bool((extent > (high - low)[:2]).any()):
        way[:, :2] = torch.from_numpy(
            gaussian_filter1d(pelvis[:, :2].numpy(), CARRIED_S * RATE_HZ, axis=0, mode="nearest")
        )
    way[:, 2] = torch.quantile(joint_in_world[..., 2].amin(1), 0.05)
    middle = torch.cat([(low + high)[:2] / 2, low[2:]])
    offset_m = way - middle
    return joint_in_world - offset_m[:, None], offset_m


def _of(points: Points3D, name: str) -> Float[Tensor, "n 3"]:
    return points.p_in_world[:, 0, points.skeleton.index(name)]
