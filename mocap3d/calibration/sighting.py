"""What one look at one picture gives: the points of a target that are seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True, slots=True)
class Sighting:
    """The k points of a target in one picture."""

    uv_px: Float[np.ndarray, "k 2"]
    """NaN = not seen."""
    sigma_px: Float[np.ndarray, " k"]
    shape: tuple[int, int] | None = None
    """(columns, rows) of corners of what looks like a board, be it the right one or not."""
    n_markers: int = 0
    """Markers of the target's dictionary, be they of this target or not."""

    @property
    def n_points(self) -> int:
        """How many are seen."""
        return int(np.isfinite(self.sigma_px).sum())


Finder = Callable[[UInt8[np.ndarray, "height width"]], Sighting]
"""Looks for one target in a picture; safe to call from several threads."""


def nothing_seen(n_points: int, *, shape: tuple[int, int] | None = None, n_markers: int = 0) -> Sighting:
    """A sighting without points."""
    return Sighting(np.full((n_points, 2), np.nan), np.full(n_points, np.nan), shape, n_markers)
