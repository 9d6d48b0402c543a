"""MPI-INF-3DHP, test set: ``mpi_inf_3dhp_test_set/TS1 ... TS6/annot_data.mat``. Source: Mehta et al. (2017)."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import Truth3D, listed_files
from mocap3d.session.mat_files import read_mat

JOINTS = (
    "Head", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "RHip", "RKnee", "RAnkle", "LHip",
    "LKnee", "LAnkle", "Hip", "Spine", "HeadMiddle",
)  # fmt: skip
_RATE = Fraction(25)  # TS1 to TS4 are 50 Hz videos annotated at every second frame; TS5 and TS6 are 25 Hz


def read_mpi_inf_3dhp(root: Path, *, universal: bool = True) -> list[Truth3D]:
    """TS1 to TS6 in the camera; ``universal``: of the skeleton scaled to one height, as most numbers are."""
    folder = root / "mpi_inf_3dhp_test_set" if (root / "mpi_inf_3dhp_test_set").is_dir() else root
    paths = listed_files(folder, "TS*/annot_data.mat", "the test set of MPI-INF-3DHP")
    return [_truth(path, "univ_annot3" if universal else "annot3") for path in paths]


def _truth(path: Path, key: str) -> Truth3D:
    content = read_mat(path)
    try:
        p_mm = np.asarray(content[key], np.float64)
        valid = np.asarray(content["valid_frame"]).ravel() != 0
    except KeyError as error:
        raise FormatError(f"{path}: has no {error}. Needed: annot_data.mat of the test set.") from error
    axes = [p_mm.shape.index(size) for size in (3, 17) if size in p_mm.shape]
    if len(axes) != 2 or p_mm.size != len(valid) * 51:
        raise FormatError(f"{path}: {key} has shape {p_mm.shape} for {len(valid)} frames. Needed: 3 x 17 x 1 x frames.")
    p_m = np.moveaxis(p_mm, axes, (-1, -2)).reshape(-1, 17, 3)[:, None] / 1000
    return Truth3D(path.parent.name, JOINTS, 14, _RATE, torch.from_numpy(p_m), torch.from_numpy(valid))
