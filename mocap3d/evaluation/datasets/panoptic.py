"""CMU Panoptic: ``<sequence>/hdPose3d_stage1_coco19/body3DScene_<frame>.json``, centimetres.

Source: Joo et al. (2015).
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import Truth3D, listed_files

JOINTS = (
    "Neck", "Nose", "Hip", "LShoulder", "LElbow", "LWrist", "LHip", "LKnee", "LAnkle", "RShoulder", "RElbow", "RWrist",
    "RHip", "RKnee", "RAnkle", "LEye", "LEar", "REye", "REar",
)  # fmt: skip
LEAST_CONFIDENCE = 0.1
_RATE = Fraction(30000, 1001)


def read_panoptic(root: Path) -> list[Truth3D]:
    """Every sequence of the folder, or the one it is; world axes as in the files (y down), metres."""
    folders = [root] if (root / "hdPose3d_stage1_coco19").is_dir() else sorted(
        path for path in root.iterdir() if (path / "hdPose3d_stage1_coco19").is_dir()
    )  # fmt: skip
    if not folders:
        raise FormatError(f"{root}: no <sequence>/hdPose3d_stage1_coco19. Needed: sequences of CMU Panoptic.")
    return [_sequence(folder) for folder in folders]


def _sequence(folder: Path) -> Truth3D:
    paths = listed_files(folder / "hdPose3d_stage1_coco19", "body3DScene_*.json", "one JSON per frame")
    frames = [_bodies(path) for path in paths]
    numbers = {body: column for column, body in enumerate(sorted({body for frame in frames for body in frame}))}
    p_m = np.full((len(frames), len(numbers), len(JOINTS), 3), np.nan)
    for row, frame in enumerate(frames):
        for body, joints in frame.items():
            p_m[row, numbers[body]] = joints
    return Truth3D(folder.name, JOINTS, 2, _RATE, torch.from_numpy(p_m), torch.ones(len(frames), dtype=torch.bool))


def _bodies(path: Path) -> dict[int, np.ndarray]:
    try:
        bodies = json.loads(path.read_text(encoding="utf-8"))["bodies"]
        return {int(body["id"]): _metres(body["joints19"]) for body in bodies}
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a frame of CMU Panoptic ({error!r}). Get it from its source.") from error


def _metres(numbers: list[float]) -> np.ndarray:
    joints = np.asarray(numbers, float).reshape(len(JOINTS), 4)
    return np.where(joints[:, 3:] > LEAST_CONFIDENCE, joints[:, :3] / 100, np.nan)
