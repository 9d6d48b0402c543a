"""Data sets other than 3DPW: from a user's folder to the table that `mocap3d evaluate` prints."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.coco import read_coco, read_posetrack, read_posetrack_people
from mocap3d.evaluation.datasets.human36m import read_human36m
from mocap3d.evaluation.datasets.labels import LabelledPictures, Truth3D
from mocap3d.evaluation.datasets.mpi_inf_3dhp import read_mpi_inf_3dhp
from mocap3d.evaluation.datasets.mpii import NOT_COUNTED, read_mpii
from mocap3d.evaluation.datasets.panoptic import read_panoptic
from mocap3d.evaluation.datasets.penn import read_penn
from mocap3d.evaluation.datasets.shelf_campus import read_actors
from mocap3d.evaluation.score_3d import matched, score_3d
from mocap3d.evaluation.score_pictures import score_pictures
from mocap3d.evaluation.score_table import ScoreTable
from mocap3d.evaluation.score_tracking import score_tracking
from mocap3d.export.npz import read_npz
from mocap3d.scoring.pictures import NetworkOptions, look_at, thinned
from mocap3d.session.records import Points3D

Progress = Callable[[str, int, int], None]
PictureSet = Literal["mpii", "coco", "posetrack", "penn"]
MotionSet = Literal["h36m", "3dhp", "panoptic", "shelf", "campus"]
PICTURES: dict[str, tuple[Callable[[Path, str], LabelledPictures], str]] = {
    "mpii": (read_mpii, "valid"),
    "coco": (read_coco, "val2017"),
    "posetrack": (read_posetrack, "val"),
    "penn": (read_penn, "test"),
}
MOTIONS: dict[str, Callable[[Path], list[Truth3D]]] = {
    "h36m": read_human36m,
    "3dhp": read_mpi_inf_3dhp,
    "panoptic": read_panoptic,
    "shelf": lambda root: read_actors(root, "shelf"),
    "campus": lambda root: read_actors(root, "campus"),
}


def evaluate_pictures(
    name: PictureSet, root: Path, split: str | None, options: NetworkOptions, progress: Progress | None = None
) -> ScoreTable:
    """A network on labelled pictures."""
    read, usual = PICTURES[name]
    labels = thinned(read(root, split or usual), options.most)
    found = look_at(labels, options, progress)
    return score_pictures(labels, found, NOT_COUNTED if name == "mpii" else ())


def evaluate_tracking(name: PictureSet, root: Path, split: str | None, predictions: Path) -> ScoreTable:
    """Anybody's people in PoseTrack's videos, followed: MOTA and IDF1."""
    if name != "posetrack":
        raise FormatError(f"--predictions are of people followed in videos, which {name} has not. Leave it out.")
    return score_tracking(read_posetrack(root, split or PICTURES[name][1]), read_posetrack_people(predictions, root))


def evaluate_motions(name: MotionSet, root: Path, predictions: Path, progress: Progress | None = None) -> ScoreTable:
    """Anybody's joints in 3D, <sequence>.npz of each (see :func:`read_joints`)."""
    truths = MOTIONS[name](root)
    results = []
    for number, truth in enumerate(truths):
        if progress is not None:
            progress(f"scoring {truth.name}", number, len(truths))
        results.append(matched(truth, read_joints(predictions / f"{truth.name}.npz", truth)))
    return score_3d(f"{name}: {predictions}", results)


def read_joints(path: Path, truth: Truth3D) -> Float[Tensor, "n p j 3"]:
    """Predicted joints of a sequence in the data set's order."""
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Needed: the prediction of {truth.name}.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            plain = np.asarray(archive["joints"], np.float64) if "joints" in archive.files else None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not readable as NPZ ({error}). Write it with numpy.savez.") from error
    if plain is not None:
        return torch.from_numpy(plain[:, None] if plain.ndim == 3 else plain)
    return of_points(read_npz(path), truth)


def of_points(points: Points3D, truth: Truth3D) -> Float[Tensor, "n p j 3"]:
    """Keypoints of the same names; NaN for joints that the set has not."""
    out = torch.full((len(points.t_s), len(points.people), len(truth.joints), 3), torch.nan, dtype=torch.float64)
    for joint, name in enumerate(truth.joints):
        if name in points.skeleton.keypoints:
            out[:, :, joint] = points.p_in_world[:, :, points.skeleton.index(name)]
    return out
