"""Chessboard corners joined into a lattice: from corner to corner along the edges between squares.

It grows as far as the board goes, so it tells how many corners the board has, and how many of them are in the picture.
Only neighbours are compared: neither the lens nor the size of the pattern must be known.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from mocap3d.calibration.saddles import Saddles

NEIGHBOURS = 12
MAX_BEND_RAD = 0.3
"""By how much a corner may lie beside its neighbour's edge, or its edge turn against it."""
MAX_UNEVEN = 0.4
"""By how much of a step an outer corner may lie off the continuation of its row; perspective does less."""
HALF = 0.5
"""Outer rows of which less is there are stray corners beside the board."""
MIN_CORNERS = 6

STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
CUTS = (np.s_[1:], np.s_[:-1], np.s_[:, 1:], np.s_[:, :-1])
Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Corners by row and column; NaN where the lattice has a gap. Handed as in the picture: columns turn to rows
    clockwise, as x turns to y.
    """

    uv_px: Float[np.ndarray, "rows columns 2"]
    is_dark: np.ndarray
    """(rows, columns): whether the square after each corner, in rows and columns, is dark; -1 in gaps."""

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, rows)."""
        rows, columns = self.is_dark.shape
        return columns, rows

    @property
    def n_corners(self) -> int:
        """How many are there."""
        return int((self.is_dark >= 0).sum())

    @property
    def is_whole(self) -> bool:
        """Whether no corner is missing."""
        return bool((self.is_dark >= 0).all())


def find_lattices(saddles: Saddles) -> list[Lattice]:
    """Every lattice of at least MIN_CORNERS, the largest first."""
    links = _links(saddles)
    lattices, seen = [], np.zeros(len(saddles.uv_px), bool)
    for seed in range(len(seen)):
        if seen[seed]:
            continue
        cell_of = _grow(seed, links, saddles)
        seen[list(cell_of)] = True
        if len(cell_of) >= MIN_CORNERS:
            lattices.append(trimmed(_without_strays(_lattice(cell_of, saddles)), HALF))
    lattices = [lattice for lattice in lattices if min(lattice.shape) > 1]
    return sorted(lattices, key=lambda lattice: -lattice.n_corners)


def _links(saddles: Saddles) -> Int[np.ndarray, "n 4"]:
    """The corner at the end of each corner's four edges, -1 where none; only where both point at each other."""
    towards = _nearest_along_edges(saddles)
    mutual = np.full_like(towards, -1)
    for i, ends in enumerate(towards):
        for k, j in enumerate(ends):
            if j >= 0 and i in towards[j]:
                mutual[i, k] = j
    return mutual


def _nearest_along_edges(saddles: Saddles) -> Int[np.ndarray, "n 4"]:
    n = len(saddles.uv_px)
    if n < 2:
        return np.full((n, 4), -1)
    count = min(NEIGHBOURS, n - 1)
    lengths, nearest = KDTree(saddles.uv_px).query(saddles.uv_px, k=count + 1)
    length, near = np.asarray(lengths)[:, 1:], np.asarray(nearest)[:, 1:]
    step = saddles.uv_px[near] - saddles.uv_px[:, None]
    heading = np.arctan2(step[..., 1], step[..., 0])
    bend = np.abs(_wrapped(heading[:, None, :] - saddles.ray_rad[:, :, None]))  # n 4 c
    back = np.abs(_wrapped(heading[:, :, None] + np.pi - saddles.ray_rad[near])).min(axis=2)  # n c
    is_aligned = (bend < MAX_BEND_RAD) & (back < MAX_BEND_RAD)[:, None, :]
    cost = np.where(is_aligned, length[:, None, :] * (1 + bend + back[:, None, :]), np.inf)
    best = cost.argmin(axis=2)
    return np.where(np.isfinite(cost.min(axis=2)), np.take_along_axis(near, best, axis=1), -1)


