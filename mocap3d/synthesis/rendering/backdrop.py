"""What is behind people: a room with drawn walls, a panorama, or a flat picture; and their shadows on the floor."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from mocap3d.synthesis.rendering.camera import HEIGHT, WIDTH, View
from mocap3d.synthesis.rendering.jit import kernel
from mocap3d.synthesis.rendering.light import Light, ShadowMap

_FLOOR_REACH_M = 15.0
_BIAS_M = 0.03
_WIDEST = 1.0
"""Half the height of a widened piece of a panorama, at distance 1."""

Drawn = tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]
"""RGB, and 1/depth in 1/m, 0 where it is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A box with a picture on each of its inner sides, turned about the vertical."""

    low: Float[np.ndarray, " 3"]
    high: Float[np.ndarray, " 3"]
    room_from_world: Float[np.ndarray, "3 3"]
    sides: UInt8[np.ndarray, "6 n n 3"]
    """At low x, high x, low y, high y, floor, ceiling."""

    def drawn(self, view: View, light: Light, shadows: ShadowMap) -> Drawn:
        """Walls by where each pixel's ray leaves the box."""
        picture, inverse_depth = _blank()
        _draw_room(
            view.rotation @ self.room_from_world.T, self.room_from_world @ view.centre_in_world, _inverse(view),
            self.low, self.high, self.sides, self.room_from_world @ light.towards, light.lamp, light.sky, light.ground,
            light.shadow, shadows.axes @ self.room_from_world.T, shadows.origin, shadows.height, picture, inverse_depth,
        )  # fmt: skip
        return picture, inverse_depth


