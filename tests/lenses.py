"""Lenses for the tests, one of every kind that behaves differently."""

import torch

from mocap3d.geometry import Lens

F_PX = torch.tensor([1512.0, 1498.0], dtype=torch.float64)
C_PX = torch.tensor([967.3, 531.8], dtype=torch.float64)
SIZE_PX = (1920, 1080)


def brown(*distortion: float, f_px: torch.Tensor = F_PX) -> Lens:
    return Lens.brown(f_px, C_PX, torch.tensor(distortion, dtype=torch.float64))


def fisheye(*distortion: float, f_px: torch.Tensor = F_PX) -> Lens:
    return Lens.kannala_brandt(f_px, C_PX, torch.tensor(distortion, dtype=torch.float64))


LENSES = {
    "pinhole": Lens.pinhole(F_PX, C_PX),
    "brown4": brown(-0.31, 0.12, 0.0011, -0.0007),
    "brown5": brown(-0.31, 0.12, 0.0011, -0.0007, -0.02),
    "rational": brown(0.4, 0.12, 0.0011, -0.0007, 0.03, 0.72, 0.22, 0.05),
    "prism": brown(-0.31, 0.12, 0.0011, -0.0007, -0.02, 0.01, 0.02, -0.003, 0.002, -0.001, -0.0015, 0.0008),
    "tilted": brown(
        -0.31, 0.12, 0.0011, -0.0007, -0.02, 0.01, 0.02, -0.003, 0.002, -0.001, -0.0015, 0.0008, 0.04, -0.03
    ),
    "folds inside": brown(-0.38, 0.05, 0.001, 0.002, f_px=F_PX / 3),
    "pole": brown(0.0, 0.0, 0.0, 0.0, 0.0, -0.4, 0.0, 0.0),
    "fisheye": fisheye(0.05, -0.02, 0.01, -0.005, f_px=F_PX / 2),
    "fisheye to 140 deg": fisheye(0.01, -0.003, 0.0, 0.0, f_px=F_PX / 4),
    "equidistant": fisheye(0.0, 0.0, 0.0, 0.0, f_px=F_PX / 4),
}


def seen_points(lens: Lens, n: int = 2000, *, to_angle_rad: float = 1.2) -> torch.Tensor:
    """Points in the camera frame that the lens sees, the axis among them; in front for angles below pi/2."""
    random = torch.Generator().manual_seed(0)
    angle, turn, distance = torch.rand(3, n, dtype=torch.float64, generator=random)
    angle, turn, distance = angle * to_angle_rad, turn * 2 * torch.pi, 0.5 + 8 * distance
    angle[0] = 0
    across = torch.sin(angle)
    p_in_cam = distance[:, None] * torch.stack([across * turn.cos(), across * turn.sin(), angle.cos()], -1)
    return p_in_cam[lens.sees(p_in_cam)]


def pixel_grid(step_px: int = 20) -> torch.Tensor:
    """Pixels of the whole picture."""
    u, v = torch.meshgrid(*(torch.arange(0, n, step_px, dtype=torch.float64) for n in SIZE_PX), indexing="xy")
    return torch.stack([u, v], -1)
