"""One camera in numbers, and where OpenCV projects points with them: what every foreign calibration is tested with.

Asymmetric throughout: a swapped axis, sign or index must not hide.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from mocap3d.geometry.camera import Camera

MATRIX = np.array([[1681.25, 0.0, 532.5], [0.0, 1679.5, 948.0], [0.0, 0.0, 1.0]])
DISTORTION = (-0.21, 0.09, 0.0011, -0.0007, -0.013)
FISHEYE = (0.05, -0.02, 0.01, -0.005)
ROTVEC = np.array([1.1, 0.7, -0.4])
ROTATION = cv2.Rodrigues(ROTVEC)[0]
TRANSLATION_M = np.array([0.32, 0.95, 2.9])
CENTRE_M = -ROTATION.T @ TRANSLATION_M
NEXT_FROM_FIRST = cv2.Rodrigues(np.array([-0.2, 0.5, 0.1]))[0], np.array([-0.7, 0.1, 0.3])
"""R, t of a second camera relative to the first."""
SIZE = (1088, 1920)
POINTS_M = np.array([[0.3, -0.2, 0.9], [-0.4, 0.5, 1.4], [0.1, 0.25, 0.05]])
TOLERANCE_PX = 1e-8


def pixels(
    points_m: np.ndarray = POINTS_M,
    *,
    matrix: np.ndarray = MATRIX,
    distortion: Sequence[float] = DISTORTION,
    rotation: np.ndarray = ROTATION,
    translation: np.ndarray = TRANSLATION_M,
    fisheye: bool = False,
) -> np.ndarray:
    """OpenCV's projection, (n, 2)."""
    project = cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
    args = points_m[:, None].copy(), cv2.Rodrigues(rotation)[0], np.array(translation), matrix, np.array(distortion)
    return project(*args)[0][:, 0]


def worst_px(camera: Camera, expected: np.ndarray, points_m: np.ndarray = POINTS_M) -> float:
    """The farthest that a camera of ours projects beside the expected pixels; NaN if it does not see a point."""
    return float(np.linalg.norm(camera.project(torch.from_numpy(points_m)).numpy() - expected, axis=1).max())


def written(path: Path, text: str) -> Path:
    """A file with that text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
