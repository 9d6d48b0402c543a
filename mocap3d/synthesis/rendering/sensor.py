"""What a camera makes of light: exposure, gamma, blur, low resolution, noise, compression."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy.random import Generator


@dataclass(frozen=True, slots=True)
class Sensor:
    """One camera's faults, drawn once per recording."""

    exposure: float
    gamma: float
    tint: tuple[float, float, float]
    blur_px: float
    motion_px: tuple[float, float]
    """Length and direction (u, v) of the smear."""
    resolution: float
    """Share of the crop's pixels per side that the camera had; 1 is all."""
    noise: float
    video_quality: int
    """Of the compression at the camera's own resolution; 0 is none."""


def made_up_sensor(rng: Generator) -> Sensor:
    """Mostly fair, sometimes bad."""
    fate = rng.random()
    resolution = rng.uniform(0.15, 0.3) if fate < 0.05 else rng.uniform(0.3, 0.8) if fate < 0.25 else 1.0
    smear = rng.uniform(2, 8) if rng.random() < 0.12 else 0.0
    direction = rng.uniform(0, np.pi)
    tint = 1 + rng.normal(0, 0.05, 3)
    return Sensor(
        exposure=rng.uniform(0.27, 0.62),
        gamma=rng.uniform(0.8, 1.25),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        blur_px=rng.uniform(0.4, 1.6) if rng.random() < 0.25 else 0.0,
        motion_px=(smear * np.cos(direction), smear * np.sin(direction)),
        resolution=resolution,
        noise=rng.uniform(0, 0.03),
        video_quality=int(rng.integers(20, 70)) if rng.random() < 0.3 else 0,
    )


def exposed(
    radiance: Float32[np.ndarray, "h w 3"], cover: Float32[np.ndarray, "h w"], sensor: Sensor, rng: Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """The finished picture, RGB; the exposure is metered half on the people."""
    people = float((radiance.mean(axis=2) * cover).sum() / (cover.sum() + 1))
    gain = np.clip(sensor.exposure / max(0.5 * people + 0.5 * float(radiance.mean()), 0.03), 0.5, 3)
    picture = np.clip(radiance * (gain * np.asarray(sensor.tint)).astype(np.float32), 0, 1.6)
    picture = np.clip(picture / (1 + np.float32(0.15) * picture * picture), 0, 1)
    picture = _smeared(picture, sensor)
    height, width = picture.shape[:2]
    if sensor.resolution < 1:
        small = (max(8, round(width * sensor.resolution)), max(8, round(height * sensor.resolution)))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    # Gaussian noise from a table: 150 000 fresh numbers would cost as much as drawing the person.
    picture = picture + sensor.noise * _noise(rng, picture.shape)
    table = (np.linspace(0, 1, 1024) ** sensor.gamma * 255).astype(np.uint8)
    coded = table[np.clip(picture * np.float32(1023), 0, 1023).astype(np.int16)]
    if sensor.video_quality:
        packed = cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, sensor.video_quality])[1]
        coded = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    if sensor.resolution < 1:
        coded = cv2.resize(coded, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(coded, np.uint8)


def _smeared(picture: Float32[np.ndarray, "h w 3"], sensor: Sensor) -> Float32[np.ndarray, "h w 3"]:
    if sensor.blur_px:
        picture = cv2.GaussianBlur(picture, (0, 0), sensor.blur_px)
    along = np.asarray(sensor.motion_px)
    if np.abs(along).max() >= 1:
        n = 2 * int(np.ceil(np.abs(along).max() / 2)) + 1
        smear = np.zeros((n, n), np.float32)
        start, end = np.round(n // 2 - along / 2).astype(int), np.round(n // 2 + along / 2).astype(int)
        cv2.line(smear, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1)
        picture = cv2.filter2D(picture, -1, smear / smear.sum())
    return picture


_TABLE = np.random.default_rng(20250101).standard_normal(1 << 20).astype(np.float32)


def _noise(rng: Generator, shape: tuple[int, ...]) -> Float32[np.ndarray, "h w c"]:
    start = int(rng.integers(len(_TABLE) - int(np.prod(shape))))
    return _TABLE[start : start + int(np.prod(shape))].reshape(shape)


def encoded(picture: UInt8[np.ndarray, "h w 3"], quality: int) -> bytes:
    """As JPEG."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
