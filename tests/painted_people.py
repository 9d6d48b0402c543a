"""Stick people painted on coloured noise: pictures with exact keypoints that cost no body model."""

import cv2
import numpy as np

from mocap3d.session.samples import Samples
from mocap3d.skeletons.skeleton import load_skeleton

SKELETON = load_skeleton("halpe26")
STANDING = np.array(
    [
        [96, 40], [100, 36], [92, 36], [106, 40], [86, 40], [120, 70], [72, 70], [130, 105], [62, 105], [135, 138],
        [57, 138], [110, 140], [82, 140], [112, 185], [80, 185], [114, 230], [78, 230], [96, 22], [96, 66], [96, 140],
        [118, 242], [74, 242], [122, 240], [70, 240], [112, 236], [80, 236],
    ],
    float,
)  # fmt: skip
"""Facing the camera in 192 x 256 pixels: the person's left is on the picture's right."""


def painted_people(
    n: int, seed: int = 0, *, size_px: tuple[int, int] = (192, 256), views: int = 1, frames: int = 1
) -> Samples:
    """A shard of n people; with ``views`` so many in a row are of one instant, with ``frames`` so many of one clip."""
    rng = np.random.default_rng(seed)
    people = [_person(rng, size_px) for _ in range(n)]
    numbers = np.arange(n)
    return Samples(
        encoded=tuple(encoded for encoded, _ in people),
        uv_px=np.stack([uv_px for _, uv_px in people]).astype(np.float32),
        visibility=np.where(rng.random((n, 26)) < 0.1, 1, 2).astype(np.int8),
        weight=np.ones((n, 26), np.float32),
        p_in_cam=np.full((n, 26, 3), np.nan, np.float32),
        matrix=np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        cam_from_world=np.full((n, 3, 4), np.nan, np.float32),
        instant=numbers // views if views > 1 else np.full(n, -1),
        clip=numbers // frames if frames > 1 else np.full(n, -1),
        frame=numbers % frames,
    )


def _person(rng: np.random.Generator, size_px: tuple[int, int]) -> tuple[bytes, np.ndarray]:
    width, height = size_px
    uv_px = (STANDING - [96, 128]) * rng.uniform(0.75, 1.0) + [96, 128] + rng.normal(0, 6, 2)
    uv_px = (uv_px + rng.normal(0, 4, STANDING.shape)) * (width / 192, height / 256)
    image = rng.integers(60, 190, (height // 16, width // 16, 3)).astype(np.uint8)
    image = cv2.resize(image, size_px)
    for a, b in SKELETON.limbs:
        colour = np.random.default_rng(b).integers(0, 256, 3).tolist()
        ends = (tuple(np.round(uv_px[k]).astype(int).tolist()) for k in (a, b))
        cv2.line(image, *ends, colour, max(2, height // 40))
    return cv2.imencode(".jpg", image)[1].tobytes(), uv_px
