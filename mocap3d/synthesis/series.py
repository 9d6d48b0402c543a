"""Random series in time: smooth ones, correlated noise, and things that come in bursts."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.signal import lfilter


def band_limited(
    rng: np.random.Generator, n_frames: int, n: int, *, fps: float, cutoff_hz: float
) -> Float[np.ndarray, "n t"]:
    """Smooth Gaussian series of standard deviation 1 with power up to about ``cutoff_hz``; zero phase."""
    # A fixed length, so that the first frames do not depend on how many are asked for.
    length = max(131072, int(2 ** np.ceil(np.log2(n_frames + 4 * fps))))
    gain = 1 / (1 + (np.fft.rfftfreq(length, 1 / fps) / (cutoff_hz * 0.5)) ** 4)
    series = np.fft.irfft(np.fft.rfft(rng.standard_normal((n, length)), axis=1) * gain, length, axis=1)
    return (series / series.std(axis=1, keepdims=True))[:, :n_frames].copy()


def correlated(rng: np.random.Generator, shape: tuple[int, ...], rho: float) -> Float[np.ndarray, "..."]:
    """Gaussian noise of variance 1 (float32) whose neighbours along axis 0 correlate by ``rho``: AR(1)."""
    steps = rng.standard_normal(shape, dtype=np.float32)
    steps[1:] *= np.float32(np.sqrt(1 - rho**2))
    return np.asarray(lfilter([1.0], [1.0, -rho], steps, axis=0), dtype=np.float32)


def bursts(
    rng: np.random.Generator, shape: tuple[int, int, int], fraction: float, mean_length: float
) -> Bool[np.ndarray, "v t k"]:
    """A two-state Markov chain along time, on for ``fraction`` of it, ``mean_length`` frames at a time."""
    p_off = min(1.0, 1 / mean_length)
    p_on = fraction * p_off / (1 - fraction) if fraction < 1 else 1.0
    n_views, n_frames, n_keypoints = shape
    draws = rng.random((n_frames, n_views, n_keypoints), dtype=np.float32)
    state = rng.random((n_views, n_keypoints)) < fraction
    on = np.empty(shape, bool)
    for t in range(n_frames):
        state = np.where(state, draws[t] > p_off, draws[t] < p_on)
        on[:, t] = state
    return on
