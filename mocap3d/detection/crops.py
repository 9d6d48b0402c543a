"""Person crops cut from an image, and the exact way back from crop pixels to image pixels.

Pixel (0, 0) is the centre of the top-left pixel in both: a crop of w pixels covers its box from edge to edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection.boxes import PersonBox

SHRINKS = 1.5
"""From here on a crop is averaged down before it is resampled: bilinear sampling alone would alias."""


@dataclass(frozen=True, slots=True)
class Crops:
    """b affine windows into one image, all of one size."""

    image_from_crop: Float[Tensor, "b 2 3"]
    """Float64; a similarity: rotation, one scale, translation."""
    size_px: tuple[int, int]
    """(width, height) of every crop."""

    def cut(self, image: UInt8[np.ndarray, "h w 3"], *, border: int = 0) -> UInt8[np.ndarray, "b h2 w2 3"]:
        """The pixels; ``border`` fills what lies outside of the image."""
        width, height = self.size_px
        out = np.empty((len(self.image_from_crop), height, width, 3), np.uint8)
        for n, image_from_crop in enumerate(self.image_from_crop.numpy()):
            out[n] = _cut_one(image, image_from_crop, self.size_px, border)
        return out

    def to_image(self, uv_px: Float[Tensor, "b *n 2"]) -> Float[Tensor, "b *n 2"]:
        """Crop pixels to image pixels."""
        affine = self.image_from_crop.to(uv_px)
        return torch.einsum("bij,b...j->b...i", affine[..., :2], uv_px) + _spread(affine[..., 2], uv_px)

    def to_crop(self, uv_px: Float[Tensor, "b *n 2"]) -> Float[Tensor, "b *n 2"]:
        """Image pixels to crop pixels."""
        affine = self.image_from_crop.to(uv_px)
        back = torch.linalg.inv(affine[..., :2])
        return torch.einsum("bij,b...j->b...i", back, uv_px - _spread(affine[..., 2], uv_px))

    def cov_to_image(self, cov_px2: Float[Tensor, "b *n 2 2"]) -> Float[Tensor, "b *n 2 2"]:
        """Covariances in crop pixels to covariances in image pixels."""
        linear = self.image_from_crop[..., :2].to(cov_px2)
        return torch.einsum("bij,b...jk,blk->b...il", linear, cov_px2, linear)


def cut(
    image: UInt8[np.ndarray, "h w 3"], boxes: Sequence[PersonBox], size_px: tuple[int, int], *, border: int = 0
) -> tuple[UInt8[np.ndarray, "b h2 w2 3"], Crops]:
    """The crops of boxes, and where they lie."""
    crops = along(boxes, size_px)
    return crops.cut(image, border=border), crops


def along(boxes: Sequence[PersonBox], size_px: tuple[int, int]) -> Crops:
    """Windows with the boxes' centres, heights and tilts; a box of another aspect gains or loses at its sides."""
    windows = [(box.centre_px, box.size_px[1] / size_px[1], box.tilt_rad) for box in boxes]
    return Crops(_affines(windows, size_px), size_px)


def _affines(
    windows: Sequence[tuple[tuple[float, float], float, float]], size_px: tuple[int, int]
) -> Float[Tensor, "b 2 3"]:
    """Of windows given as centre, image pixels per crop pixel, and angle."""
    middle = (np.array(size_px) - 1) / 2
    out = np.zeros((len(windows), 2, 3))
    for affine, (centre, scale, angle) in zip(out, windows, strict=True):
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        affine[:, :2] = [[cos, -sin], [sin, cos]]
        affine[:, 2] = np.array(centre) - affine[:, :2] @ middle
    return torch.from_numpy(out)


def _spread(offset: Tensor, uv_px: Tensor) -> Tensor:
    """One offset per crop, for any number of points in it."""
    return offset.reshape(offset.shape[0], *[1] * (uv_px.ndim - 2), 2)


def _cut_one(image: np.ndarray, image_from_crop: np.ndarray, size_px: tuple[int, int], border: int) -> np.ndarray:
    scale = float(np.hypot(*image_from_crop[:, 0]))
    if scale > SHRINKS:
        image, image_from_crop = _averaged(image, image_from_crop, size_px, scale)
    if image.size == 0:
        return np.full((size_px[1], size_px[0], 3), border, np.uint8)
    return cv2.warpAffine(
        image,
        image_from_crop,
        size_px,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(border, border, border),
    )


def _averaged(
    image: np.ndarray, image_from_crop: np.ndarray, size_px: tuple[int, int], scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image under the crop, averaged down to about the crop's resolution, and the map into that."""
    corners = np.array([[-1, -1], [size_px[0], -1], [-1, size_px[1]], [size_px[0], size_px[1]]], float)
    reach = corners @ image_from_crop[:, :2].T + image_from_crop[:, 2]
    limit = np.array(image.shape[1::-1])
    low = np.clip(np.floor(reach.min(0)).astype(int), 0, limit)
    high = np.clip(np.ceil(reach.max(0)).astype(int) + 1, low, limit)
    # Whole, as averaging by another number takes three times as long; rather blurred than aliased.
    step = round(scale + 0.2)
    small = np.minimum(-(-(high - low) // step), limit // step)
    low = np.minimum(low, limit - small * step)
    part = image[low[1] : low[1] + small[1] * step, low[0] : low[0] + small[0] * step]
    if part.size == 0:
        return part, image_from_crop
    part = _mean_of_cells(part, step)
    # An averaged pixel's centre is at (n + 0.5) step - 0.5 of the part.
    affine = image_from_crop.copy()
    affine[:, 2] += 0.5 - low
    affine /= step
    affine[:, 2] -= 0.5
    return part, affine


def _mean_of_cells(part: np.ndarray, step: int) -> np.ndarray:
    """As INTER_AREA, which is fast for halves alone: elsewhere a running mean, of which every n-th is kept, is."""
    while step % 2 == 0:
        part = cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)
        step //= 2
    if step == 1:
        return part
    running = cv2.blur(part, (step, step), anchor=(0, 0))
    return cv2.resize(running, (part.shape[1] // step, part.shape[0] // step), interpolation=cv2.INTER_NEAREST)
