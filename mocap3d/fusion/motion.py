"""How much each keypoint accelerates, measured on the recording, and what smoothing by it costs.

The power spectrum of a triangulated track is motion plus noise. The noise's shape over frequency is known from how the
views disagree (``noise``), its level from the highest frequencies, where bodies do not move. The acceleration prior of
each keypoint is then the one with the least expected error (Mallows' Cp for a linear smoother with coloured noise).
"""

from dataclasses import dataclass

import numpy as np

from mocap3d.session.records import NoiseModel
from mocap3d.solve import response

_SEGMENT_S = 1.5
"""Length of a spectral estimate: resolves two thirds of a hertz, well below where smoothing is decided."""
_QUIET = 0.7
"""Share of the band, from below, that may hold motion; above is noise only."""
_CLEAR = 1.5
"""Power over noise from which on a frequency is taken to hold motion."""
_REACH = 6.0
"""A wrist accelerates some four times as much as the median keypoint, a hip a third of it."""
_RATIOS = 10.0 ** np.linspace(-3, 6, 73)
"""Candidate weights of the second difference, relative to the information of one instant."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionModel:
    """Acceleration prior of every keypoint and what is needed to state its doubt honestly."""

    weight: np.ndarray
    """(k): of the second difference between instants, 1/m^2."""
    noise_power: np.ndarray
    """Power of the noise over ``response.frequencies``; white is 1."""
    motion_power: np.ndarray
    """(k f): power of the true acceleration relative to the prior's."""


def default_motion(n_points: int, rate: float, noise: NoiseModel, acceleration: float = 30.0) -> MotionModel:
    """A loose prior (m/s^2, one sigma) to begin with, or where a recording is too short to measure one.

    Bodies accelerate less than that at all but the fastest instants: what it takes off the motion is not counted.
    """
    fine = response.frequencies()
    weight = np.full(n_points, (rate * rate / acceleration) ** 2)
    return MotionModel(weight, noise_shape(fine, noise), np.zeros((n_points, len(fine))))


def measure_motion(tracks: list[np.ndarray], info: np.ndarray, rate: float, noise: NoiseModel) -> MotionModel:
    """Tracks (t 3 k) without gaps or outliers, info (k) in 1/m^2 per instant and axis."""
    n_points = tracks[0].shape[2]
    length = min(max(len(track) for track in tracks), max(48, round(_SEGMENT_S * rate)))
    segments = [track[a : a + length] for track in tracks for a in _starts(len(track), length)]
    if length < 48 or not segments:
        return default_motion(n_points, rate, noise)
    omega = 2 * np.pi * np.fft.rfftfreq(length)
    power = np.mean([_periodogram(segment) for segment in segments], axis=0)
    shape = noise_shape(omega, noise)
    quiet = omega > _QUIET * np.pi
    level = power[quiet].mean(0) / shape[quiet].mean()
    noise_power = shape[:, None] * level
    second = response.second_difference_power(omega)
    gain = 1 / (1 + _RATIOS[:, None] * second)
    # Both ends of the spectrum count once, the rest stands for two sides. Trends leak into the first two.
    count = np.full(len(omega), 2.0 / length)
    count[:2] = 0
    error = np.einsum("rf,fk->rk", (1 - gain) ** 2 * count, power) + np.einsum(
        "rf,fk->rk", (2 * gain - 1) * count, noise_power
    )
    best = error.argmin(0)
    weight = _within_reach(_RATIOS[best] * np.maximum(info, 1e-6))
    smooth = np.apply_along_axis(_smooth, 0, power)
    # Where the two can hardly be told apart it is noise: else its chance peaks would pass for motion.
    motion = np.where(smooth > _CLEAR * noise_power, smooth - noise_power, 0) / 3 * second[:, None] * weight
    fine = response.frequencies()
    relative = np.stack([np.interp(fine, omega[2:], motion[2:, k]) for k in range(n_points)])
    return MotionModel(weight, noise_shape(fine, noise), relative)


def noise_shape(omega: np.ndarray, noise: NoiseModel) -> np.ndarray:
    """Power over frequency of noise that is partly AR(1), its bias left out; its mean over all frequencies is 1."""
    a, share = noise.memory, noise.share / max(1 - noise.bias, 0.02)
    return 1 - share + share * (1 - a * a) / (1 - 2 * a * np.cos(omega) + a * a)


def _within_reach(weight: np.ndarray) -> np.ndarray:
    """Parts of one body differ by a factor of a few in acceleration; beyond, a short spectrum has erred."""
    middle = np.median(weight)
    return np.clip(weight, middle / _REACH**2, middle * _REACH**2)


def _starts(n_times: int, length: int) -> range:
    return range(0, n_times - length + 1, max(1, length // 2))


def _periodogram(track: np.ndarray) -> np.ndarray:
    """Power (f k), summed over the axes, of a track (t 3 k) freed of its mean and trend."""
    n = len(track)
    line = np.linspace(-1, 1, n)[:, None, None]
    track = track - track.mean(0)
    track = track - line * (track * line).sum(0) / (line * line).sum()
    window = np.hanning(n)[:, None, None]
    window /= np.sqrt((window * window).mean())
    return (np.abs(np.fft.rfft(track * window, axis=0)) ** 2).sum(1) / n


def _smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
