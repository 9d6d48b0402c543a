"""Cameras as laboratories put them up, and the crop of a person out of their picture."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator

from mocap3d.synthesis.rendering.turns import turn_z

WIDTH, HEIGHT = 192, 256
MARGIN = 1.25
"""The crop's size over that of the box of keypoints, as a detector's box is padded."""
SCALE, SHIFT = (0.82, 1.3), 0.045
TRUNCATED, TRUNCATION = 0.12, 0.28
_NEAR_M, _FAR_M = 1.8, 9.0
_LOW_M, _HIGH_M = 0.5, 3.0
_ODD, _LYING_CAMERA, _ANY_ROLL = 0.1, 0.1, 0.04


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A pinhole camera whose picture is a crop of WIDTH x HEIGHT."""

    rotation: Float[np.ndarray, "3 3"]
    """Camera from world."""
    centre_in_world: Float[np.ndarray, " 3"]
    matrix: Float[np.ndarray, "3 3"]
    """Pixel (0, 0) is the centre of the top-left pixel."""

    @property
    def cam_from_world(self) -> Float[np.ndarray, "3 4"]:
        """Rotation beside translation."""
        return np.concatenate([self.rotation, -(self.rotation @ self.centre_in_world)[:, None]], axis=1)

    def in_cam(self, p_in_world: np.ndarray) -> np.ndarray:
        """Points in the camera frame, of the points' precision."""
        centre, rotation = self.centre_in_world, self.rotation
        return ((p_in_world - centre) @ rotation.T).astype(p_in_world.dtype)

    def project(self, p_in_cam: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        """Pixels; NaN behind the camera."""
        depth = np.where(p_in_cam[:, 2:] > 0, p_in_cam[:, 2:], np.nan)
        return p_in_cam[:, :2] / depth * [self.matrix[0, 0], self.matrix[1, 1]] + self.matrix[:2, 2]


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """Where a camera is and looks; what it crops is chosen later."""

    rotation: Float[np.ndarray, "3 3"]
    centre_in_world: Float[np.ndarray, " 3"]


def made_up_viewpoint(
    target: Float[np.ndarray, " 3"], floor_m: float, rng: Generator, *, azimuth_rad: float | None = None
) -> Viewpoint:
    """On a tripod, a wall or a truss, looking about at the person; level, on its side, or rolled."""
    azimuth = rng.uniform(0, 2 * np.pi) if azimuth_rad is None else azimuth_rad
    distance = np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M)))
    if rng.random() < _ODD:
        elevation = rng.uniform(np.radians(-30), np.radians(80))
        centre = target + distance * np.array([0, 0, np.sin(elevation)])
        distance *= np.cos(elevation)
    else:
        centre = np.array([target[0], target[1], floor_m + rng.uniform(_LOW_M, _HIGH_M)])
    centre = centre + distance * np.array([np.cos(azimuth), np.sin(azimuth), 0])
    aim = target + rng.normal(0, 0.14, 3) * np.linalg.norm(target - centre)
    return Viewpoint(_looking(aim - centre, _roll(rng)), centre)


def _roll(rng: Generator) -> float:
    fate = rng.random()
    if fate < _LYING_CAMERA:
        return rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.09)
    if fate < _LYING_CAMERA + _ANY_ROLL:
        return rng.uniform(-np.pi, np.pi)
    return rng.normal(0, 0.09)


def _looking(ahead: Float[np.ndarray, " 3"], roll_rad: float) -> Float[np.ndarray, "3 3"]:
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right) + 1e-9
    return turn_z(roll_rad) @ np.stack([right, np.cross(ahead, right), ahead])


@dataclass(frozen=True, slots=True)
class Framing:
    """How a crop misses the box it should have."""

    scale: float
    shift: tuple[float, float]
    """Of the middle, in crop heights."""


def made_up_framing(rng: Generator) -> Framing:
    """As wrong as a detector's box; some crops cut the person off."""
    shift = rng.normal(0, SHIFT, 2) * [WIDTH / HEIGHT, 1]
    if rng.random() < TRUNCATED:
        shift += rng.uniform(-TRUNCATION, TRUNCATION, 2)
    return Framing(rng.uniform(*SCALE), (float(shift[0]), float(shift[1])))


def framed(viewpoint: Viewpoint, keypoints: Float32[np.ndarray, "k 3"], framing: Framing) -> View:
    """The crop about a person whose keypoints (in the world) are all before the camera."""
    p_in_cam = (keypoints - viewpoint.centre_in_world) @ viewpoint.rotation.T
    xy = p_in_cam[:, :2] / p_in_cam[:, 2:]
    low, high = xy.min(axis=0), xy.max(axis=0)
    size = high - low
    height = max(size[1], size[0] * HEIGHT / WIDTH) * MARGIN * framing.scale
    middle = (low + high) / 2 + np.asarray(framing.shift) * height
    focal_px = HEIGHT / height
    matrix = np.array(
        [
            [focal_px, 0, (WIDTH - 1) / 2 - focal_px * middle[0]],
            [0, focal_px, (HEIGHT - 1) / 2 - focal_px * middle[1]],
            [0, 0, 1],
        ]
    )
    return View(viewpoint.rotation, viewpoint.centre_in_world, matrix)
