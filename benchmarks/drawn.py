"""Pictures of any size with several drawn people in them, whose keypoints are known: put together from crops."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mocap3d.synthesis.rendering.actor import Standing
from mocap3d.synthesis.rendering.backdrop import Panorama
from mocap3d.synthesis.rendering.camera import HEIGHT, WIDTH, View
from mocap3d.synthesis.rendering.light import Light, made_up_light, shadow_map
from mocap3d.synthesis.rendering.mesh import Mesh, joined
from mocap3d.synthesis.rendering.raster import vertex_normals
from mocap3d.synthesis.rendering.shader import shaded
from mocap3d.synthesis.rendering.shot import rasterised
from mocap3d.synthesis.rendering.staging import one_person
from mocap3d.synthesis.rendering.studio import Studio
from mocap3d.synthesis.rendering.wardrobe import dressed

CAMERA_M = 1.6
"""Above the floor; it looks level along +y."""
_ROTATION = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_MEAN, _GAMMA, _BLUR_PX, _NOISE, _JPEG = 0.25, 0.5, 0.6, 0.012, 90


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A finished picture (RGB) and the keypoints (p 26 2) of the people in it."""

    picture: np.ndarray
    uv_px: np.ndarray


def somebody(studio: Studio, rng: np.random.Generator) -> Standing:
    """Upright enough to have a height: sitting and crawling people are made up anew."""
    while True:
        person, _, _ = one_person(dressed(studio.body, studio.garments, rng), studio.motions, rng)
        if np.ptp(person.keypoints[:, 2]) > 1.3:
            return person


def draw(
    people: Sequence[Standing],
    studio: Studio,
    fabrics: np.ndarray,
    size_px: tuple[int, int],
    focal_px: float,
    rng: np.random.Generator,
) -> Scene:
    """Through a camera at the origin, ``CAMERA_M`` above the floor; the size is in whole crops."""
    panorama = studio.panoramas[rng.integers(len(studio.panoramas))]
    backdrop = Panorama(panorama, float(rng.uniform(0, 2 * np.pi)), 1.0, 0.0, True, None)
    light, mesh = made_up_light(rng), joined([person.owned_by(n).mesh for n, person in enumerate(people)])
    radiance = np.zeros((size_px[1], size_px[0], 3), np.float32)
    for top in range(0, size_px[1], HEIGHT):
        for left in range(0, size_px[0], WIDTH):
            here = slice(top, top + HEIGHT), slice(left, left + WIDTH)
            view = _view(focal_px, (size_px[0] - 1) / 2 - left, (size_px[1] - 1) / 2 - top)
            radiance[here] = _crop(mesh, view, light, backdrop, fabrics)
    view = _view(focal_px, (size_px[0] - 1) / 2, (size_px[1] - 1) / 2)
    uv_px = [view.project(view.in_cam(person.keypoints.astype(float))) for person in people]
    return Scene(_exposed(radiance, rng), np.stack(uv_px))


def _view(focal_px: float, u_px: float, v_px: float) -> View:
    return View(
        _ROTATION, np.array([0.0, 0.0, CAMERA_M]), np.array([[focal_px, 0, u_px], [0, focal_px, v_px], [0, 0, 1]])
    )


def _crop(mesh: Mesh, view: View, light: Light, backdrop: Panorama, fabrics: np.ndarray) -> np.ndarray:
    raster, inverse_depth = rasterised(mesh, view)
    shadows = shadow_map(mesh, light.towards)
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    drawn, cover = shaded(raster, mesh, inverse_depth, normals, view.centre_in_world, light, shadows, fabrics)
    behind, _ = backdrop.drawn(view, light, shadows)
    return behind * (1 - cover)[..., None] + drawn


def _exposed(radiance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure, blur, noise and compression of an ordinary camera."""
    picture = cv2.GaussianBlur(np.clip(radiance * (_MEAN / radiance.mean()), 0, 1), (0, 0), _BLUR_PX)
    picture = np.clip(picture + rng.normal(0, _NOISE, picture.shape), 0, 1) ** _GAMMA
    coded = cv2.imencode(".jpg", (255 * picture).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, _JPEG])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
