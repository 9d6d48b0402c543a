"""The z-buffer and the shader against rays that meet every triangle, one by one."""

import numpy as np
import pytest
from dolls import EVEN, WHITE, view_of
from scipy.spatial.transform import Rotation

from mocap3d.synthesis.rendering.light import Light, shadow_map
from mocap3d.synthesis.rendering.mesh import Materials, Mesh, joined
from mocap3d.synthesis.rendering.props import Paint, box
from mocap3d.synthesis.rendering.raster import rasterise, vertex_normals
from mocap3d.synthesis.rendering.shader import SUPERSAMPLED, shaded
from mocap3d.synthesis.rendering.shot import rasterised
from mocap3d.synthesis.rendering.skinning import strongest
from mocap3d.synthesis.rendering.turns import about, between, part_of

SIZE = 64


def soup(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles at random, in the camera frame, some of them through each other."""
    middle = rng.uniform([-1, -1, 2], [1, 1, 5], (count, 1, 3))
    vertices = (middle + rng.normal(0, 0.4, (count, 3, 3))).reshape(-1, 3)
    return vertices, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def nearest(vertices: np.ndarray, triangles: np.ndarray, ray: np.ndarray) -> tuple[float, int, float]:
    """Depth of the first hit along a ray from the origin, its triangle, and how far the ray is from any edge.

    Moeller and Trumbore (1997).
    """
    corner, first, second = (vertices[triangles[:, k]] for k in range(3))
    first, second = first - corner, second - corner
    across = np.cross(ray, second)
    scale = 1 / np.einsum("ti,ti->t", first, across)
    u = -np.einsum("ti,ti->t", corner, across) * scale
    q = np.cross(-corner, first)
    v, depth = q @ ray * scale, np.einsum("ti,ti->t", second, q) * scale
    inside = np.minimum(np.minimum(u, v), 1 - u - v)
    hit = np.where((inside > 0) & (depth > 0), depth, np.inf)
    return float(hit.min()), int(hit.argmin()), float(np.abs(inside).min())


def test_pixels_show_what_their_rays_meet_first():
    """Measured: depth differs by 3e-6 at most, and no other triangle is shown."""
    rng = np.random.default_rng(3)
    vertices, triangles = soup(rng, 60)
    f, c = 40.0, (SIZE - 1) / 2
    uv = (vertices[:, :2] / vertices[:, 2:] * f + c).astype(np.float32)
    raster = rasterise(uv, (1 / vertices[:, 2]).astype(np.float32), triangles, height=SIZE, width=SIZE)
    checked = 0
    for row, column in np.ndindex(SIZE, SIZE):
        ray = np.array([(column - c) / f, (row - c) / f, 1.0])
        depth, triangle, from_edge = nearest(vertices, triangles, ray)
        if from_edge < 1e-4:  # a rounding decides
            continue
        checked += 1
        assert raster.triangle[row, column] == (triangle if np.isfinite(depth) else -1)
        assert raster.inverse_depth[row, column] == pytest.approx(1 / depth, abs=1e-5)
    assert checked > 0.95 * SIZE**2


def test_what_reaches_behind_the_camera_is_left_out():
    vertices = np.array([[0, 0], [60, 0], [0, 60]], np.float32)
    for depths in ([1, 1, 0], [1, -1, 1]):
        raster = rasterise(vertices, np.array(depths, np.float32), np.array([[0, 1, 2]], np.int32), height=9, width=9)
        assert (raster.triangle == -1).all()


def slanted() -> Mesh:
    """A wide rectangle that runs away from a camera at -y; its red is its own height over the floor (m)."""
    corners = np.array([[-3, -2, 0], [3, -2, 0], [3, 4, 2], [-3, 4, 2]], np.float32)
    colour = np.zeros((4, 3), np.float32)
    colour[:, 0] = corners[:, 2]
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    none = Materials(np.zeros(1, np.int32), np.ones(1, np.float32), np.zeros(1, np.float32))
    alone = np.full(2, -1, np.int8)
    uv = np.zeros((1, 2), np.float32)
    return Mesh(corners, triangles, uv, np.zeros((2, 3), np.int32), colour, np.zeros(2, np.int32), alone, alone, none)


class _Somebody:
    keypoints = np.array([[-0.4, 0, 0.2], [0.4, 0, 1.2]], np.float32)


class _Wide:
    keypoints = np.array([[-1.2, 0, 0], [1.2, 0, 1.5]], np.float32)


def test_colours_run_over_a_surface_as_perspective_has_it():
    """Each pixel of a slanted rectangle against the point where its ray meets the plane. Measured: 2e-4 m."""
    mesh, view = slanted(), view_of(_Somebody, 0.0, -3.5, 1.6)
    raster, inverse_depth = rasterised(mesh, view)
    normals, level = vertex_normals(mesh.vertices, mesh.triangles), shadow_map(mesh, EVEN.towards)
    picture, cover = shaded(raster, mesh, inverse_depth, normals, view.centre_in_world, EVEN, level, WHITE)
    normal = np.array([0, -1, 3.0]) / np.sqrt(10)
    for row, column in [(40, 30), (128, 96), (200, 150), (230, 20)]:
        ray = view.rotation.T @ np.linalg.inv(view.matrix) @ [column, row, 1]
        reach = ((np.array([0, -2.0, 0]) - view.centre_in_world) @ normal) / (ray @ normal)
        height_m = (view.centre_in_world + reach * ray)[2]
        facing = abs(ray @ normal) / np.linalg.norm(ray)
        assert cover[row, column] == 1
        assert picture[row, column, 0] == pytest.approx(height_m * (0.7 + 0.3 * facing), abs=1e-3)


def test_the_picture_is_the_mean_of_its_samples():
    mesh, view = slanted(), view_of(_Somebody, 0.0, -3.5, 1.6)
    raster, _ = rasterised(mesh, view)
    assert raster.triangle.shape == (256 * SUPERSAMPLED, 192 * SUPERSAMPLED)


@pytest.mark.parametrize(("shadow", "darker"), [(1.0, True), (0.0, False)])
def test_a_box_darkens_what_is_below_it(shadow, darker):
    """A lamp straight above, a sheet on the floor and a box over its middle."""
    rng = np.random.default_rng(0)
    floor, lid = box(Paint(rng), (2, 2, 0.02), (0, 0, 0)), box(Paint(rng), (0.6, 0.6, 0.1), (0, 0, 1.5))
    mesh, view = joined([floor, lid]), view_of(_Wide, 0.0, -3.0, 1.0)
    lamp = np.array([0, 0, 1], np.float32)
    light = Light(lamp, np.ones(3, np.float32), *[np.full(3, 0.1, np.float32)] * 2, shadow)
    raster, inverse_depth = rasterised(mesh, view)
    normals = np.zeros_like(mesh.vertices)
    normals[:8, 2] = 1
    picture, _ = shaded(
        raster, mesh, inverse_depth, normals, view.centre_in_world, light, shadow_map(mesh, light.towards), WHITE
    )
    below, beside = (picture[pixel_of(view, point)] for point in ([0.0, 0, 0.01], [0.8, 0, 0.01]))
    assert (below < 0.5 * beside).all() == darker


def pixel_of(view, point) -> tuple[int, int]:
    u, v = view.project(view.in_cam(np.array([point])))[0]
    return round(v), round(u)


def test_turns_are_those_of_scipy():
    rng = np.random.default_rng(1)
    for _ in range(20):
        axis, angle = rng.normal(size=3), rng.uniform(-3, 3)
        turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
        np.testing.assert_allclose(about(axis, angle), turn, atol=1e-12)
        np.testing.assert_allclose(np.linalg.matrix_power(part_of(turn, 0.25), 4), turn, atol=1e-7)


@pytest.mark.parametrize("target", [[0.0, 0, 2], [1, 1, 1], [0, 0, -1], [0.3, -4, 0.1]])
def test_the_smallest_turn_between_directions(target):
    source, target = np.array([0.0, 0, 1]), np.array(target, float)
    turn = between(source, target)
    np.testing.assert_allclose(turn @ source, target / np.linalg.norm(target), atol=1e-6)
    angle = np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))
    assert angle == pytest.approx(np.arccos(np.clip(target[2] / np.linalg.norm(target), -1, 1)), abs=1e-6)


def test_the_strongest_weights_come_first_and_sum_to_one():
    weight = np.array([[0.1, 0.5, 0.0, 0.4]], np.float32)
    kept, bone = strongest(weight, np.array([[7, 8, 9, 10]], np.int32), 2)
    assert bone.tolist() == [[8, 10]]
    np.testing.assert_allclose(kept, [[0.5 / 0.9, 0.4 / 0.9]], rtol=1e-6)
