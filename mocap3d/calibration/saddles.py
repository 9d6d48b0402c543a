"""Where the corners of four squares meet: saddle points of the brightness, with the directions of their two edges.

A chessboard's inner corner looks the same turned by half a turn and its brightness changes sign four times around it.
Neither blur nor perspective alters that, and little else in a room looks so.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

BLUR_PX = 1.5
SEPARATION_PX = 7
"""Of two saddles nearer than half of this the fainter is dropped."""
MAX_CANDIDATES = 2000
RADIUS_PX = 5.0
ANGLES = 32
"""Samples on the circle around a candidate."""
MIN_CONTRAST = 4.0
"""Grey values (of 255) by which the circle must vary."""
MAX_ASYMMETRY = 0.45
"""Deviation between opposite points of the circle, over its variation: 0 for a corner, 1 for an edge."""
MIN_CROSSING_RAD = 0.35


@dataclass(frozen=True, slots=True)
class Saddles:
    """n candidates for corners of a chessboard in one picture."""

    uv_px: Float[np.ndarray, "n 2"]
    ray_rad: Float[np.ndarray, "n 4"]
    """Angles of the four edges that leave each, ascending around the circle, from the image's x towards its y."""
    is_dark: Bool[np.ndarray, " n"]
    """Whether the sector between the first and the second edge is the dark one."""
    contrast: Float[np.ndarray, " n"]
    """Grey values between light and dark."""


def find_saddles(grey: UInt8[np.ndarray, "height width"]) -> Saddles:
    """The saddles of a picture, strongest first; positions are good to about half a pixel."""
    uv_px = _candidates(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), BLUR_PX))
    circle = _circles(grey, uv_px, RADIUS_PX)
    symmetric, contrast, asymmetry = _two_fold(circle)
    keep = (contrast > MIN_CONTRAST) & (asymmetry < MAX_ASYMMETRY) & (_sign_changes(symmetric) == 2)
    uv_px, symmetric, contrast = uv_px[keep], symmetric[keep], contrast[keep]
    ray_rad, is_dark = _edges(symmetric)
    keep = np.abs(ray_rad[:, 1] - ray_rad[:, 0] - np.pi / 2) < np.pi / 2 - MIN_CROSSING_RAD
    return Saddles(uv_px[keep], ray_rad[keep], is_dark[keep], contrast[keep])


def _candidates(smooth: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "n 2"]:
    """Local maxima of minus the determinant of the Hessian, strongest first."""
    uu, vv = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) for order in ((2, 0), (0, 2)))
    uv = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3)
    response = uv * uv - uu * vv
    peaks = response >= cv2.dilate(response, np.ones((SEPARATION_PX, SEPARATION_PX), np.uint8))
    margin = int(RADIUS_PX) + 1
    peaks[:margin], peaks[-margin:], peaks[:, :margin], peaks[:, -margin:] = False, False, False, False
    v, u = np.nonzero(peaks & (response > MIN_CONTRAST**2))
    order = np.argsort(-response[v, u], kind="stable")[:MAX_CANDIDATES]
    return np.stack([u, v], axis=1)[order].astype(np.float64)


def _circles(
    grey: UInt8[np.ndarray, "height width"], uv_px: Float[np.ndarray, "n 2"], radius_px: float
) -> Float[np.ndarray, "n angles"]:
    """Brightness on a circle around each point."""
    if not len(uv_px):
        return np.empty((0, ANGLES), np.float32)
    angle = np.arange(ANGLES) * 2 * np.pi / ANGLES
    ring = radius_px * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    where = (uv_px[:, None] + ring).astype(np.float32)
    smooth = cv2.blur(grey, (3, 3))
    return cv2.remap(smooth, where[..., 0], where[..., 1], cv2.INTER_LINEAR).astype(np.float32)


def _two_fold(
    circle: Float[np.ndarray, "n angles"],
) -> tuple[Float[np.ndarray, "n half"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The part that is equal half a turn away (mean 0), its range, and how large the other part is beside it."""
    one, other = circle[:, : ANGLES // 2], circle[:, ANGLES // 2 :]
    symmetric, odd = (one + other) / 2, (one - other) / 2
    low, high = symmetric.min(axis=1), symmetric.max(axis=1)
    # Not the mean: under a slanted view one pair of sectors fills most of the circle.
    symmetric = symmetric - ((low + high) / 2)[:, None]
    asymmetry = odd.std(axis=1) / np.maximum(symmetric.std(axis=1), 1e-6)
    return symmetric, high - low, asymmetry


def _sign_changes(symmetric: Float[np.ndarray, "n half"]) -> np.ndarray:
    is_bright = symmetric > 0
    return (is_bright != np.roll(is_bright, -1, axis=1)).sum(axis=1)


def _edges(symmetric: Float[np.ndarray, "n half"]) -> tuple[Float[np.ndarray, "n 4"], Bool[np.ndarray, " n"]]:
    """Angles of the four zero crossings, and whether it is dark between the first two."""
    after = np.roll(symmetric, -1, axis=1)
    where, at = np.nonzero((symmetric > 0) != (after > 0))
    before, behind = symmetric[where, at], after[where, at]
    angle = (at + before / (before - behind)) * 2 * np.pi / ANGLES
    half = angle.reshape(-1, 2).astype(np.float64)
    is_dark = behind.reshape(-1, 2)[:, 0] <= 0
    return np.concatenate([half, half + np.pi], axis=1), is_dark
