"""Random changes of a training picture that leave its labels true: geometry, colour, blur, and what stands in front."""

import math
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.random import Generator

from mocap3d.detection.training.data import KEYPOINT_SET, Sample
from mocap3d.session.samples import Visibility
from mocap3d.skeletons.skeleton import load_skeleton

_SKELETON = load_skeleton(KEYPOINT_SET)
MIRROR = np.array(_SKELETON.mirror)
_TORSO = [_SKELETON.index(name) for name in ("LShoulder", "RShoulder", "RHip", "LHip")]
_LUMA = np.array([0.299, 0.587, 0.114])
_NOISE = np.random.default_rng(0).standard_normal((512, 512, 3)).astype(np.float32)
"""Drawn once: 150 000 normal numbers for every picture would cost more than decoding it."""


@dataclass(frozen=True)
class AugmentOptions:
    """How training pictures are varied. Chances are of one picture; 0 switches a change off."""

    flip: float = 0.5
    """Chance of a mirrored picture, left and right keypoints exchanged."""
    crop_scale: tuple[float, float] = (0.8, 1.15)
    """Side of the part that is shown, of the sample's own; above 1 there is a border."""
    shift: float = 0.03
    """Standard deviation of the shift, of the picture's size."""
    rotated: float = 0.6
    """Chance of a rotation."""
    rotation_deg: float = 14.0
    """Standard deviation of the rotation; three times that at most."""
    colour: float = 0.2
    """Largest change of brightness, contrast and saturation."""
    tint: float = 0.05
    """Standard deviation of the gain of each colour."""
    grey: float = 0.08
    """Chance of a picture without colour."""
    blur: float = 0.15
    """Chance of motion blur."""
    low_resolution: float = 0.15
    """Chance of a picture that was small once."""
    min_height_px: int = 64
    """How small."""
    noise: float = 0.3
    """Chance of sensor noise."""
    occluder: float = 0.3
    """Chance of things in front; the keypoints behind them become hidden."""
    second_person: float = 0.12
    """Chance of a piece of another sample's person in front, beside the centre."""
    prior: float = 0.5
    """Chance that the network is told roughly where the keypoints are."""
    prior_sigma: tuple[float, float] = (0.05, 0.15)
    """How roughly: one standard deviation, in torso lengths, drawn from this range for each picture."""
    prior_missing: float = 0.15
    """Share of keypoints that it is not told."""

    def __post_init__(self):
        for name in (field.name for field in fields(self) if field.type in (float, "float")):
            if name != "rotation_deg" and not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name):g}; needed a number from 0 to 1.")
        for name in ("crop_scale", "prior_sigma"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} is {low:g} to {high:g}; needed two numbers above 0, the smaller one first.")


