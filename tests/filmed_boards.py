"""Session folders whose calibration recordings are drawn: boards and wands before cameras with known truth."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from mocap3d.calibration.free_points import Wand
from mocap3d.calibration.ink import prints_of
from mocap3d.calibration.resolution import rescaled
from mocap3d.calibration.targets import Target
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec
from mocap3d.session.records import CalibratedRig
from mocap3d.session.video_writer import write_video
from mocap3d.synthesis.board_faults import held, side_by_side
from mocap3d.synthesis.board_pictures import Filming, Print

SIZE_PX = (640, 360)


def small_rig(n_views: int = 3) -> CalibratedRig:
    """A row of cameras with small pictures, half a metre apart."""
    rig = side_by_side(n_views)
    return replace(rig, cameras={view: rescaled(camera, SIZE_PX) for view, camera in rig.cameras.items()})


def in_hands(target: Target, n: int, *, seed: int = 0, depth_m: tuple[float, float] = (0.95, 1.5)) -> Rigid:
    """World_from_target (n): before the row, its front towards it."""
    over = Rigid(rotation_from_rotvec(torch.tensor([torch.pi, 0, 0], dtype=torch.float64)), torch.zeros(3).double())
    points = over.apply(target.p_in_target)
    return held(points, n_instants=n, depth_m=depth_m, tilt_rad=0.8, seed=seed) @ over


def print_of(target: Target) -> Print:
    side = prints_of(target)[0]
    return Print((side.size_mm[0] / 1000, side.size_mm[1] / 1000), side.black_mm / 1000)


def pictures(camera: Camera, target: Target, poses: Rigid, *, seed: int = 0) -> list[np.ndarray]:
    filming, n = Filming(camera), len(poses.translation)
    if isinstance(target.pattern, Wand):
        points = poses[:, None].apply(target.p_in_target).numpy()
        return [filming.spots(points[t], 0.02, seed=seed + t) for t in range(n)]
    front = print_of(target)
    return [filming.board(front, poses[t], seed=seed + t) for t in range(n)]


def write_images(folder: Path, shots: Sequence[np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(shots):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)


def write_clip(path: Path, shots: Sequence[np.ndarray], rate: int = 6) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.repeat(picture[..., None], 3, 2) for picture in shots), Fraction(rate))
