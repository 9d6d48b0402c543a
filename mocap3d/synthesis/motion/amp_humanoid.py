"""Motions of NVIDIA's AMP humanoid (.npy): 15 bodies with local quaternions; pickled, so read with care.

Source: the files of IsaacGymEnvs (BSD-3), poselib's SkeletonMotion.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.tree import Tree
from mocap3d.session.rate import exact_rate
from mocap3d.synthesis.motion.clip import Clip

_RECONSTRUCT = np.zeros(0).__reduce__()[0]  # numpy keeps it under different names
ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): OrderedDict,
}


class _ArraysOnly(pickle.Unpickler):
    """Builds arrays and plain containers, and nothing that could run."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return ADMITTED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}") from None


def read_amp_humanoid(path: Path) -> Clip:
    """A clip; anything in the pickle but arrays and containers is refused unrun."""
    try:
        motion = _load(path)
        tree = motion["skeleton_tree"]
        quaternions = np.asarray(motion["rotation"]["arr"], float)
        parents = [int(parent) for parent in tree["parent_indices"]["arr"]]
        names, offsets = tuple(map(str, tree["node_names"])), np.asarray(tree["local_translation"]["arr"], float)
        root, rate = np.asarray(motion["root_translation"]["arr"], float), exact_rate(float(motion["fps"]))
    except (KeyError, TypeError, ValueError, IndexError, EOFError, pickle.UnpicklingError) as error:
        raise FormatError(
            f"{path}: not readable as an AMP humanoid motion ({error}). Needed: a .npy of IsaacGymEnvs, untouched."
        ) from error
    if len(root) > 2 and np.array_equal(quaternions[:-1:2], quaternions[1::2]):
        quaternions, root, rate = quaternions[::2], root[::2], rate / 2  # 30 per second, written twice
    turns = [Rotation.from_quat(quaternions[:, joint]) for joint in range(len(parents))]
    return Clip(path, names, rate, *Tree(names, tuple(parents), offsets).posed(turns, root))


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        if np.lib.format.read_magic(file) != (1, 0) or not np.lib.format.read_array_header_1_0(file)[2].hasobject:
            raise ValueError("found a plain array")
        return _ArraysOnly(file).load().item()
