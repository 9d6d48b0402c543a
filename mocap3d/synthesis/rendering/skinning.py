"""Bones to vertices: forward kinematics, and linear blend skinning."""

import numpy as np
from jaxtyping import Float, Float32, Int32

from mocap3d.synthesis.rendering.jit import kernel


@kernel
def bone_transforms(turns, heads, parents):
    """World from rest of every bone (b 3 4): each is turned about its own head, and by all its parents' turns."""
    n = turns.shape[0]
    out = np.zeros((n, 3, 4))
    for b in range(n):
        local = np.zeros((3, 4))
        for i in range(3):
            local[i, 3] = heads[b, i]
            for j in range(3):
                local[i, j] = turns[b, i, j]
                local[i, 3] -= turns[b, i, j] * heads[b, j]
        p = parents[b]
        if p < 0:
            out[b] = local
            continue
        for i in range(3):
            out[b, i, 3] = out[p, i, 3]
            for j in range(4):
                for k in range(3):
                    out[b, i, j] += out[p, i, k] * local[k, j]
    return out


def skinned(
    rest: Float32[np.ndarray, "v 3"],
    weight: Float32[np.ndarray, "v k"],
    bone: Int32[np.ndarray, "v k"],
    world_from_rest: Float[np.ndarray, "b 3 4"],
) -> Float32[np.ndarray, "v 3"]:
    """Vertices moved by the weighted sum of their bones; the weights of a vertex stand in descending order."""
    moved = np.empty_like(rest)
    _skin(rest, weight, bone, world_from_rest.astype(np.float32), moved)
    return moved


@kernel
def _skin(rest, weight, bone, transforms, moved):
    for i in range(rest.shape[0]):
        x, y, z = rest[i, 0], rest[i, 1], rest[i, 2]
        ox = oy = oz = np.float32(0)
        for k in range(weight.shape[1]):
            w = weight[i, k]
            if w == 0:
                break
            m = transforms[bone[i, k]]
            ox += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
            oy += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
            oz += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        moved[i, 0], moved[i, 1], moved[i, 2] = ox, oy, oz


def strongest(
    weight: Float32[np.ndarray, "v k"], bone: Int32[np.ndarray, "v k"], count: int
) -> tuple[Float32[np.ndarray, "v c"], Int32[np.ndarray, "v c"]]:
    """The ``count`` largest weights of every vertex in descending order, which sum to 1 again, and their bones."""
    order = np.argsort(-weight, axis=1, kind="stable")[:, :count]
    kept = np.take_along_axis(weight, order, axis=1)
    total = kept.sum(axis=1, keepdims=True)
    return (kept / np.where(total > 0, total, 1)).astype(np.float32), np.take_along_axis(bone, order, axis=1)