def _grow(seed: int, links: Int[np.ndarray, "n 4"], saddles: Saddles) -> dict[int, Cell]:
    """Cells (column, row) of the corners that hang together with the seed, by breadth first.

    Every corner brings its own order of edges, turned by quarter turns against the seed's; a link counts only if the
    edge leads back, and if light and dark alternate.
    """
    cell_of, turn_of, taken = {seed: (0, 0)}, {seed: 0}, {(0, 0)}
    queue = deque([seed])
    while queue:
        i = queue.popleft()
        for k in range(4):
            j = int(links[i, k])
            if j < 0 or j in cell_of:
                continue
            direction = (k - turn_of[i]) % 4
            cell = (cell_of[i][0] + STEPS[direction][0], cell_of[i][1] + STEPS[direction][1])
            (back,) = np.nonzero(links[j] == i)
            turn = (int(back[0]) - direction - 2) % 4
            # Even turns keep the colour of the sector after an edge, odd turns change it; so does each step.
            same = (saddles.is_dark[i] == saddles.is_dark[j]) == ((turn_of[i] - turn) % 2 == 0)
            if cell in taken or same:
                continue
            cell_of[j], turn_of[j] = cell, turn
            taken.add(cell)
            queue.append(j)
    return cell_of


def _lattice(cell_of: dict[int, Cell], saddles: Saddles) -> Lattice:
    index, cells = np.array(list(cell_of)), np.array(list(cell_of.values()))
    cells -= cells.min(axis=0)
    columns, rows = cells.max(axis=0) + 1
    uv_px, is_dark = np.full((rows, columns, 2), np.nan), np.full((rows, columns), -1, np.int8)
    uv_px[cells[:, 1], cells[:, 0]] = saddles.uv_px[index]
    seed = int(np.flatnonzero(index == next(iter(cell_of)))[0])
    parity = (cells - cells[seed]).sum(axis=1) % 2
    is_dark[cells[:, 1], cells[:, 0]] = parity ^ int(saddles.is_dark[index[seed]])
    return Lattice(uv_px, is_dark)


def trimmed(lattice: Lattice, min_share: float, *, shape: tuple[int, int] = (1, 1)) -> Lattice:
    """Without outer rows and columns of which less than a share is there, the emptiest first; never below ``shape``."""
    while True:
        smaller = [Lattice(lattice.uv_px[cut], lattice.is_dark[cut]) for cut in CUTS]
        sides = (lattice.is_dark[0], lattice.is_dark[-1], lattice.is_dark[:, 0], lattice.is_dark[:, -1])
        shares = {
            float((side >= 0).mean()): cut
            for side, cut in zip(sides, smaller, strict=True)
            if min(cut.shape) >= min(shape) and max(cut.shape) >= max(shape)
        }
        if min(shares, default=1.0) >= min_share:
            return lattice
        lattice = shares[min(shares)]


def _without_strays(lattice: Lattice) -> Lattice:
    """Gaps in place of outer corners that do not continue their row or column: where the board's rim meets an edge."""
    uv_px, is_dark = lattice.uv_px.copy(), lattice.is_dark.copy()
    # Views, from each side inwards: row 0 is the side itself.
    for uv, dark in zip(_inwards(uv_px), _inwards(is_dark), strict=True):
        if len(dark) > 2:
            step = uv[1] - uv[2]
            off = np.linalg.norm(uv[0] - uv[1] - step, axis=-1) / np.linalg.norm(step, axis=-1)
            uv[0][off > MAX_UNEVEN], dark[0][off > MAX_UNEVEN] = np.nan, -1
    return Lattice(uv_px, is_dark)


def _inwards(grid: np.ndarray) -> tuple[np.ndarray, ...]:
    return grid, grid[::-1], grid.swapaxes(0, 1), grid.swapaxes(0, 1)[::-1]


def _wrapped(angle_rad: np.ndarray) -> np.ndarray:
    return (angle_rad + np.pi) % (2 * np.pi) - np.pi
