"""Signals over time: gaps filled or left as a whole, filters that never reach across a gap.

Sources: Winter (2009) Biomechanics and Motor Control of Human Movement, 2.3 (Butterworth twice, residual analysis);
Woltring (1986) Adv Eng Software 8:104 (splines by generalised cross-validation).
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Int8

from mocap3d.session.records import Provenance

ORDER = 2
"""Of one pass; forwards and backwards make it 4."""
_PASSES = 2
CUTOFF_CORRECTION = (2 ** (1 / _PASSES) - 1) ** (1 / (2 * ORDER))
"""Each pass must cut off higher, for both together to be 3 dB down at the frequency asked for (Winter 2009)."""
SHORTEST_BLOCK = 5


def fill_gaps(
    values: Float[np.ndarray, "t c"], rate_hz: float, max_gap_s: float
) -> tuple[Float[np.ndarray, "t c"], Int8[np.ndarray, " t"]]:
    """Gaps of at most ``max_gap_s`` filled, longer ones left wholly; and the provenance of every instant.

    The filling is monotone between neighbours (Fritsch & Carlson 1980): it never shoots over. Nothing is added before
    the first or after the last known instant.
    """
    from scipy.interpolate import PchipInterpolator

    known = _known(values)
    provenance = np.where(known, int(Provenance.MEASURED), int(Provenance.MISSING)).astype(np.int8)
    filled = np.where(known[:, None], values, np.nan)
    if known.sum() < 2:
        return filled, provenance
    at = np.flatnonzero(known)
    curve = PchipInterpolator(at, values[at])
    for start, stop in _runs(~known):
        if start > 0 and stop < len(values) and stop - start <= max_gap_s * rate_hz + 1e-9:
            filled[start:stop] = curve(np.arange(start, stop))
            provenance[start:stop] = Provenance.FILLED
    return filled, provenance


def low_pass(values: Float[np.ndarray, "t c"], rate_hz: float, cutoff_hz: float) -> Float[np.ndarray, "t c"]:
    """Zero-phase Butterworth of order 4, 3 dB down at ``cutoff_hz``; every contiguous block on its own.

    Blocks of fewer than 5 instants, and everything where the cutoff is not below half the rate, stay as they are.
    """
    from scipy.signal import butter, sosfiltfilt

    corrected_hz = cutoff_hz / CUTOFF_CORRECTION
    if not 0 < corrected_hz < rate_hz / 2:
        return values.copy()
    sections = np.asarray(butter(ORDER, corrected_hz, fs=rate_hz, output="sos"))
    most = 3 * (2 * len(sections) + 1)  # scipy's own default
    return _by_block(values, lambda block: sosfiltfilt(sections, block, axis=0, padlen=min(most, len(block) - 1)))


def gcv_spline(values: Float[np.ndarray, "t c"], rate_hz: float) -> Float[np.ndarray, "t c"]:
    """A natural cubic spline per block and column, as smooth as leaving one instant out recommends."""
    from scipy.interpolate import make_smoothing_spline

    def smooth(block: np.ndarray) -> np.ndarray:
        t_s = np.arange(len(block)) / rate_hz
        return np.stack([make_smoothing_spline(t_s, column)(t_s) for column in block.T], axis=-1)

    return _by_block(values, smooth)


def residual_cutoff(values: Float[np.ndarray, "t c"], rate_hz: float) -> float:
    """The cutoff (Hz) at which as much signal is lost as noise is let through; the highest of all columns.

    Residuals over the cutoff become a line where they hold nothing but noise; carried on to 0 Hz it tells the size of
    the noise, and the cutoff is where the residual has just that size.
    """
    cutoffs_hz = np.linspace(0.5, 0.9 * CUTOFF_CORRECTION * rate_hz / 2, 60)
    residual = np.stack([_rms(values - low_pass(values, rate_hz, cutoff)) for cutoff in cutoffs_hz])
    return max(_where_noise_begins(cutoffs_hz, column) for column in residual.T)


def derivative(values: Float[np.ndarray, "t c"], rate_hz: float) -> Float[np.ndarray, "t c"]:
    """Central differences, per second; NaN beside a gap."""
    if len(values) < 2:
        return np.full_like(values, np.nan)
    return np.gradient(values, axis=0) * rate_hz


def _where_noise_begins(cutoffs_hz: np.ndarray, residual: np.ndarray) -> float:
    """Winter's construction; the line is fitted over the longest tail that is straight (R2 of 0.98 or more)."""
    for first in range(len(residual) - 8):
        slope, intercept = np.polyfit(cutoffs_hz[first:], residual[first:], 1)
        off = residual[first:] - (slope * cutoffs_hz[first:] + intercept)
        if 1 - off.var() / max(residual[first:].var(), 1e-30) >= 0.98:
            below = np.flatnonzero(residual <= intercept)
            return float(cutoffs_hz[below[0]]) if len(below) else float(cutoffs_hz[-1])
    return float(cutoffs_hz[-1])


def _rms(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.nanmean(values**2, axis=0))


def _by_block(
    values: Float[np.ndarray, "t c"], of_block: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, "t c"]:
    known = _known(values)
    result = np.where(known[:, None], values, np.nan)
    for start, stop in _runs(known):
        if stop - start >= SHORTEST_BLOCK:
            result[start:stop] = of_block(values[start:stop])
    return result


def _known(values: Float[np.ndarray, "t c"]) -> Bool[np.ndarray, " t"]:
    return np.asarray(np.isfinite(values).all(axis=-1))


def _runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, one past the last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
