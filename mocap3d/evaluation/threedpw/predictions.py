"""Predictions of any method: the challenge's submission files, or one NPZ per sequence."""

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.evaluation.pickles import read_pickle
from mocap3d.session.files import write_atomically

N_VERTICES = 6890
"""Of SMPL."""
_ORTHONORMAL = 0.01
"""How far R' R may be off the identity: rotations of half precision are off by less."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """All people (p) of one sequence over its n frames; NaN where nothing was predicted."""

    joint_in_cam: Float[Tensor, "p n j 3"]
    """Metres; j = 24 in SMPL's order, or 14 in that of LSP."""
    cam_from_part: Float[Tensor, "p n 9 3 3"] | None = None
    """Global rotations of the nine parts that the challenge scores."""
    vertex_in_cam: Float[Tensor, "p n v 3"] | None = None


def find_predictions(folder: Path, sequences: Sequence[str]) -> dict[str, Prediction]:
    """``<sequence>.npz`` or ``.pkl`` of every sequence, in the folder or one below; names those that are missing."""
    found: dict[str, Path] = {}
    for path in sorted([*folder.rglob("*.pkl"), *folder.rglob("*.npz")]):
        if path.stem in sequences and path.stem in found:
            raise FormatError(
                f"{folder}: {found[path.stem]} and {path} are both predictions of {path.stem}. Needed: the folder of "
                "one method, with one file per sequence."
            )
        found[path.stem] = path
    if missing := [name for name in sequences if name not in found]:
        raise FormatError(
            f"{folder}: has no prediction of {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''} "
            f"({len(missing)} of {len(sequences)} sequences). Needed: <sequence>.pkl as the challenge wants it, or "
            "<sequence>.npz with jointPositions (p n 24 3) in metres."
        )
    return {name: read_prediction(found[name]) for name in sequences}


def read_prediction(path: Path) -> Prediction:
    """One sequence: jointPositions (p n 24 3), and orientations (p n 9 3 3) and vertices (p n v 3) where there are.

    A frame whose joints are all zero, which the challenge's files have where nothing was predicted, becomes NaN.
    """
    content = _npz(path) if path.suffix == ".npz" else read_pickle(path)
    if not isinstance(content, Mapping) or "jointPositions" not in content:
        raise FormatError(f"{path}: has no jointPositions. Needed: (people, frames, 24 or 14, 3) in metres.")
    joints = _array(content["jointPositions"], path, "jointPositions")
    if joints.ndim == 3 and joints.shape[-1] in (72, 42):
        joints = joints.reshape(*joints.shape[:2], -1, 3)
    if joints.ndim != 4 or joints.shape[-1] != 3 or joints.shape[2] not in (14, 24):
        raise FormatError(f"{path}: jointPositions has shape {joints.shape}. Needed: (people, frames, 24 or 14, 3).")
    people, n = joints.shape[:2]
    parts = _of_shape(content, path, "orientations", (people, n, 9, 3, 3))
    vertices = _of_shape(content, path, "vertices", (people, n, N_VERTICES, 3))
    missing = torch.from_numpy((joints == 0).all((-2, -1)))
    prediction = Prediction(torch.from_numpy(joints), parts, vertices)
    for values in (prediction.joint_in_cam, parts, vertices):
        if values is not None:
            values[missing] = torch.nan
    _check_rotations(prediction, path)
    return prediction


def at_root(joint_in_cam: Float[Tensor, "*b j 3"]) -> Float[Tensor, "*b j 3"]:
    """Missing joints at the root, or all of them at zero where that is missing too: the challenge knows no NaN."""
    root = joint_in_cam[..., :1, :]
    has_root = root.isfinite().all(-1, keepdim=True)
    known = joint_in_cam.isfinite().all(-1, keepdim=True) & has_root
    return torch.where(known, joint_in_cam, torch.where(has_root, root, 0.0))


def write_prediction(path: Path, prediction: Prediction) -> None:
    """As the challenge's ``.pkl`` (protocol 2), or as ``.npz``, by the path's suffix; the same bytes every time."""
    content = {"jointPositions": prediction.joint_in_cam.numpy()}
    if prediction.cam_from_part is not None:
        content["orientations"] = prediction.cam_from_part.numpy()
    if prediction.vertex_in_cam is not None:
        content["vertices"] = prediction.vertex_in_cam.numpy()
    with write_atomically(path) as file:
        if path.suffix == ".npz":
            np.savez(file, allow_pickle=False, **content)
        else:
            content = {name: np.nan_to_num(values) for name, values in content.items()}
            content["jointPositions"] = at_root(prediction.joint_in_cam).numpy()
            pickle.dump(content, file, protocol=2)


def _of_shape(content: Mapping[str, object], path: Path, name: str, shape: tuple[int, ...]) -> Tensor | None:
    if name not in content:
        return None
    values = _array(content[name], path, name)
    if values.shape != shape:
        raise FormatError(f"{path}: {name} has shape {values.shape}. Needed: {shape}, as jointPositions has frames.")
    return torch.from_numpy(values)


def _check_rotations(prediction: Prediction, path: Path) -> None:
    """FormatError for matrices that are no rotations; unknown ones are let through."""
    if prediction.cam_from_part is None:
        return
    turn = prediction.cam_from_part
    off = (turn.mT @ turn - torch.eye(3, dtype=turn.dtype)).abs().amax((-2, -1))
    if wrong := ((off > _ORTHONORMAL) | (torch.linalg.det(turn) < 0)).nonzero().tolist():
        person, frame, part = wrong[0]
        raise FormatError(
            f"{path}: {len(wrong)} of the orientations are no rotations, the first of person {person}, frame {frame}, "
            f"part {part}. Needed: rotation matrices, NaN where there is none."
        )


def _array(value: object, path: Path, name: str) -> np.ndarray:
    try:
        return np.array(value, np.float64)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{path}: {name} is not one array ({error}). Needed: equally many frames for all.") from error


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not readable as NPZ ({error}). Write it with numpy.savez.") from error
