"""What the renderer draws: triangles with colours and materials, of people and of things."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int8, Int32

NO_PART = -1


@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """m surfaces."""

    texture: Int32[np.ndarray, " m"]
    """Place in the bank of textures."""
    tiles: Float32[np.ndarray, " m"]
    """How often the texture is repeated over the unit of uv."""
    gloss: Float32[np.ndarray, " m"]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """v vertices in the world, t triangles; the texture has its own w corners."""

    vertices: Float32[np.ndarray, "v 3"]
    triangles: Int32[np.ndarray, "t 3"]
    texture_uv: Float32[np.ndarray, "w 2"]
    texture_triangles: Int32[np.ndarray, "t 3"]
    colour: Float32[np.ndarray, "v 3"]
    """RGB, multiplies the texture."""
    material: Int32[np.ndarray, " t"]
    part: Int8[np.ndarray, " t"]
    """Of a body (:class:`~mocap3d.synthesis.rendering.body.Part`); NO_PART for a thing."""
    owner: Int8[np.ndarray, " t"]
    """Number of the person; -1 for a thing."""
    materials: Materials


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """All of them in one."""
    vertices = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    corners = np.cumsum([0, *(len(mesh.texture_uv) for mesh in meshes)])
    kinds = np.cumsum([0, *(len(mesh.materials.texture) for mesh in meshes)])

    def pooled(name: str) -> np.ndarray:
        return np.concatenate([getattr(mesh, name) for mesh in meshes])

    def shifted(name: str, by: np.ndarray) -> np.ndarray:
        return np.concatenate([getattr(mesh, name) + n for mesh, n in zip(meshes, by, strict=False)]).astype(np.int32)

    def of_materials(name: str) -> np.ndarray:
        return np.concatenate([getattr(mesh.materials, name) for mesh in meshes])

    return Mesh(
        vertices=pooled("vertices"),
        triangles=shifted("triangles", vertices),
        texture_uv=pooled("texture_uv"),
        texture_triangles=shifted("texture_triangles", corners),
        colour=pooled("colour"),
        material=shifted("material", kinds),
        part=pooled("part"),
        owner=pooled("owner"),
        materials=Materials(of_materials("texture"), of_materials("tiles"), of_materials("gloss")),
    )
