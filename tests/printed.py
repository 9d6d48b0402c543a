"""Printed boards as a camera would see them: drawn sheets turned to pictures, and filmed from any side."""

import cv2
import numpy as np

from mocap3d.calibration.draw_target import Page

PX_PER_MM = {"a4": 4, "letter": 4, "a3": 2, "a2": 2}


def picture_of(page: Page, *, px_per_mm: int = 4, blur_px: float = 0.7) -> np.ndarray:
    """The sheet, seen straight on by a good lens: 0 black, 255 white."""
    fine = 5
    scale = px_per_mm * fine
    width, height = (int(side * px_per_mm) * fine for side in page.size_mm)
    image = np.full((height, width), 255, np.uint8)
    for grey, boxes in ((0, page.black_mm), (255, page.white_mm)):
        ends = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        for left, top, right, bottom in np.round(ends * scale).astype(int):
            image[top:bottom, left:right] = grey
    seen = cv2.resize(image, (width // fine, height // fine), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(seen, (0, 0), blur_px)


def filmed(
    picture: np.ndarray,
    camera_from_picture: np.ndarray,
    size_px: tuple[int, int],
    *,
    blur_px: float = 0.7,
    noise: float = 2.0,
) -> np.ndarray:
    """A sheet under a homography on a grey wall, with blur and the sensor's noise; seed 0."""
    seen = cv2.warpPerspective(picture, camera_from_picture, size_px, flags=cv2.INTER_AREA, borderValue=128)
    seen = cv2.GaussianBlur(seen.astype(np.float32) * 0.7 + 30, (0, 0), blur_px)
    return np.clip(seen + np.random.default_rng(0).normal(0, noise, seen.shape), 0, 255).astype(np.uint8)


def slanted(picture: np.ndarray, size_px: tuple[int, int], *, lean: float = 0.12) -> np.ndarray:
    """A homography that shows the whole sheet from above and a little from the side."""
    height, width = picture.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[lean, 0.1], [0.95, lean], [0.9, 0.92], [0.06, 1 - lean]], np.float32) * np.array(
        size_px, np.float32
    )
    return cv2.getPerspectiveTransform(corners, seen)


def moved(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points under a homography."""
    return cv2.perspectiveTransform(points[:, None].astype(np.float64), homography)[:, 0]
