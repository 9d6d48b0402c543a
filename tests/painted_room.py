"""A room whose floor and walls are painted with blots, photographed by cameras of known truth."""

import cv2
import numpy as np
import torch

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid

SIZE_PX = (800, 600)
PLANES = (  # a corner, and the two edges that span each plane (m): the floor, two walls, the sides of a box
    ((-4, -3, 0), (8, 0, 0), (0, 6, 0)),
    ((-4, 3, 0), (8, 0, 0), (0, 0, 3)),
    ((-4, -3, 0), (0, 6, 0), (0, 0, 3)),
    ((-0.5, 0.5, 0), (1.4, 0, 0), (0, 0, 1)),
    ((-0.5, 0.5, 1), (1.4, 0, 0), (0, 0.8, 0)),
)


def camera_at(x: float, y: float, z: float, *, target: tuple[float, float, float] = (0.0, 1.5, 0.8)) -> Camera:
    """Looking at a place, upright; 700 px of focal length, without distortion."""
    centre, towards = torch.tensor([x, y, z], dtype=torch.float64), torch.tensor(target, dtype=torch.float64)
    forward = (towards - centre) / (towards - centre).norm()
    right = torch.linalg.cross(forward, torch.tensor([0.0, 0, 1], dtype=torch.float64))
    right = right / right.norm()
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward])
    lens = Lens.pinhole(torch.full((2,), 700.0, dtype=torch.float64), torch.tensor([399.5, 299.5], dtype=torch.float64))
    return Camera(lens, Rigid(rotation, -rotation @ centre), SIZE_PX)


def picture(camera: Camera, *, seed: int = 0) -> np.ndarray:
    """What it sees (h w), by the nearest plane that each pixel's ray meets."""
    width, height = camera.size_px
    v, u = np.mgrid[:height, :width].astype(np.float64)
    origin, direction = camera.rays(torch.from_numpy(np.stack([u, v], -1)))
    origin, direction = origin.numpy(), direction.numpy()
    shown, nearest = np.full((height, width), 90.0), np.full((height, width), np.inf)
    for number, (corner, along, up) in enumerate(PLANES):
        texture = _blots(seed * 100 + number, float(np.linalg.norm(along)), float(np.linalg.norm(up)))
        basis = np.stack([np.array(along, float), np.array(up, float), np.cross(along, up)], 1)
        at, step = (
            (np.linalg.inv(basis) @ (origin - corner)[..., None])[..., 0],
            (np.linalg.inv(basis) @ direction[..., None])[..., 0],
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = -at[..., 2] / step[..., 2]
        a, b = at[..., 0] + distance * step[..., 0], at[..., 1] + distance * step[..., 1]
        met = (distance > 0.05) & (distance < nearest) & (a >= 0) & (a < 1) & (b >= 0) & (b < 1)
        map_x, map_y = (np.where(met, c, 0) * (n - 1) for c, n in ((a, texture.shape[1]), (b, texture.shape[0])))
        colour = cv2.remap(texture, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
        shown, nearest = np.where(met, colour, shown), np.where(met, distance, nearest)
    return np.clip(shown, 0, 255).astype(np.uint8)


def _blots(seed: int, width_m: float, height_m: float) -> np.ndarray:
    """Noise of several sizes, 120 pixels per metre."""
    rng = np.random.default_rng(seed)
    shape = (int(120 * height_m), int(120 * width_m))
    out = np.zeros(shape, np.float32)
    for blur in (1.5, 4.0, 12.0):
        layer = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), blur)
        out += layer / layer.std()
    return 128 + 32 * out
