"""Arrays as text for a page: few bits per number, in base64, and the rule that turns them back."""

import base64
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

UNKNOWN = 65535
"""The number that stands for NaN; the others are low + step * number."""


def packed(values: Float[np.ndarray, "..."]) -> dict[str, Any]:
    """16 bits per number, evenly over the range of the known ones; NaN and infinity become unknown.

    Off by at most half a step: 0.05 mm for a room of 6 m.
    """
    known = np.isfinite(values)
    low = float(values[known].min()) if known.any() else 0.0
    high = float(values[known].max()) if known.any() else 0.0
    step = (high - low) / (UNKNOWN - 1) or 1.0
    numbers = np.full(values.shape, UNKNOWN, "<u2")
    numbers[known] = np.round((values[known] - low) / step).astype("<u2")
    return {"shape": list(values.shape), "low": low, "step": step, "numbers": _text(numbers.tobytes())}


def unpacked(table: dict[str, Any]) -> Float[np.ndarray, "..."]:
    """What the page makes of it."""
    numbers = np.frombuffer(base64.b64decode(table["numbers"]), "<u2").reshape(table["shape"])
    return np.where(numbers == UNKNOWN, np.nan, table["low"] + table["step"] * numbers)


def packed_bits(flags: Bool[np.ndarray, "..."]) -> dict[str, Any]:
    """One bit per flag, the first in the highest bit of the first byte."""
    return {"shape": list(flags.shape), "bits": _text(np.packbits(flags.reshape(-1)).tobytes())}


def data_uri(content: bytes | UInt8[np.ndarray, " n"], media_type: str) -> str:
    """A file's content as an address that needs no network."""
    return f"data:{media_type};base64,{_text(bytes(content))}"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
