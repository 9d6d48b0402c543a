"""Camera rigs as planned on paper (``rigs/*.toml``): where cameras stand, where they look, and through which lens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import radians, tan
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig
from mocap3d.session.toml import read_toml, typed
from mocap3d.session.views import natural_key

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class LensTable:
    """``lens``: how straight lines bend."""

    model: LensModel = LensModel.PINHOLE
    distortion: tuple[float, ...] = ()
    """OpenCV's order: k1 k2 p1 p2 k3 ... for brown, k1 k2 k3 k4 for kannala-brandt."""

    def __post_init__(self):
        allowed = {LensModel.PINHOLE: (0,), LensModel.BROWN: (4, 5, 8, 12, 14), LensModel.KANNALA_BRANDT: (4,)}[
            self.model
        ]
        if len(self.distortion) not in allowed:
            counts = " or ".join(map(str, allowed))
            raise ValueError(
                f"a {self.model} lens has {counts} coefficients, but distortion has {len(self.distortion)}."
            )


@dataclass(frozen=True)
class CameraTable:
    """One of ``[[cameras]]``. Metres, Z up; give ``look_at_m`` or ``rotation``, and ``focal_px`` or ``hfov_deg``."""

    name: str
    position_m: Triple
    size_px: tuple[int, int]
    """(width, height)."""
    look_at_m: Triple | None = None
    rotation: Triple | None = None
    """Rotation vector of cam_from_world (rad), OpenCV's rvec."""
    roll_deg: float = 0.0
    """Turn of the camera about its viewing axis, clockwise as its operator sees it."""
    focal_px: float | None = None
    hfov_deg: float | None = None
    """Horizontal angle of view; distortion is not counted."""
    lens: LensTable = field(default_factory=LensTable)

    def __post_init__(self):
        if (self.look_at_m is None) == (self.rotation is None):
            raise ValueError(f"camera '{self.name}' needs either look_at_m or rotation.")
        if (self.focal_px is None) == (self.hfov_deg is None):
            raise ValueError(f"camera '{self.name}' needs either focal_px or hfov_deg.")
        if self.look_at_m == self.position_m:
            raise ValueError(f"camera '{self.name}' looks at the place where it stands; move look_at_m.")
        if min(self.size_px) < 1 or (self.focal_px or 1) <= 0 or not 0 < (self.hfov_deg or 90) < 360:
            raise ValueError(f"camera '{self.name}' needs size_px and focal_px above 0, and hfov_deg in (0, 360).")
        if (self.hfov_deg or 0) >= 180 and self.lens.model is not LensModel.KANNALA_BRANDT:
            raise ValueError(f"camera '{self.name}' sees {self.hfov_deg:g} deg, which needs a kannala-brandt lens.")

    def camera(self) -> Camera:
        """As a calibration would give it; the principal point is the middle of the picture."""
        size_px = _vector(self.size_px)
        f_px, c_px = _vector((self._focal_px(),) * 2), (size_px - 1) / 2
        distortion = _vector(self.lens.distortion)
        if self.lens.model is LensModel.BROWN:
            lens = Lens.brown(f_px, c_px, distortion)
        elif self.lens.model is LensModel.KANNALA_BRANDT:
            lens = Lens.kannala_brandt(f_px, c_px, distortion)
        else:
            lens = Lens.pinhole(f_px, c_px)
        rotation = self._rotation()
        return Camera(lens, Rigid(rotation, -rotation @ _vector(self.position_m)), self.size_px)

    def _focal_px(self) -> float:
        if self.hfov_deg is None:
            return self.focal_px or 0.0
        half = radians(self.hfov_deg) / 2
        return self.size_px[0] / 2 / (half if self.lens.model is LensModel.KANNALA_BRANDT else tan(half))

    def _rotation(self) -> Float[Tensor, "3 3"]:
        """Of cam_from_world, roll included."""
        rolled = rotation_from_rotvec(_vector((0.0, 0.0, -radians(self.roll_deg))))
        if self.rotation is not None:
            return rolled @ rotation_from_rotvec(_vector(self.rotation))
        return rolled @ _looking(_vector(self.look_at_m or ()) - _vector(self.position_m))


@dataclass(frozen=True)
class VolumeTable:
    """``[volume]``: the box in which people move."""

    min_m: Triple
    max_m: Triple

    def __post_init__(self):
        if not all(low < high for low, high in zip(self.min_m, self.max_m, strict=True)):
            raise ValueError(f"min_m {self.min_m} must lie below max_m {self.max_m} on every axis.")


@dataclass(frozen=True)
class RigTable:
    """A rig file."""

    cameras: tuple[CameraTable, ...]
    volume: VolumeTable = field(default_factory=lambda: VolumeTable((-2.0, -2.0, 0.0), (2.0, 2.0, 2.2)))
    description: str = ""

    def __post_init__(self):
        names = [camera.name for camera in self.cameras]
        if not names:
            raise ValueError("it has no [[cameras]]; needed at least one.")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two cameras are called '{min(twice)}'; give each a name of its own.")

    def calibrated(self, source: Path | None = None) -> CalibratedRig:
        """The cameras as a perfect calibration would find them, in natural order of their names."""
        tables = sorted(self.cameras, key=lambda table: natural_key(table.name))
        return CalibratedRig({table.name: table.camera() for table in tables}, source)


def read_rig(path: Path) -> RigTable:
    """A rig file, every key checked."""
    return typed(read_toml(path, error=CalibrationError), RigTable, source=path, error=CalibrationError)


def _vector(numbers: Sequence[float | int]) -> Float[Tensor, " n"]:
    return torch.tensor(numbers, dtype=torch.float64)


def _looking(direction: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """Rotation to the axes of a level camera (x right, y down, z forward) that looks along ``direction``.

    One that looks straight up or down has the world's y at the top of its picture.
    """
    forward = direction / direction.norm()
    is_vertical = bool(forward[:2].norm() < 1e-9)
    top = forward.new_tensor([0.0, 1.0, 0.0] if is_vertical else [0.0, 0.0, 1.0])
    right = torch.linalg.cross(forward, top)
    right = right / right.norm()
    return torch.stack([right, torch.linalg.cross(forward, right), forward])
