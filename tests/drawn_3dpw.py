"""3DPW's folder with pictures: a drawn person walks, and a camera in somebody's hand films it at 1080 x 1920."""

from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from mocap3d.synthesis.rendering.backdrop import Backdrop
from mocap3d.synthesis.rendering.body import KEYPOINTS, Body
from mocap3d.synthesis.rendering.camera import HEIGHT, WIDTH, Framing, View, Viewpoint, framed
from mocap3d.synthesis.rendering.fabric import fabric_bank
from mocap3d.synthesis.rendering.interior import made_up_backdrop
from mocap3d.synthesis.rendering.light import Light, made_up_light
from mocap3d.synthesis.rendering.retarget import posed_like
from mocap3d.synthesis.rendering.shot import shoot
from mocap3d.synthesis.rendering.staging import Moment, Standing, at_keypoint
from mocap3d.synthesis.rendering.wardrobe import dressed
from mocap3d.synthesis.threedpw.camera_path import SIZE_PX
from mocap3d.synthesis.threedpw.write import Y_UP_FROM_Z_UP, SequenceOptions, content_of
from mocap3d.synthesis.walk import walking_person
from tests.dolls import FAULTLESS
from tests.threedpw import sequence_file


def drawn_3dpw(folder: Path, body: Body, *, n_frames: int, seed: int = 0) -> None:
    """``sequenceFiles`` and ``imageFiles`` of one sequence; the truth is that of the drawn body's own keypoints."""
    rng = np.random.default_rng(seed)
    people = _walking(body, n_frames, rng)
    cast = {name: np.repeat([p.keypoints[k] for p in people], 2, 0).astype(float) for k, name in enumerate(KEYPOINTS)}
    content = content_of("drawn_00", [cast], SequenceOptions(n_frames, unseen=0.0, invalid=0.0, seed=seed))
    sequence_file(folder, content)
    viewpoints = [_viewpoint(pose) for pose in content["cam_poses"]]
    fabrics, light = fabric_bank(rng, ()), made_up_light(rng)
    backdrop = made_up_backdrop(np.stack([v.centre_in_world for v in viewpoints]), 0.0, fabrics, (), rng)
    pictures = folder / "imageFiles" / "drawn_00"
    pictures.mkdir(parents=True)
    for frame, (person, viewpoint) in enumerate(zip(people, viewpoints, strict=True)):
        picture = _filmed(person, viewpoint, content["cam_intrinsics"], light, backdrop, fabrics)
        cv2.imwrite(str(pictures / f"image_{frame:05d}.jpg"), picture[..., ::-1])


def _walking(body: Body, n_frames: int, rng: Generator) -> list[Standing]:
    actor = dressed(body, {}, rng)
    at = walking_person(n_frames, rate_hz=30.0, height_m=1.75, seed=1)
    people = []
    for frame in range(n_frames):
        person = actor.posed(posed_like(actor.figure, {name: track[frame] for name, track in at.items()}))
        people.append(person.moved(at["Hip"][frame] - at_keypoint(person, "Hip")))
    lowest = min(float(person.mesh.vertices[person.mesh.triangles, 2].min()) for person in people)
    return [person.moved(np.array([0, 0, -lowest])) for person in people]


def _viewpoint(pose: np.ndarray) -> Viewpoint:
    rotation = pose[:3, :3] @ Y_UP_FROM_Z_UP
    return Viewpoint(rotation, -rotation.T @ pose[:3, 3])


def _filmed(
    person: Standing, viewpoint: Viewpoint, matrix: np.ndarray, light: Light, backdrop: Backdrop, fabrics: np.ndarray
) -> np.ndarray:
    """The whole picture coarsely, and the person's surroundings finely over it: the renderer draws small crops."""
    coarse = _crop_of(matrix, np.array([SIZE_PX[0] / 2, SIZE_PX[1] / 2]), SIZE_PX[1] / HEIGHT)
    near = framed(viewpoint, person.keypoints, Framing(1.2, (0.0, 0.0))).matrix
    scale = matrix[0, 0] / near[0, 0]
    middle = (np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2]) - near[:2, 2]) * scale + matrix[:2, 2]
    whole = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    for crop in (coarse, _crop_of(matrix, middle, scale)):
        view = View(viewpoint.rotation, viewpoint.centre_in_world, crop)
        drawn = shoot(Moment((person,), (), 0.0), view, light, backdrop, fabrics, FAULTLESS, np.random.default_rng(0))
        _paste(whole, drawn.picture, crop, matrix)
    return whole


def _crop_of(matrix: np.ndarray, middle_px: np.ndarray, scale: float) -> np.ndarray:
    """Camera matrix of a crop of WIDTH x HEIGHT whose pixels are ``scale`` of the whole picture's wide."""
    crop = matrix.copy()
    crop[:2] /= scale
    crop[:2, 2] += np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2]) - middle_px / scale
    return crop


def _paste(whole: np.ndarray, picture: np.ndarray, crop: np.ndarray, matrix: np.ndarray) -> None:
    """Into the whole picture, where the crop is of it."""
    crop_from_whole = (crop @ np.linalg.inv(matrix))[:2]
    size = (whole.shape[1], whole.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), crop_from_whole, size, flags=flags) > 254
    whole[inside] = cv2.warpAffine(picture, crop_from_whole, size, flags=flags)[inside]
