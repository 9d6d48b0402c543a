"""Rigid motions, lenses and cameras, and what follows from them: the mathematics of several views."""

from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.geometry.rigid import Rigid

__all__ = ["Camera", "Lens", "LensModel", "Rigid"]
