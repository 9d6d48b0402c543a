"""Where the turn of each joint comes from: from the keypoints that show it."""

import numpy as np

from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.session.records import Provenance


def turn_provenance(packed: PackedTree, points: np.ndarray) -> np.ndarray:
    """(t j) from the provenance of keypoints (t k): the best of those that show a turn.

    A turn that no keypoint of the set could ever show (a wrist without a hand) is filled in at ease wherever the
    parent's is known; one whose keypoints are never seen is missing.
    """
    out = np.empty((len(points), len(packed.parent)), np.int8)
    for j in range(len(packed.parent)):
        telling = _telling(packed, j)
        if telling is None:
            out[:, j] = np.minimum(out[:, packed.parent[j]], Provenance.FILLED)
        elif not len(telling):
            out[:, j] = Provenance.MISSING
        else:
            out[:, j] = points[:, telling].max(1)
        if packed.kind[j] == 0:
            out[:, j] = out[:, packed.parent[j]]
    return out


def _telling(packed: PackedTree, j: int) -> np.ndarray | None:
    """Keypoints that show a joint's turn, or the nearest below it; None: the set has none; empty: none is seen."""
    placed = packed.placed
    own = [
        k
        for k, p in enumerate(placed)
        if p is not None
        and ((p.segment == j and (p.anchor != j or any(p.offset_ratio))) or packed.parent[p.anchor] == j)
    ]
    if own:
        return np.array([k for k in own if packed.anchor[k] >= 0], np.int64)
    below = [_telling(packed, child) for child in packed.children(j)]
    known = [found for found in below if found is not None]
    return np.concatenate(known) if known else None
