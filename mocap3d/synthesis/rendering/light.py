"""One sun or lamp, the sky and the floor's reflection; and what lies in the lamp's shadow."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator

from mocap3d.synthesis.rendering.mesh import Mesh
from mocap3d.synthesis.rendering.raster import rasterise

_SIZE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Colours are RGB factors on a surface's own colour."""

    towards: Float32[np.ndarray, " 3"]
    """Unit vector to the lamp."""
    lamp: Float32[np.ndarray, " 3"]
    sky: Float32[np.ndarray, " 3"]
    ground: Float32[np.ndarray, " 3"]
    shadow: float
    """How much of the lamp a shadow takes away, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class ShadowMap:
    """The scene as the lamp sees it: ``axes @ p + origin`` is (column, row, height towards the lamp in m)."""

    axes: Float32[np.ndarray, "3 3"]
    origin: Float32[np.ndarray, " 3"]
    height: Float32[np.ndarray, "n n"]


def made_up_light(rng: Generator) -> Light:
    """From above, weak or strong, warm or cold."""
    towards = rng.normal(0, 1, 3)
    towards[2] = abs(towards[2]) + 0.35
    lamp = rng.uniform(0.15, 1.1) * (1 + rng.normal(0, 0.08, 3))
    around = rng.uniform(0.35, 0.95)
    sky = around * (1 + rng.normal(0, 0.05, 3))
    ground = around * rng.uniform(0.35, 0.95) * (1 + rng.normal(0, 0.06, 3))
    shadow = rng.uniform(0.3, 0.9) if rng.random() < 0.7 else 0.0
    towards /= np.linalg.norm(towards)
    towards, lamp, sky, ground = (values.astype(np.float32) for values in (towards, lamp, sky, ground))
    return Light(towards, lamp, sky, ground, float(shadow))


def shadow_map(mesh: Mesh, towards: Float[np.ndarray, " 3"]) -> ShadowMap:
    """Drawn without perspective from where the lamp is."""
    across = np.cross([0.1, 1.0, 0.0], towards)
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(towards, across), towards])
    seen = mesh.vertices @ axes.T.astype(np.float32)
    low, high = seen.min(axis=0), seen.max(axis=0)
    scale = np.array([1.0, 1.0, 0.0]) * (_SIZE / (1.02 * max(high[0] - low[0], high[1] - low[1]))) + [0, 0, 1]
    origin = (-low * scale + [0, 0, 1]).astype(np.float32)
    axes = (axes * scale[:, None]).astype(np.float32)
    points = mesh.vertices @ axes.T + origin
    shown = rasterise(
        np.ascontiguousarray(points[:, :2]),
        np.ascontiguousarray(points[:, 2]),
        mesh.triangles,
        height=_SIZE,
        width=_SIZE,
    )
    return ShadowMap(axes, origin, shown.inverse_depth)
