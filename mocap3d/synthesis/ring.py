"""A ring of cameras for scenes that name no rig file."""

from math import cos, pi, sin

from mocap3d.errors import CalibrationError
from mocap3d.session.rig import CameraTable, LensModel, LensTable, RigTable, VolumeTable


def ring_rig(n_views: int, *, half_m: float = 3.0) -> RigTable:
    """Full-HD cameras on the border of a square around the origin, at 2.5 and 1.5 m in turn."""
    if n_views < 1:
        raise CalibrationError(f"a ring of {n_views} cameras was asked for. Needed: at least 1, and 2 for 3D.")
    volume = VolumeTable((-half_m / 2, -half_m / 2, 0.0), (half_m / 2, half_m / 2, 2.2))
    return RigTable(tuple(_camera(n, n_views, half_m) for n in range(n_views)), volume)


def _camera(n: int, n_views: int, half_m: float) -> CameraTable:
    angle = 2 * pi * n / n_views + pi / 4
    radius = half_m / max(abs(cos(angle)), abs(sin(angle)))
    return CameraTable(
        name=f"cam{n + 1:02d}",
        position_m=(radius * cos(angle), radius * sin(angle), 1.5 if n % 2 else 2.5),
        look_at_m=(0.0, 0.0, 0.95),
        size_px=(1920, 1080),
        focal_px=1050.0,
        lens=LensTable(LensModel.BROWN, (-0.12, 0.05, 2e-4, -3e-4, -0.01)),
    )
