"""Shelf and Campus: ``actorsGT.mat``, 14 joints of each actor in metres. Source: Belagiannis et al. (2014)."""

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import Truth3D
from mocap3d.session.mat_files import read_mat

JOINTS = (
    "RAnkle", "RKnee", "RHip", "LHip", "LKnee", "LAnkle", "RWrist", "RElbow", "RShoulder", "LShoulder", "LElbow",
    "LWrist", "Chin", "Head",
)  # fmt: skip
TEST_FRAMES = {"shelf": (range(300, 600),), "campus": (range(350, 470), range(650, 750))}
LIMBS = (
    ("lower legs", 0, 1), ("upper legs", 1, 2), ("upper legs", 3, 4), ("lower legs", 4, 5), ("lower arms", 6, 7),
    ("upper arms", 7, 8), ("upper arms", 9, 10), ("lower arms", 10, 11), ("head", 12, 13),
)  # fmt: skip
"""The torso, which some count as well, is no limb of this table."""


def read_actors(root: Path, name: Literal["shelf", "campus"]) -> list[Truth3D]:
    """All frames; those of the usual test count."""
    path = root / "actorsGT.mat" if root.is_dir() else root
    actors = _flat(read_mat(path).get("actor3D"))
    if not actors:
        raise FormatError(f"{path}: has no actor3D. Needed: actorsGT.mat of Shelf or Campus.")
    people = [_actor(path, actor) for actor in actors]
    n = max(map(len, people))
    p_m = np.full((n, len(people), len(JOINTS), 3), np.nan)
    for person, joints in enumerate(people):
        p_m[: len(joints), person] = joints
    frames = np.arange(n)
    counts = np.logical_or.reduce([np.isin(frames, span) for span in TEST_FRAMES[name]])
    return [Truth3D(name, JOINTS, 2, Fraction(25), torch.from_numpy(p_m), torch.from_numpy(counts), LIMBS)]


def _flat(value: Any) -> list[Any]:
    """Cells inside one another, down to one per actor."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.item()
    return list(value) if isinstance(value, np.ndarray) and value.dtype == object else []


def _actor(path: Path, frames: Any) -> np.ndarray:
    """(n 14 3); NaN in frames without the actor, whose cells hold a single number."""
    frames = _flat(frames)
    joints = np.full((len(frames), len(JOINTS), 3), np.nan)
    for frame, cell in enumerate(frames):
        array = np.asarray(cell, float)
        if array.size == joints[frame].size:
            joints[frame] = array.reshape(len(JOINTS), 3)
        elif array.size > 1:
            raise FormatError(f"{path}: frame {frame} has joints of shape {array.shape}. Needed: (14, 3).")
    return joints
