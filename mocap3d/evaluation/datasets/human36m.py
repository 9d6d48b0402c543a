"""Human3.6M as VideoPose3D packs it: ``data_3d_h36m.npz``, 32 joints in metres at 50 Hz.

Source: Ionescu et al. (2014).
"""

import zipfile
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import Truth3D
from mocap3d.evaluation.pickles import unpickled

OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""The 17 joints of the usual protocols."""
JOINTS = (
    "Hip", "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "Spine", "Thorax", "Nose", "Head", "LShoulder",
    "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist",
)  # fmt: skip
TEST = ("S9", "S11")


def read_human36m(root: Path, subjects: tuple[str, ...] = TEST) -> list[Truth3D]:
    """Every action of the test subjects, all frames; names like ``S9/Walking 1``."""
    path = root / "data_3d_h36m.npz" if root.is_dir() else root
    by_subject = _positions(path)
    if missing := [subject for subject in subjects if subject not in by_subject]:
        raise FormatError(f"{path}: has no {', '.join(missing)}. Found: {', '.join(sorted(by_subject))}.")
    return [
        _truth(path, f"{subject}/{action}", positions)
        for subject in subjects
        for action, positions in sorted(by_subject[subject].items())
    ]


def _truth(path: Path, name: str, positions: np.ndarray) -> Truth3D:
    p_m = np.asarray(positions, np.float64)
    if p_m.ndim != 3 or p_m.shape[1] not in (17, 32):
        raise FormatError(f"{path}: {name} has shape {p_m.shape}. Needed: (frames, 32, 3).")
    p_m = p_m[:, OF_32] if p_m.shape[1] == 32 else p_m
    counts = torch.ones(len(p_m), dtype=torch.bool)
    return Truth3D(name, JOINTS, 0, Fraction(50), torch.from_numpy(p_m)[:, None], counts)


def _positions(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """The dictionary inside, which numpy pickles: read without running anything."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = BytesIO(archive.read("positions_3d.npy"))
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        read(member)
        content = unpickled(member.read(), path)
        return {str(name): dict(actions) for name, actions in np.asarray(content).item().items()}
    except (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not readable ({error}). Needed: VideoPose3D's data_3d_h36m.npz.") from error
