"""Colours of what a raster shows: cloth and skin under a lamp, the sky and the floor's reflection.

Each pixel of the picture is the mean of 2x2 of the raster.
"""

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mocap3d.synthesis.rendering.jit import kernel
from mocap3d.synthesis.rendering.light import Light, ShadowMap
from mocap3d.synthesis.rendering.mesh import Mesh
from mocap3d.synthesis.rendering.raster import Raster

SUPERSAMPLED = 2
_BIAS_M = 0.025


def shaded(
    raster: Raster,
    mesh: Mesh,
    inverse_depth: Float32[np.ndarray, " v"],
    normals: Float32[np.ndarray, "v 3"],
    camera_in_world: Float[np.ndarray, " 3"],
    light: Light,
    shadows: ShadowMap,
    fabrics: UInt8[np.ndarray, "f s s 3"],
) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
    """The picture, RGB and premultiplied, and how much of each pixel is covered."""
    height, width = (n // SUPERSAMPLED for n in raster.triangle.shape)
    picture, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    _shade(
        raster.triangle, raster.second, raster.third, mesh.triangles, mesh.texture_triangles, mesh.vertices,
        inverse_depth, normals, mesh.colour, mesh.texture_uv, mesh.material, mesh.materials.texture,
        mesh.materials.tiles, mesh.materials.gloss, fabrics, camera_in_world.astype(np.float32), light.towards,
        light.lamp, light.sky, light.ground, np.float32(light.shadow), shadows.axes, shadows.origin, shadows.height,
        picture, cover,
    )  # fmt: skip
    return picture, cover


@kernel
def _shade(
    owner, second, third, triangles, texture_triangles, v, inverse_depth, normals, colour, uv, material, texture, tiles,
    gloss, fabrics, camera, towards, lamp, sky, ground, shadow, axes, origin, heights, picture, cover,
):  # fmt: skip
    size, n_map = fabrics.shape[1], heights.shape[0]
    part = np.float32(1 / SUPERSAMPLED**2)
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            t = owner[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            # Linear over the picture are the attributes times 1/depth.
            w1, w2 = second[y, x], third[y, x]
            w0 = (1 - w1 - w2) * inverse_depth[a]
            w1 *= inverse_depth[b]
            w2 *= inverse_depth[c]
            scale = 1 / (w0 + w1 + w2)
            w0, w1, w2 = w0 * scale, w1 * scale, w2 * scale
            px = w0 * v[a, 0] + w1 * v[b, 0] + w2 * v[c, 0]
            py = w0 * v[a, 1] + w1 * v[b, 1] + w2 * v[c, 1]
            pz = w0 * v[a, 2] + w1 * v[b, 2] + w2 * v[c, 2]
            nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
            ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
            nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
            scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
            nx, ny, nz = nx * scale, ny * scale, nz * scale
            ex, ey, ez = camera[0] - px, camera[1] - py, camera[2] - pz
            scale = 1 / np.sqrt(ex * ex + ey * ey + ez * ez + 1e-12)
            ex, ey, ez = ex * scale, ey * scale, ez * scale
            facing = nx * ex + ny * ey + nz * ez
            if facing < 0:  # cloth is seen from its inside too
                nx, ny, nz, facing = -nx, -ny, -nz, -facing
            m = material[t]
            ta, tb, tc = texture_triangles[t, 0], texture_triangles[t, 1], texture_triangles[t, 2]
            column = int((w0 * uv[ta, 0] + w1 * uv[tb, 0] + w2 * uv[tc, 0]) * tiles[m] * size) % size
            row = int((w0 * uv[ta, 1] + w1 * uv[tb, 1] + w2 * uv[tc, 1]) * tiles[m] * size) % size
            lit = nx * towards[0] + ny * towards[1] + nz * towards[2]
            open_ = np.float32(1)
            if lit > 0 and shadow > 0:
                sx = int(axes[0, 0] * px + axes[0, 1] * py + axes[0, 2] * pz + origin[0])
                sy = int(axes[1, 0] * px + axes[1, 1] * py + axes[1, 2] * pz + origin[1])
                sz = axes[2, 0] * px + axes[2, 1] * py + axes[2, 2] * pz + origin[2]
                if 0 <= sx < n_map and 0 <= sy < n_map and heights[sy, sx] > sz + _BIAS_M:
                    open_ = 1 - shadow
            lit = max(lit, np.float32(0)) * open_
            hx, hy, hz = towards[0] + ex, towards[1] + ey, towards[2] + ez
            shine = max(np.float32(0), (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9))
            shine = shine * shine
            shine = shine * shine
            shine = gloss[m] * shine * shine * shine * shine * open_  # Blinn-Phong, exponent 16
            up = np.float32(0.5) * (nz + 1)
            edge = np.float32(0.7) + np.float32(0.3) * facing
            for q in range(3):
                own = fabrics[texture[m], row, column, q] * np.float32(1 / 255)
                own *= w0 * colour[a, q] + w1 * colour[b, q] + w2 * colour[c, q]
                seen = own * (ground[q] * (1 - up) + sky[q] * up + lamp[q] * lit) * edge + shine * lamp[q]
                picture[y // SUPERSAMPLED, x // SUPERSAMPLED, q] += part * seen
            cover[y // SUPERSAMPLED, x // SUPERSAMPLED] += part
