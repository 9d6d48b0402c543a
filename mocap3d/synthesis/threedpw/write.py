"""Motion clips as 3DPW sequences: one or two people before one moving camera.

What the files state as SMPL's poses are turns told by joint positions, and as its joints what keypoints tell of them:
nothing here needs SMPL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.session.files import write_atomically
from mocap3d.session.rig import VolumeTable
from mocap3d.skeletons.skeleton import load_skeleton
from mocap3d.skeletons.smpl_joints import NEEDED, PARTS, smpl24_of, world_from_parts
from mocap3d.synthesis.occlusion import Keypoints
from mocap3d.synthesis.people import people_from_clips
from mocap3d.synthesis.threedpw.camera_path import FOCAL_PX, RATE_HZ, SIZE_PX, handheld_path
from mocap3d.synthesis.threedpw.python2 import python2_pickle

Y_UP_FROM_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
_TURNS_AS = (0, 1, 2, 0, 3, 4, 0, 3, 4, 0, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8, 7, 8, 7, 8)
"""Which of the nine parts each joint's segment is turned like."""
_COCO18 = load_skeleton("coco18").keypoints
_BOX = VolumeTable((-2.0, -2.0, 0.0), (2.0, 2.0, 2.2))
FEWEST = 6
"""Keypoints below which 3DPW has none at all."""


@dataclass(frozen=True)
class SequenceOptions:
    """How long, and how well seen."""

    n_frames: int = 120
    """At most; of 30 Hz."""
    noise_px: float = 4.0
    """Of the 2D keypoints, per axis."""
    unseen: float = 0.05
    """Share of the frames without any 2D keypoint, in one stretch."""
    invalid: float = 0.05
    """Share of the frames whose camera pose is not valid, in one stretch."""
    seed: int = 0


def write_sequence(path: Path, clips: Sequence[Path], options: SequenceOptions = SequenceOptions()) -> None:
    """One sequence file, named after its sequence."""
    content = sequence_of(path.stem, clips, options)
    with write_atomically(path) as file:
        file.write(python2_pickle(content))


def sequence_of(name: str, clips: Sequence[Path], options: SequenceOptions) -> dict[str, Any]:
    """The content of a sequence file, of recorded motions."""
    cast = people_from_clips(clips, _BOX, n_frames=2 * options.n_frames, rate=Fraction(2 * RATE_HZ))
    return content_of(name, cast.people, options)


def content_of(name: str, cast: Sequence[Keypoints], options: SequenceOptions) -> dict[str, Any]:
    """The content of a sequence file, of people by their HALPE-26 keypoints at 60 Hz."""
    people = [{key: p[::2] for key, p in person.items()} for person in cast]
    n = len(people[0]["Hip"])
    rng = np.random.default_rng([options.seed, 78])
    pose = handheld_path(np.mean([person["Hip"] for person in people], axis=0), seed=options.seed)
    in_file = [_smpl(person) for person in people]
    fast = [_smpl(person) for person in cast]
    matrix = np.array([[FOCAL_PX, 0, SIZE_PX[0] / 2], [0, FOCAL_PX, SIZE_PX[1] / 2], [0, 0, 1.0]])
    invalid = _stretch(rng, n, options.invalid)
    cam_poses = pose.copy()
    cam_poses[:, :3, :3] = pose[:, :3, :3] @ Y_UP_FROM_Z_UP.T
    return {
        "sequence": name,
        "betas": [
            np.zeros(10) if person == 0 else np.r_[np.zeros(10), rng.normal(size=290)] for person in range(len(people))
        ],
        "betas_clothed": [np.zeros(10) for _ in people],
        "v_template_clothed": [np.zeros((6890, 3)) for _ in people],
        "genders": ["m" if person % 2 == 0 else "f" for person in range(len(people))],
        "texture_maps": [np.zeros((2, 2, 3), np.uint8) for _ in people],
        "poses": [poses for poses, _, _ in in_file],
        "trans": [trans for _, trans, _ in in_file],
        "poses_60Hz": [poses for poses, _, _ in fast],
        "trans_60Hz": [trans for _, trans, _ in fast],
        "img_frame_ids": 2 * np.arange(n),
        "jointPositions": [joints.reshape(n, 72) for _, _, joints in in_file],
        "poses2d": [_keypoints(rng, person, pose, matrix, options) for person in people],
        "cam_poses": cam_poses,
        "campose_valid": [np.where(invalid, 0, 1) for _ in people],
        "cam_intrinsics": matrix,
    }


def _smpl(person: Keypoints) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """poses (n 72), trans (n 3) and joints (n 24 3), Y up."""
    joints = smpl24_of({name: torch.from_numpy(person[name]) for name in NEEDED})
    parts = world_from_parts(joints).numpy()
    turns = Y_UP_FROM_Z_UP @ parts[:, _TURNS_AS]
    local = turns.copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            local[:, joint] = np.swapaxes(turns[:, parent], 1, 2) @ turns[:, joint]
    poses = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(len(joints), 72)
    y_up = joints.numpy() @ Y_UP_FROM_Z_UP.T
    return poses, y_up[:, 0].copy(), y_up


def _keypoints(
    rng: np.random.Generator, person: Keypoints, pose: np.ndarray, matrix: np.ndarray, options: SequenceOptions
) -> Float[np.ndarray, "n 3 18"]:
    """OpenPose's rows x, y, score: noisy, zero outside of the picture, all zero where few are left."""
    in_world = np.stack([person[name] for name in _COCO18], axis=1)
    in_cam = np.einsum("nij,nkj->nki", pose[:, :3, :3], in_world) + pose[:, None, :3, 3]
    uv_px = (in_cam @ matrix.T)[..., :2] / in_cam[..., 2:] + rng.normal(0, options.noise_px, (*in_cam.shape[:2], 2))
    inside = ((uv_px >= 0) & (uv_px < SIZE_PX)).all(-1) & (in_cam[..., 2] > 0.1)
    score = np.where(inside, rng.uniform(0.5, 0.95, inside.shape), 0.0)
    score[_stretch(rng, len(score), options.unseen)] = 0.0
    score[(score > 0).sum(1) < FEWEST] = 0.0
    return np.concatenate([np.where(score[..., None] > 0, uv_px, 0.0), score[..., None]], -1).transpose(0, 2, 1)


def _stretch(rng: np.random.Generator, n: int, share: float) -> np.ndarray:
    """True in one run of that share of n frames, somewhere."""
    length = round(share * n)
    first = int(rng.integers(0, n - length + 1))
    return (np.arange(n) >= first) & (np.arange(n) < first + length)


assert len(PARTS) == max(_TURNS_AS) + 1
