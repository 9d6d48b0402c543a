"""Pictures of a printed board, or of a wand, as calibrated cameras see it: distorted by their lenses, with noise."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid

Picture = UInt8[np.ndarray, "h w"]
WALL, WHITE, BLACK = 120, 225, 25
FINE = 2
"""Rays per pixel and axis."""
PX_PER_M = 1500.0
"""Of the print."""
BORDER_M = 0.03
"""White paper around the pattern."""
NOISE = 1.5
"""Of the sensor, in grey values."""


@dataclass(frozen=True)
class Print:
    """A print: its pattern's size, and black rectangles (x, y, width, height) from its top left corner, in metres."""

    size_m: tuple[float, float]
    black_m: Float[np.ndarray, "n 4"]

    @cached_property
    def texture(self) -> Picture:
        """Seen straight on, its paper's border included."""
        width, height = (round((side + 2 * BORDER_M) * PX_PER_M) for side in self.size_m)
        texture = np.full((height, width), WHITE, np.uint8)
        ends = np.concatenate([self.black_m[:, :2], self.black_m[:, :2] + self.black_m[:, 2:]], 1) + BORDER_M
        for left, top, right, bottom in np.round(ends * PX_PER_M).astype(int):
            texture[top:bottom, left:right] = BLACK
        return texture


@dataclass(frozen=True)
class Filming:
    """One camera, whose rays are worked out once."""

    camera: Camera

    @cached_property
    def _rays(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "h w 3"]]:
        width, height = self.camera.size_px
        at = [(torch.arange(side * FINE, dtype=torch.float64) + 0.5) / FINE - 0.5 for side in (width, height)]
        v, u = torch.meshgrid(at[1], at[0], indexing="ij")
        origin, direction = self.camera.rays(torch.stack([u, v], -1))
        return origin[0, 0].numpy(), direction.numpy()

    def board(self, front: Print, world_from_board: Rigid, *, seed: int = 0) -> Picture:
        """The board, whose origin is the lower left corner of its pattern, z towards whoever reads it."""
        origin, direction = self._rays
        turn, place = world_from_board.rotation.numpy(), world_from_board.translation.numpy()
        o, d = (origin - place) @ turn, direction @ turn
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = -o[2] / d[..., 2]
            x, y = (o[axis] + depth * d[..., axis] for axis in (0, 1))
        missed = ~np.isfinite(x) | (depth <= 0)
        u = np.where(missed, -1e4, (x + BORDER_M) * PX_PER_M - 0.5)
        v = np.where(missed, -1e4, (front.size_m[1] - y + BORDER_M) * PX_PER_M - 0.5)
        # The back is blank.
        texture = front.texture if o[2] > 0 else np.full_like(front.texture, WHITE)
        blurred = cv2.GaussianBlur(texture, (0, 0), self._blur_px(world_from_board))
        fine = cv2.remap(blurred, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderValue=WALL)
        return self._sensed(fine, seed)

    def spots(self, p_in_world: Float[np.ndarray, "n 3"], radius_m: float, *, seed: int = 0) -> Picture:
        """Bright balls in front of a dark wall."""
        width, height = (side * FINE for side in self.camera.size_px)
        fine = np.full((height, width), BLACK, np.uint8)
        points = torch.from_numpy(p_in_world)
        depth = self.camera.cam_from_world.apply(points)[:, 2]
        for (u, v), z in zip(((self.camera.project(points) + 0.5) * FINE - 0.5).tolist(), depth.tolist(), strict=True):
            if np.isfinite(u) and z > 0:
                radius = radius_m * float(self.camera.lens.f_px.mean()) / z * FINE
                cv2.circle(fine, (round(16 * u), round(16 * v)), round(16 * radius), 250, -1, cv2.LINE_AA, 4)
        return self._sensed(fine, seed)

    def _blur_px(self, world_from_board: Rigid) -> float:
        """Half a ray's width on the print, so that it does not alias."""
        away_m = float((world_from_board.translation - self.camera.centre_in_world).norm())
        return max(0.3, 0.5 * away_m / float(self.camera.lens.f_px.mean()) / FINE * PX_PER_M)

    def _sensed(self, fine: UInt8[np.ndarray, "rows columns"], seed: int) -> Picture:
        seen = cv2.resize(fine, self.camera.size_px, interpolation=cv2.INTER_AREA).astype(np.float64)
        return np.clip(seen + np.random.default_rng((seed, 47)).normal(0, NOISE, seen.shape), 0, 255).astype(np.uint8)
