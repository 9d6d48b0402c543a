"""Triangles to pixels: a z-buffer that remembers which triangle each pixel shows, and where in it.

Pixel (0, 0) is the centre of the top-left pixel. Depth is kept as its inverse, which is linear over the picture.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from mocap3d.synthesis.rendering.jit import kernel

NEAREST_M = 0.1
"""Triangles that reach nearer to the camera than this are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """What each pixel shows."""

    inverse_depth: Float32[np.ndarray, "h w"]
    """1/m; 0 where there is nothing."""
    triangle: Int32[np.ndarray, "h w"]
    """-1 where there is nothing."""
    second: Float32[np.ndarray, "h w"]
    """Weight of the triangle's second corner, linear over the picture (not yet perspective)."""
    third: Float32[np.ndarray, "h w"]


def rasterise(
    uv_px: Float32[np.ndarray, "v 2"],
    inverse_depth: Float32[np.ndarray, " v"],
    triangles: Int32[np.ndarray, "t 3"],
    *,
    height: int,
    width: int,
) -> Raster:
    """The nearest triangle of every pixel centre; vertices with an inverse depth of 0 or less lie behind the camera."""
    raster = Raster(
        np.zeros((height, width), np.float32),
        np.full((height, width), -1, np.int32),
        np.zeros((height, width), np.float32),
        np.zeros((height, width), np.float32),
    )
    _fill(uv_px, inverse_depth, triangles, raster.inverse_depth, raster.triangle, raster.second, raster.third)
    return raster


@kernel
def _fill(uv, inverse_depth, triangles, depths, owner, second, third):
    height, width = depths.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        za, zb, zc = inverse_depth[a], inverse_depth[b], inverse_depth[c]
        if za <= 0 or zb <= 0 or zc <= 0:
            continue
        x0, y0, x1, y1, x2, y2 = uv[a, 0], uv[a, 1], uv[b, 0], uv[b, 1], uv[c, 0], uv[c, 1]
        low_x, high_x = min(x0, x1, x2), max(x0, x1, x2)
        low_y, high_y = min(y0, y1, y2), max(y0, y1, y2)
        if high_x < 0 or high_y < 0 or low_x > width - 1 or low_y > height - 1:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        scale = 1 / area
        dx1, dx2 = (y2 - y0) * scale, (y0 - y1) * scale
        for y in range(max(0, int(np.ceil(low_y))), min(height - 1, int(np.floor(high_y))) + 1):
            row1 = -(x2 - x0) * (y - y0) * scale
            row2 = (x1 - x0) * (y - y0) * scale
            for x in range(max(0, int(np.ceil(low_x))), min(width - 1, int(np.floor(high_x))) + 1):
                w1 = (x - x0) * dx1 + row1
                w2 = (x - x0) * dx2 + row2
                w0 = 1 - w1 - w2
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                z = w0 * za + w1 * zb + w2 * zc
                if z > depths[y, x]:
                    depths[y, x] = z
                    owner[y, x] = t
                    second[y, x] = w1
                    third[y, x] = w2


def vertex_normals(
    vertices: Float32[np.ndarray, "v 3"], triangles: Int32[np.ndarray, "t 3"]
) -> Float32[np.ndarray, "v 3"]:
    """Unit normals, weighted by area; zero for a vertex of no triangle."""
    normals = np.zeros_like(vertices)
    _add_normals(vertices, triangles, normals)
    return normals


@kernel
def _add_normals(v, triangles, normals):
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = v[b, 0] - v[a, 0], v[b, 1] - v[a, 1], v[b, 2] - v[a, 2]
        wx, wy, wz = v[c, 0] - v[a, 0], v[c, 1] - v[a, 1], v[c, 2] - v[a, 2]
        nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for q in (a, b, c):
            normals[q, 0] += nx
            normals[q, 1] += ny
            normals[q, 2] += nz
    for i in range(normals.shape[0]):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2)
        if length > 0:
            for q in range(3):
                normals[i, q] /= length
