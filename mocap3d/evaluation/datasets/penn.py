"""Penn Action: ``labels/<video>.mat`` and ``frames/<video>/<frame>.jpg``. Source: Zhang, Zhu & Derpanis (2013)."""

from pathlib import Path

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import LabelledPictures, joined, listed_files
from mocap3d.session.mat_files import read_mat

KEYPOINTS = (
    "Head", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist", "LHip", "RHip", "LKnee", "RKnee",
    "LAnkle", "RAnkle",
)  # fmt: skip


def read_penn(root: Path, split: str = "test") -> LabelledPictures:
    """The one labelled person of every frame; PCK is told in the longer side of the box. Split: train, test or all."""
    paths = listed_files(root / "labels", "*.mat", "Penn Action's labels/<video>.mat")
    videos = [video for path in paths if (video := _video(path, root, split)) is not None]
    if not videos:
        raise FormatError(f"{root}: no video of split '{split}'. Needed: train, test or all.")
    return joined("Penn Action", videos)


def _video(path: Path, root: Path, split: str) -> LabelledPictures | None:
    content = read_mat(path)
    try:
        is_train = int(content["train"]) == 1
        if split != "all" and is_train != (split == "train"):
            return None
        x, y, seen = (np.atleast_2d(np.asarray(content[key], float)) for key in ("x", "y", "visibility"))
        boxes = np.atleast_2d(np.asarray(content["bbox"], float))
        n = len(x)
        uv_px = np.where(seen[..., None] > 0, np.stack([x, y], -1), np.nan).reshape(n, len(KEYPOINTS), 2) - 1
        boxes = boxes[:n].reshape(n, 4)
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: not as Penn Action's labels are ({error}). Get it from its source.") from error
    sides = boxes[:, 2:] - boxes[:, :2]
    return LabelledPictures(
        name="Penn Action",
        keypoints=KEYPOINTS,
        picture=tuple(root / "frames" / path.stem / f"{frame + 1:06d}.jpg" for frame in range(n)),
        sequence=(path.stem,) * n,
        person=torch.zeros(n, dtype=torch.int64),
        uv_px=torch.from_numpy(uv_px),
        box_px=torch.from_numpy(boxes - 1),
        area_px2=torch.from_numpy(0.53 * sides.prod(1)),
        size_px=torch.from_numpy(sides.max(1)),
        size_is="box",
        ignore=torch.zeros(n, dtype=torch.bool),
        crowd=torch.zeros(n, dtype=torch.bool),
    )
