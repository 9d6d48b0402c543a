"""Capsules as triangles: what a skeleton wears where there is no body to show."""

import numpy as np
from jaxtyping import Float, Int

AROUND, RINGS = 8, 3
THICKNESS, THINNEST_M, THICKEST_M = 0.12, 0.008, 0.06
"""Radius over length, and its bounds."""


def capsule(
    start: Float[np.ndarray, "3"], end: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"], Int[np.ndarray, "m 3"]]:
    """Vertices, normals and triangles of a capsule about the line from ``start`` to ``end`` (m); round at both ends."""
    length = float(np.linalg.norm(end - start))
    radius = float(np.clip(THICKNESS * length, THINNEST_M, THICKEST_M))
    axes = _axes((end - start) / length if length > 0 else np.array([0.0, 1.0, 0.0]))
    rings = [(start, -angle) for angle in np.linspace(np.pi / 2, 0, RINGS)]
    rings += [(end, angle) for angle in np.linspace(0, np.pi / 2, RINGS)]
    turns = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns), np.zeros(AROUND)], axis=1)
    normals = np.concatenate([np.cos(up) * circle + [0, 0, np.sin(up)] for _, up in rings]) @ axes
    centres = np.repeat([centre for centre, _ in rings], AROUND, axis=0)
    return centres + radius * normals, normals, _triangles(len(rings))


def _axes(along: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Rows: two axes across, and the one along."""
    across = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(along, across), along])


def _triangles(n_rings: int) -> Int[np.ndarray, "m 3"]:
    """Two per square between neighbouring rings, counter-clockwise seen from outside."""
    first = np.arange(AROUND)
    following = (first + 1) % AROUND
    rows = []
    for ring in range(n_rings - 1):
        low, high = ring * AROUND, (ring + 1) * AROUND
        rows.append(np.stack([low + first, low + following, high + following], axis=1))
        rows.append(np.stack([low + first, high + following, high + first], axis=1))
    return np.concatenate(rows)
