"""MPII Human Pose, layout of SimpleBaseline and HRNet: ``annot/valid.json``, ``annot/gt_valid.mat``, ``images/``.

Source: Andriluka et al. (2014). Pixels there count from 1, here from 0.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import LabelledPictures
from mocap3d.session.mat_files import read_mat

KEYPOINTS = (
    "RAnkle", "RKnee", "RHip", "LHip", "LKnee", "LAnkle", "Hip", "Neck", "UpperNeck", "Head", "RWrist", "RElbow",
    "RShoulder", "LShoulder", "LElbow", "LWrist",
)  # fmt: skip
"""Thorax is called Neck here: the middle of the shoulders, nearly."""
NOT_COUNTED = ("Hip", "Neck")
"""MPII's own evaluation leaves pelvis and thorax out."""
HEAD_SHARE = 0.6
BOX_PX = 200.0
"""A person of scale 1 is so high."""


def read_mpii(root: Path, split: str = "valid") -> LabelledPictures:
    """People with their head sizes: 0.6 times the diagonal of the head's box."""
    rows = _rows(root / "annot" / f"{split}.json")
    truth = read_mat(root / "annot" / f"gt_{split}.mat")
    try:
        heads = np.asarray(truth["headboxes_src"], float)  # (2 2 n)
        missing = np.asarray(truth["jnt_missing"], bool)  # (16 n)
        uv_px = np.asarray(truth["pos_gt_src"], float).transpose(2, 0, 1) - 1  # (n 16 2)
        centre, scale = (np.array([row[key] for row in rows], float) for key in ("center", "scale"))
    except KeyError as error:
        raise FormatError(f"{root}: an annotation lacks {error}. Needed: MPII in SimpleBaseline's layout.") from error
    if len(rows) != len(uv_px):
        raise FormatError(
            f"{root}: {len(rows)} people in {split}.json, {len(uv_px)} in gt_{split}.mat. Needed: the same."
        )
    uv_px[missing.T] = np.nan
    half = np.column_stack([scale, scale]) * BOX_PX / 2
    n = len(rows)
    return LabelledPictures(
        name="MPII",
        keypoints=KEYPOINTS,
        picture=tuple(root / "images" / str(row["image"]) for row in rows),
        sequence=tuple(str(row["image"]) for row in rows),
        person=torch.full((n,), -1),
        uv_px=torch.from_numpy(uv_px),
        box_px=torch.from_numpy(np.concatenate([centre - 1 - half, centre - 1 + half], 1)),
        area_px2=torch.from_numpy(0.53 * 4 * half.prod(1)),
        size_px=torch.from_numpy(HEAD_SHARE * np.linalg.norm(heads[1] - heads[0], axis=0)),
        size_is="head",
        ignore=torch.zeros(n, dtype=torch.bool),
        crowd=torch.zeros(n, dtype=torch.bool),
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Needed: MPII's annotations in SimpleBaseline's layout.")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not readable as JSON ({error}). Get it from its source again.") from error
    if not isinstance(rows, list):
        raise FormatError(f"{path}: holds no list. Needed: MPII's annotations in SimpleBaseline's layout.")
    return rows
