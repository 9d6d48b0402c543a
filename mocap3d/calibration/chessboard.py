"""Chessboards in one picture: the lattice of corners set beside the pattern that was promised."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mocap3d.calibration.boards import Chessboard
from mocap3d.calibration.lattice import Lattice, find_lattices, trimmed
from mocap3d.calibration.saddles import find_saddles
from mocap3d.calibration.sighting import Sighting, nothing_seen
from mocap3d.calibration.subpixel import refine_saddles

WIDTHS_PX = (640, 400, 1280, 2560)
"""Longest sides to which a picture is reduced for the search, until the whole board is found. Large squares and much
blur want small ones, distant boards large ones; the largest, which takes longest, is for boards that showed in part."""
CLEAR = 0.35
"""Share of the distance to the nearest other corner that is free of others' edges."""
RIM_SHARE = 0.9
"""A surplus row with more gaps is the rim of the board before a dark wall; a fuller one says the board is larger."""
MIN_SHARE = 0.5
"""Of the pattern's corners; with fewer it may be anything."""


@dataclass(frozen=True)
class ChessboardFinder:
    """Finds one chessboard."""

    pattern: Chessboard
    widths_px: tuple[int, ...] = WIDTHS_PX

    def __call__(self, grey: UInt8[np.ndarray, "height width"]) -> Sighting:
        """The board in a picture; corners that are hidden or out of the picture are NaN.

        Partial boards count only if corners of all four sides are seen: else nobody knows which corners they are.
        """
        best, rest = self._search(grey)
        if best is None:
            return nothing_seen(len(self.pattern.points_mm()), shape=rest.shape if rest else None)
        uv_px = best.uv_px.reshape(-1, 2)
        refined, sigma_px = refine_saddles(grey, uv_px, CLEAR * _spacing_px(best).ravel())
        return Sighting(refined, sigma_px, shape=best.shape)

    def _search(self, grey: UInt8[np.ndarray, "height width"]) -> tuple[Lattice | None, Lattice | None]:
        """The lattice that is the pattern, the fullest of all sizes; else the largest that is not."""
        best, rest = None, None
        for width_px in self.widths_px:
            scale = min(1.0, width_px / max(grey.shape))
            was_searched = scale == 1.0 and any(max(grey.shape) <= less < width_px for less in self.widths_px)
            if was_searched or (width_px == max(self.widths_px) and best is None and rest is None):
                continue
            for lattice in find_lattices(find_saddles(_reduced(grey, scale))):
                lattice = Lattice((lattice.uv_px + 0.5) / scale - 0.5, lattice.is_dark)
                fitting = oriented(lattice, self.pattern)
                if fitting is not None and (best is None or fitting.n_corners > best.n_corners):
                    best = fitting
                if fitting is None and (rest is None or lattice.n_corners > rest.n_corners):
                    rest = lattice
            if best is not None and best.is_whole:
                break
        return best, rest


def oriented(lattice: Lattice, pattern: Chessboard) -> Lattice | None:
    """The lattice turned so that its first row is the pattern's; None where it is another pattern.

    Which end is the first is told by light and dark; where both ends look alike, the one whose rows run to the right.
    """
    lattice = trimmed(lattice, RIM_SHARE, shape=(pattern.columns, pattern.rows))
    if lattice.n_corners < MIN_SHARE * pattern.columns * pattern.rows:
        return None
    turned = [_turned(lattice, quarter) for quarter in range(4)]
    fitting = [one for one in turned if one.shape == (pattern.columns, pattern.rows) and _starts(one, pattern)]
    return max(fitting, key=_rightward, default=None)


def _starts(lattice: Lattice, pattern: Chessboard) -> bool:
    """Whether the square behind the first corner is as dark as that of the print."""
    there = lattice.is_dark >= 0
    row, column = np.argwhere(there)[0]
    first = int(lattice.is_dark[row, column]) ^ int((row + column) % 2)
    return first == int(not pattern.inverted)


def _turned(lattice: Lattice, quarter: int) -> Lattice:
    """Turned by quarter turns.

    The square *behind* a corner, down and to the right, is another one after a turn: of the other colour after odd
    turns, and of the same after half a turn.
    """
    is_dark = np.rot90(lattice.is_dark, quarter)
    if quarter % 2:
        is_dark = np.where(is_dark >= 0, 1 - is_dark, -1)
    return Lattice(np.rot90(lattice.uv_px, quarter), is_dark)


def _rightward(lattice: Lattice) -> float:
    step = np.diff(lattice.uv_px, axis=1).reshape(-1, 2)
    along = np.nanmean(step, axis=0)
    return float(along[0] / np.linalg.norm(along))


def _spacing_px(lattice: Lattice) -> Float[np.ndarray, "rows columns"]:
    """Distance of every corner to its nearest neighbour."""
    padded = np.pad(lattice.uv_px, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    middle, nearest = padded[1:-1, 1:-1], np.full(lattice.is_dark.shape, np.inf)
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        nearest = np.fmin(nearest, np.linalg.norm(other - middle, axis=-1))
    return nearest


def _reduced(grey: UInt8[np.ndarray, "height width"], scale: float) -> UInt8[np.ndarray, "less_height less_width"]:
    if scale == 1.0:
        return grey
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
