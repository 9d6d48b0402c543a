"""One moment through one camera: the picture, and the truth about it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int8, UInt8
from numpy.random import Generator

from mocap3d.synthesis.rendering.backdrop import Backdrop
from mocap3d.synthesis.rendering.camera import HEIGHT, WIDTH, View
from mocap3d.synthesis.rendering.interior import clutter
from mocap3d.synthesis.rendering.light import Light, shadow_map
from mocap3d.synthesis.rendering.mesh import Mesh, joined
from mocap3d.synthesis.rendering.raster import NEAREST_M, Raster, rasterise, vertex_normals
from mocap3d.synthesis.rendering.sensor import Sensor, exposed
from mocap3d.synthesis.rendering.shader import SUPERSAMPLED, shaded
from mocap3d.synthesis.rendering.staging import Moment
from mocap3d.synthesis.rendering.visibility import visibility

_CLUTTERED = 0.18


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A finished crop and its labels."""

    picture: UInt8[np.ndarray, "h w 3"]
    """RGB."""
    uv_px: Float32[np.ndarray, "26 2"]
    visibility: Int8[np.ndarray, " 26"]
    p_in_cam: Float32[np.ndarray, "26 3"]
    inverse_depth: Float32[np.ndarray, "h w"]
    """1/m, of people, things and walls; 0 where it is unknown."""
    view: View


def shoot(
    moment: Moment, view: View, light: Light, backdrop: Backdrop, fabrics: UInt8[np.ndarray, "f s s 3"], sensor: Sensor,
    rng: Generator,
) -> Shot:  # fmt: skip
    """Draws the moment and lets the sensor take it; labels are those of the moment's first person."""
    mesh = joined([*(person.owned_by(n).mesh for n, person in enumerate(moment.people)), *moment.things])
    raster, inverse_depth = rasterised(mesh, view)
    shadows = shadow_map(mesh, light.towards)
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    drawn, cover = shaded(raster, mesh, inverse_depth, normals, view.centre_in_world, light, shadows, fabrics)
    behind, far = backdrop.drawn(view, light, shadows)
    radiance = behind * (1 - cover)[..., None] + drawn
    covered = _near_clutter(radiance, fabrics, rng)
    p_in_cam = view.in_cam(moment.people[0].keypoints.astype(np.float64))
    uv_px = view.project(p_in_cam)
    seen = visibility(uv_px, p_in_cam[:, 2], raster, mesh, person=0, covered=covered)
    fine = raster.inverse_depth
    near = np.maximum(np.maximum(fine[::2, ::2], fine[1::2, ::2]), np.maximum(fine[::2, 1::2], fine[1::2, 1::2]))
    return Shot(
        picture=exposed(radiance, cover, sensor, rng),
        uv_px=uv_px.astype(np.float32),
        visibility=seen,
        p_in_cam=p_in_cam.astype(np.float32),
        inverse_depth=np.where(near > 0, near, far),
        view=view,
    )


def rasterised(mesh: Mesh, view: View) -> tuple[Raster, Float32[np.ndarray, " v"]]:
    """The mesh at twice the crop's resolution, and 1/depth of every vertex (0 if it is not before the camera)."""
    p_in_cam = mesh.vertices @ view.rotation.T.astype(np.float32) + view.cam_from_world[:, 3].astype(np.float32)
    depth = p_in_cam[:, 2]
    inverse_depth = np.where(depth > NEAREST_M, 1 / np.maximum(depth, np.float32(NEAREST_M)), np.float32(0))
    # A pixel is 2x2 of the raster: centres at u become 2 u + 1/2.
    scale = SUPERSAMPLED * np.diag(view.matrix)[:2]
    offset = SUPERSAMPLED * view.matrix[:2, 2] + (SUPERSAMPLED - 1) / 2
    fine = p_in_cam[:, :2] * inverse_depth[:, None] * scale.astype(np.float32) + offset.astype(np.float32)
    height, width = HEIGHT * SUPERSAMPLED, WIDTH * SUPERSAMPLED
    return rasterise(fine, inverse_depth, mesh.triangles, height=height, width=width), inverse_depth


def _near_clutter(
    radiance: Float32[np.ndarray, "h w 3"], fabrics: UInt8[np.ndarray, "f s s 3"], rng: Generator
) -> Float32[np.ndarray, "h w"]:
    """Sometimes draws things over the picture, as if close to the camera; which pixels they cover."""
    if rng.random() >= _CLUTTERED:
        return np.zeros(radiance.shape[:2], np.float32)
    before = radiance.copy()
    clutter(radiance, int(rng.integers(1, 4)), fabrics, rng, size=0.7)
    return (np.abs(radiance - before).max(axis=2) > 1e-4).astype(np.float32)
