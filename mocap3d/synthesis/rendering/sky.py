"""How open each point of a mesh lies: what makes eye sockets, nostrils, ears and armpits darker."""

import numpy as np
from jaxtyping import Float32, Int32

from mocap3d.synthesis.rendering.raster import rasterise, vertex_normals

_SIZE = 512
_DIRECTIONS = 200
_BIAS_M = 0.002


def seen_sky(vertices: Float32[np.ndarray, "v 3"], triangles: Int32[np.ndarray, "t 3"]) -> Float32[np.ndarray, " v"]:
    """Share (cosine weighted) of the directions above each vertex in which nothing of the mesh is in the way."""
    normals = vertex_normals(vertices, triangles)
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in _sphere(_DIRECTIONS):
        facing = np.clip(normals @ direction, 0, None)
        total += facing
        seen += facing * _is_open(vertices, triangles, direction)
    return (seen / np.where(total > 0, total, 1)).astype(np.float32)


def _sphere(count: int) -> np.ndarray:
    """Evenly spread directions: a Fibonacci lattice."""
    z = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    return np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)


def _is_open(vertices: np.ndarray, triangles: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Whether the mesh, looked at against ``direction`` from far away, shows each vertex."""
    across = np.cross(direction, [1.0, 0, 0] if abs(direction[0]) < 0.7 else [0, 1.0, 0])
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(direction, across)])
    uv = vertices @ axes.T
    uv = (uv - uv.min(axis=0)) * ((_SIZE - 1) / np.ptp(uv, axis=0).max())
    near = vertices @ direction
    lift = 1 - near.min()
    shown = rasterise(
        uv.astype(np.float32), (near + lift).astype(np.float32), triangles, height=_SIZE, width=_SIZE
    ).inverse_depth
    column, row = np.clip(np.round(uv).astype(int), 0, _SIZE - 1).T
    return shown[row, column] <= near + lift + _BIAS_M