NO_AUGMENTATION = AugmentOptions(
    flip=0.0, crop_scale=(1.0, 1.0), shift=0.0, rotated=0.0, colour=0.0, tint=0.0, grey=0.0, blur=0.0,
    low_resolution=0.0, noise=0.0, occluder=0.0, second_person=0.0, prior=0.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the crop's pixels go."""

    is_flipped: bool = False
    scale: float = 1.0
    """Side of the part that is shown."""
    angle_rad: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    """Of the picture's width and height."""

    def input_from_crop(self, crop_px: tuple[int, int], size_px: tuple[int, int]) -> Float64[np.ndarray, "2 3"]:
        """The affine map from pixels of a crop of this (width, height) to those of the network's input."""
        size, crop = np.array(size_px, np.float64), np.array(crop_px, np.float64)
        cos, sin = math.cos(self.angle_rad), math.sin(self.angle_rad)
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(size / crop / self.scale)
        if self.is_flipped:
            linear[0] *= -1
        # Pixel centres: the middle of a picture of width w lies at (w - 1) / 2.
        offset = (size - 1) / 2 + size * self.shift - linear @ ((crop - 1) / 2)
        return np.column_stack([linear, offset])


def draw_geometry(rng: Generator, options: AugmentOptions) -> Geometry:
    """One at random; the same number of draws whatever the options."""
    flip, scale, rotated, angle = rng.random(), rng.uniform(*options.crop_scale), rng.random(), rng.standard_normal()
    x, y = rng.normal(0, options.shift, 2) if options.shift else (0.0, 0.0)
    angle_rad = math.radians(options.rotation_deg) * float(np.clip(angle, -3, 3)) if rotated < options.rotated else 0.0
    return Geometry(bool(flip < options.flip), scale, angle_rad, (float(x), float(y)))


def warped(
    sample: Sample, geometry: Geometry, size_px: tuple[int, int], *, border: tuple[int, int, int] | None = None
) -> Sample:
    """Picture, depth, keypoints and camera moved alike; beyond the picture is ``border``, or its mirror image.

    Keypoints that leave the picture keep their place but are UNKNOWN. Mirroring exchanges left and right throughout:
    the camera matrix then maps the exchanged 3D points to the exchanged pixels.
    """
    height, width = sample.image.shape[:2]
    input_from_crop = geometry.input_from_crop((width, height), size_px)
    mode, colour = (cv2.BORDER_REFLECT_101, (0, 0, 0)) if border is None else (cv2.BORDER_CONSTANT, border)
    keep = MIRROR if geometry.is_flipped else np.arange(len(MIRROR))
    uv_px = (sample.uv_px[keep] @ input_from_crop[:, :2].T + input_from_crop[:, 2]).astype(np.float32)
    inside = ((uv_px >= -0.5) & (uv_px < np.array(size_px) - 0.5)).all(1)
    depth = sample.inverse_depth
    if depth is not None:
        depth = cv2.warpAffine(depth, input_from_crop, size_px, flags=cv2.INTER_NEAREST)
    return replace(
        sample,
        image=cv2.warpAffine(sample.image, input_from_crop, size_px, borderMode=mode, borderValue=colour),
        uv_px=uv_px,
        visibility=np.where(inside, sample.visibility[keep], Visibility.UNKNOWN).astype(np.int8),
        weight=sample.weight[keep],
        p_in_cam=sample.p_in_cam[keep],
        matrix=(np.vstack([input_from_crop, [0, 0, 1]]) @ sample.matrix).astype(np.float32),
        inverse_depth=depth,
    )


def varied(sample: Sample, other: Sample | None, rng: Generator, options: AugmentOptions) -> Sample:
    """A warped sample with the ``other`` one's person and things in front, other colours, noise and blur."""
    image, hidden = sample.image.copy(), np.zeros(sample.image.shape[:2], np.uint8)
    if other is not None:
        _put_person(image, hidden, other, rng)
    if rng.random() < options.occluder:
        _put_things(image, hidden, rng)
    image = _coloured(image, rng, options)
    if rng.random() < options.blur:
        image = cv2.filter2D(image, -1, _motion_kernel(rng))
    if rng.random() < options.low_resolution:
        image = lowered(image, round(math.exp(rng.uniform(math.log(options.min_height_px), math.log(len(image))))))
    if rng.random() < options.noise:
        image = _noisy(image, rng)
    depth = sample.inverse_depth
    return replace(
        sample,
        image=image,
        visibility=_seen(sample, hidden),
        inverse_depth=None if depth is None else np.where(hidden > 0, np.float32(0), depth),
    )


def lowered(image: UInt8[np.ndarray, "h w 3"], height_px: int) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as if it had been that high, brought back to its size."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, round(width * height_px / height)), height_px), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def drawn_prior(sample: Sample, rng: Generator, options: AugmentOptions) -> Float32[np.ndarray, "k 2"]:
    """Keypoints as a prediction from elsewhere would have them: shifted together and one by one, some missing.

    All NaN where the network is to do without.
    """
    uv_px = np.full_like(sample.uv_px, np.nan)
    if rng.random() >= options.prior:
        return uv_px
    sigma_px = rng.uniform(*options.prior_sigma) * torso_px(sample)
    # Half of the variance is one shift of all: a prediction that lags is wrong everywhere alike.
    jitter = (rng.standard_normal((1, 2)) + rng.standard_normal(uv_px.shape)) * sigma_px / math.sqrt(2)
    told = (sample.weight > 0) & (rng.random(len(uv_px)) >= options.prior_missing)
    return np.where(told[:, None], sample.uv_px + jitter, np.nan).astype(np.float32)


def torso_px(sample: Sample) -> float:
    """Middle of the shoulders to middle of the hips, at least a fifth of the picture's height."""
    shoulders, hips = sample.uv_px[_TORSO].reshape(2, 2, 2).mean(1)
    length, floor = float(np.linalg.norm(shoulders - hips)), 0.2 * len(sample.image)
    return max(length, floor) if math.isfinite(length) else floor


def _coloured(image: UInt8[np.ndarray, "h w 3"], rng: Generator, options: AugmentOptions) -> UInt8[np.ndarray, "h w 3"]:
    """Brightness, contrast, saturation and tint as one matrix, since all are linear."""
    brightness, contrast, saturation = 1 + rng.uniform(-options.colour, options.colour, 3)
    gains = (1 + options.tint * rng.standard_normal(3)) * brightness * contrast
    saturation = 0.0 if rng.random() < options.grey else saturation
    matrix = gains[:, None] * (saturation * np.eye(3) + (1 - saturation) * _LUMA)
    return cv2.transform(image, np.column_stack([matrix, np.full(3, 127.5 * (1 - contrast))]))


def _noisy(image: UInt8[np.ndarray, "h w 3"], rng: Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Noise of up to 4 % of the range, from anywhere in the noise picture."""
    height, width = image.shape[:2]
    y, x = rng.integers(0, 512 - height % 512 + 1), rng.integers(0, 512 - width % 512 + 1)
    tile = _NOISE[y : y + height, x : x + width] if max(height, width) < 512 else np.resize(_NOISE, image.shape)
    return cv2.addWeighted(image, 1, tile, rng.uniform(1, 10), 0, dtype=cv2.CV_8U)


def _motion_kernel(rng: Generator) -> Float32[np.ndarray, "k k"]:
    """A line of 3 to 11 pixels in any direction."""
    size = int(rng.integers(1, 6)) * 2 + 1
    kernel, angle = np.zeros((size, size), np.float32), rng.uniform(0, math.pi)
    tip = np.array([math.cos(angle), math.sin(angle)]) * (size // 2)
    start, end = (np.round(size // 2 + side * tip).astype(int).tolist() for side in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return kernel / kernel.sum()


def _put_things(image: np.ndarray, hidden: np.ndarray, rng: Generator) -> None:
    """One to three boxes or discs, plain or with a piece of the same picture on them; marks them in ``hidden``."""
    height, width = hidden.shape
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(0.04, 0.28, 2) * height
        centre = rng.uniform(0, 1, 2) * (width, height)
        mask = np.zeros_like(hidden)
        if rng.random() < 0.6:
            box = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.uniform(0, 90)) * (rng.random() < 0.5)))
            cv2.fillConvexPoly(mask, np.round(box).astype(np.int32), 255)
        else:
            cv2.ellipse(mask, (centre.tolist(), size.tolist(), float(rng.uniform(0, 180))), 255, -1)
        if rng.random() < 0.5:
            image[mask > 0] = rng.integers(0, 256, 3)
        else:
            moved = np.roll(image, rng.integers(20, 100, 2), (0, 1))
            image[mask > 0] = moved[mask > 0]
        hidden |= mask


def _put_person(image: np.ndarray, hidden: np.ndarray, other: Sample, rng: Generator) -> None:
    """Another person cut out along the limbs, beside the centre so that it stays clear who is meant."""
    height, width = hidden.shape
    side = 1 if rng.random() < 0.5 else -1
    shift = (side * rng.uniform(0.22, 0.6), float(rng.normal(0, 0.08)))
    moved = warped(other, Geometry(bool(rng.random() < 0.5), rng.uniform(0.9, 1.5), 0.0, shift), (width, height))
    mask = _silhouette(moved)
    soft = cv2.GaussianBlur(mask, (5, 5), 0)[..., None].astype(np.float32) / 255
    image[:] = (image + soft * (moved.image.astype(np.float32) - image)).astype(np.uint8)
    hidden |= np.where(mask > 127, np.uint8(255), np.uint8(0))


def _silhouette(sample: Sample) -> UInt8[np.ndarray, "h w"]:
    """Roughly where the person is: limbs as thick lines, and the torso."""
    mask = np.zeros(sample.image.shape[:2], np.uint8)
    # What lies far outside would overflow OpenCV's fixed-point coordinates.
    near = np.isfinite(sample.uv_px).all(1) & (np.abs(sample.uv_px) < 4 * max(mask.shape)).all(1)
    corners = np.round(np.where(near[:, None], sample.uv_px, 0)).astype(np.int32)
    thickness = max(2, round(0.28 * torso_px(sample)))
    for a, b in _SKELETON.limbs:
        if near[a] and near[b]:
            cv2.line(mask, corners[a].tolist(), corners[b].tolist(), 255, thickness)
    if near[_TORSO].all():
        cv2.fillConvexPoly(mask, cv2.convexHull(corners[_TORSO]), 255)
    return mask


def _seen(sample: Sample, hidden: UInt8[np.ndarray, "h w"]) -> np.ndarray:
    """The visibility with what is behind ``hidden`` taken down from VISIBLE to HIDDEN."""
    at = np.clip(np.nan_to_num(np.round(sample.uv_px)), 0, np.array(hidden.shape[::-1]) - 1).astype(int)
    covered = (hidden[at[:, 1], at[:, 0]] > 0) & (sample.visibility == Visibility.VISIBLE)
    return np.where(covered, Visibility.HIDDEN, sample.visibility).astype(np.int8)
