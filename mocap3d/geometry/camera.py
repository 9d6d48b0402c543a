"""Cameras: a lens, a pose in the world and a picture size; standing still or moving."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A calibrated camera. A moving one has a pose per frame, and its points lead with that axis."""

    lens: Lens
    cam_from_world: Rigid
    """Batch () for a fixed camera, (t) for a moving one."""
    size_px: tuple[int, int]
    """(width, height)."""

    @property
    def is_moving(self) -> bool:
        """Whether there is one pose per frame."""
        return self.cam_from_world.translation.ndim > 1

    @property
    def centre_in_world(self) -> Float[Tensor, "*t 3"]:
        """Where the camera stands."""
        return self.cam_from_world.inverse().translation

    def project(self, p_in_world: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 2"]:
        """The pixel of each point; NaN where the lens does not see it. Inside the picture or not: ``contains``."""
        return self.lens.project(self._to_cam(p_in_world))

    def jacobian(self, p_in_world: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 2 3"]:
        """d project(p_in_world) / d p_in_world, in pixels per metre."""
        jacobian_in_cam = self.lens.jacobian(self._to_cam(p_in_world))
        return _turned(self._pose_of(p_in_world).inverse(), jacobian_in_cam.mT).mT

    def rays(self, uv_px: Float[Tensor, "*b 2"]) -> tuple[Float[Tensor, "*b 3"], Float[Tensor, "*b 3"]]:
        """Origin and unit direction, in the world, of the ray through each pixel; NaN direction where there is none."""
        world_from_cam = self._pose_of(uv_px).inverse()
        direction_in_world = _turned(world_from_cam, self.lens.direction(uv_px)[..., None])[..., 0]
        return world_from_cam.translation.expand_as(direction_in_world), direction_in_world

    def at(self, frames: int | Int[Tensor, "*n"]) -> "Camera":
        """The camera at some frames only; a fixed camera is the same at all of them."""
        return replace(self, cam_from_world=self.cam_from_world[frames]) if self.is_moving else self

    def contains(self, uv_px: Float[Tensor, "*b 2"]) -> Bool[Tensor, "*b"]:
        """Whether a pixel lies inside the picture, whose edges are half a pixel outside its outer pixel centres."""
        return ((uv_px >= -0.5) & (uv_px < uv_px.new_tensor(self.size_px) - 0.5)).all(-1)

    def rotated(self, quarter_turns: int) -> "Camera":
        """The camera whose picture is this one's turned clockwise: lens, pose and size turn together."""
        camera = self
        for _ in range(quarter_turns % 4):
            camera = camera._turned_clockwise()
        return camera

    def _turned_clockwise(self) -> "Camera":
        """Pixel (u, v) of a picture of height h becomes (h - 1 - v, u)."""
        width, height = self.size_px
        lens, rotation = self.lens.turned_clockwise(height)
        turned_from_cam = Rigid(rotation, rotation.new_zeros(3))
        turned_from_world = turned_from_cam @ self.cam_from_world
        return Camera(lens, turned_from_world, (height, width))

    def _to_cam(self, p_in_world: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
        """Points in the camera frame. A missing one stays NaN, but sends no NaN into the pose's gradient."""
        missing = p_in_world.isnan().any(-1, keepdim=True)
        p_in_cam = self._pose_of(p_in_world).apply(torch.where(missing, 0.0, p_in_world))
        return torch.where(missing, torch.nan, p_in_cam)

    def _pose_of(self, points: Float[Tensor, "*b n"]) -> Rigid:
        """The pose that broadcasts against points: a moving camera's frames are their leading axis."""
        if not self.is_moving:
            return self.cam_from_world
        n_frames = len(self.cam_from_world.translation)
        assert points.shape[:-1][:1] == (n_frames,), f"{tuple(points.shape)} leads not with {n_frames} frames"
        return self.cam_from_world[(slice(None), *(None,) * (points.ndim - 2))]


def _turned(target_from_source: Rigid, columns: Float[Tensor, "*b 3 k"]) -> Float[Tensor, "*b 3 k"]:
    """Vectors without a place, turned. NaN stays NaN, but sends none into the rotation's gradient."""
    missing = columns.isnan()
    return torch.where(missing, torch.nan, target_from_source.rotation @ torch.where(missing, 0.0, columns))