@dataclass(frozen=True, slots=True, eq=False)
class Panorama:
    """Far away in all directions; people may cast shadows on its ground, or on a floor laid over it."""

    picture: UInt8[np.ndarray, "h w 3"]
    yaw_rad: float
    zoom: float
    """Over 1, a crop shows a wider piece, as sharp pictures of far places look."""
    floor_m: float
    has_ground: bool
    floor: UInt8[np.ndarray, "n n 3"] | None

    def drawn(self, view: View, light: Light, shadows: ShadowMap) -> Drawn:
        """By the direction of each pixel's ray."""
        u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
        scale = _inverse(view)
        wide = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
        ahead = np.stack([u * scale[0, 0] + scale[0, 2], v * scale[1, 1] + scale[1, 2]], axis=-1)
        middle = wide * [scale[0, 0], scale[1, 1]] + scale[:2, 2]
        widest = _WIDEST / (scale[1, 1] * HEIGHT / 2)
        ahead = middle + (ahead - middle) * max(1.0, min(self.zoom, widest))
        rays = np.concatenate([ahead, np.ones((HEIGHT, WIDTH, 1))], axis=-1) @ view.rotation
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        height, width = self.picture.shape[:2]
        column = (np.arctan2(rays[..., 0], rays[..., 1]) + self.yaw_rad) / (2 * np.pi) % 1 * width
        row = np.arccos(np.clip(rays[..., 2], -1, 1)) / np.pi * (height - 1)
        seen = cv2.remap(
            self.picture,
            column.astype(np.float32),
            row.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        picture = seen.astype(np.float32) / np.float32(255)
        inverse_depth = _blank()[1]
        if self.has_ground:
            laid = self.floor if self.floor is not None else np.zeros((0, 0, 3), np.uint8)
            _draw_ground(
                view.rotation, view.centre_in_world, scale, self.floor_m, laid, light.shadow, light.sky,
                shadows.axes, shadows.origin, shadows.height, picture, inverse_depth,
            )  # fmt: skip
        return picture, inverse_depth


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A picture that all cameras see alike."""

    picture: Float32[np.ndarray, "h w 3"]

    def drawn(self, view: View, light: Light, shadows: ShadowMap) -> Drawn:  # noqa: ARG002, it has no place
        """Itself."""
        return self.picture.copy(), _blank()[1]


Backdrop = Room | Panorama | Flat
"""Everything that is not a mesh."""


def _blank() -> Drawn:
    return np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)


def _inverse(view: View) -> Float[np.ndarray, "3 3"]:
    return np.linalg.inv(view.matrix)


@kernel
def _in_shadow(px, py, pz, axes, origin, heights):
    """Whether something lies between a point and the lamp."""
    n = heights.shape[0]
    sx = int(np.floor(axes[0, 0] * px + axes[0, 1] * py + axes[0, 2] * pz + origin[0]))
    sy = int(np.floor(axes[1, 0] * px + axes[1, 1] * py + axes[1, 2] * pz + origin[1]))
    if sx < 0 or sy < 0 or sx >= n or sy >= n:
        return False
    return heights[sy, sx] > axes[2, 0] * px + axes[2, 1] * py + axes[2, 2] * pz + origin[2] + _BIAS_M


@kernel
def _draw_room(
    rotation, centre, inverse, low, high, sides, towards, lamp, sky, ground, shadow, axes, origin, heights, picture,
    inverse_depth,
):  # fmt: skip
    n = sides.shape[1]
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            a, b = x * inverse[0, 0] + inverse[0, 2], y * inverse[1, 1] + inverse[1, 2]
            reach, axis, far = 1e9, 0, False
            for i in range(3):
                d = rotation[0, i] * a + rotation[1, i] * b + rotation[2, i]
                if abs(d) < 1e-9:
                    continue
                t = ((high[i] if d > 0 else low[i]) - centre[i]) / d
                if t < reach:
                    reach, axis, far = t, i, d > 0
            p0 = centre[0] + reach * (rotation[0, 0] * a + rotation[1, 0] * b + rotation[2, 0])
            p1 = centre[1] + reach * (rotation[0, 1] * a + rotation[1, 1] * b + rotation[2, 1])
            p2 = centre[2] + reach * (rotation[0, 2] * a + rotation[1, 2] * b + rotation[2, 2])
            inverse_depth[y, x] = 1 / max(reach, 1e-6)
            if axis == 0:
                s, r = (p1 - low[1]) / (high[1] - low[1]), (high[2] - p2) / (high[2] - low[2])
            elif axis == 1:
                s, r = (p0 - low[0]) / (high[0] - low[0]), (high[2] - p2) / (high[2] - low[2])
            else:
                s, r = (p0 - low[0]) / (high[0] - low[0]), (p1 - low[1]) / (high[1] - low[1])
            s, r = min(max(s, 0.0), 1.0) * (n - 1), min(max(r, 0.0), 1.0) * (n - 1)
            c0, r0 = min(int(s), n - 2), min(int(r), n - 2)
            fc, fr = s - c0, r - r0
            side = 2 * axis + (1 if far else 0)
            lit = max(0.0, -towards[axis] if far else towards[axis])
            if lit > 0 and shadow > 0 and axis == 2 and _in_shadow(p0, p1, p2, axes, origin, heights):
                lit *= 1 - shadow
            for q in range(3):
                upper = sides[side, r0, c0, q] * (1 - fc) + sides[side, r0, c0 + 1, q] * fc
                lower = sides[side, r0 + 1, c0, q] * (1 - fc) + sides[side, r0 + 1, c0 + 1, q] * fc
                own = (upper * (1 - fr) + lower * fr) / 255
                around = sky[q] if axis == 2 and not far else 0.5 * (sky[q] + ground[q])
                picture[y, x, q] = own * (around + 0.7 * lamp[q] * lit)


@kernel
def _draw_ground(rotation, centre, inverse, floor_m, floor, shadow, sky, axes, origin, heights, picture, inverse_depth):
    n = floor.shape[0]
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            a, b = x * inverse[0, 0] + inverse[0, 2], y * inverse[1, 1] + inverse[1, 2]
            d = rotation[0, 2] * a + rotation[1, 2] * b + rotation[2, 2]
            if d > -1e-4:
                continue
            reach = (floor_m - centre[2]) / d
            if reach < 0 or reach > _FLOOR_REACH_M:
                continue
            px = centre[0] + reach * (rotation[0, 0] * a + rotation[1, 0] * b + rotation[2, 0])
            py = centre[1] + reach * (rotation[0, 1] * a + rotation[1, 1] * b + rotation[2, 1])
            inverse_depth[y, x] = 1 / reach
            if n > 0:
                row, column = int(np.floor(px * n / 2)) % n, int(np.floor(py * n / 2)) % n
                for q in range(3):
                    picture[y, x, q] = floor[row, column, q] / 255 * sky[q]
            if shadow > 0 and _in_shadow(px, py, floor_m, axes, origin, heights):
                for q in range(3):
                    picture[y, x, q] *= 1 - 0.6 * shadow
