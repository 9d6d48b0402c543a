"""Exact frame rates and times: 29.97 means 30000/1001, and rounded time stamps the regular times they stand for."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

NTSC_BASES = (24, 30, 48, 60, 120, 240)
NTSC_TOLERANCE = 2e-4
"""Catches 29.97 and 23.98, and keeps well away from 30 and 24, which are 1e-3 off."""
_SLOWEST, _FASTEST = Fraction(1, 1000), 1_000_000
"""Hz; what lies beyond is a slip of the pen, and would make timelines of days or of nothing."""


def exact_rate(value: bool | int | float | str | Fraction) -> Fraction:
    """Frames per second as a fraction, from a number or from text like ``"30000/1001"``; ValueError if it is none.

    A decimal number within 2e-4 of 24, 30, 48, 60, 120 or 240 times 1000/1001 is that rate.
    """
    try:
        rate = Fraction(value.strip() if isinstance(value, str) else value)
    except (ValueError, OverflowError, ZeroDivisionError):
        rate = Fraction(0)
    if isinstance(value, bool) or not _SLOWEST <= rate <= _FASTEST:
        raise ValueError(
            f'needed frames per second as a number or a fraction, e.g. 59.94 or "60000/1001"; found {value!r}'
        )
    is_decimal = isinstance(value, float) or (isinstance(value, str) and "/" not in value)
    return snapped(rate) if is_decimal else rate


def snapped(rate: Fraction) -> Fraction:
    """The standard rate that a rounded one stands for, or else the nearest of small denominator."""
    for base in NTSC_BASES:
        ntsc = Fraction(base * 1000, 1001)
        if abs(rate / ntsc - 1) < NTSC_TOLERANCE:
            return ntsc
    return rate.limit_denominator(1001) or rate


def regular_times(n: int, rate: Fraction, *, first: int = 0) -> Float[Tensor, " n"]:
    """Times of n frames at a rate, in seconds from frame 0; each the float nearest to the exact one."""
    return torch.arange(first, first + n, dtype=torch.float64) * rate.denominator / rate.numerator


def frame_times(
    ticks: Sequence[int], tick_s: Fraction, declared: Iterable[Fraction] = ()
) -> tuple[Fraction | None, Float[Tensor, " n"]]:
    """Rate and times (from 0) of frames whose time stamps are whole numbers of ``tick_s``, ascending.

    Where one of the ``declared`` rates, or the mean one, explains all stamps as times rounded to the tick, the times
    are the regular ones: Matroska's milliseconds would shake them by half a millisecond. Else the stamps are the times.
    """
    stamps = np.asarray(ticks, dtype=np.int64) - ticks[0]
    span_s = int(stamps[-1]) * tick_s
    mean = snapped((len(ticks) - 1) / span_s) if span_s else None
    candidates = [*declared] if mean is None else [*declared, mean]
    for rate in candidates:
        if _explains(rate, stamps, tick_s):
            return rate, regular_times(len(ticks), rate)
    return mean, torch.from_numpy(stamps * float(tick_s))


def _explains(rate: Fraction, stamps: np.ndarray, tick_s: Fraction) -> bool:
    """Whether the stamps are a regular grid rounded to ticks. Above half a frame a tick cannot show a lost frame."""
    off_ticks = float(np.ptp(stamps - np.arange(len(stamps)) / float(rate * tick_s)))
    is_fine = rate * tick_s <= Fraction(1, 2)
    return off_ticks < (1 - 1e-6 if is_fine else 1e-6)
