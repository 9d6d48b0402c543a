"""Where in its pictures a view is searched for people: everywhere at first, and then where and when it is worth it.

Who is followed needs no search, and whoever comes changes the picture: so after the first search, one of all squares of
a picture (which may be many where people are small) is spread over several frames, and rests while nothing changes.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from mocap3d.detection.boxes import MARGIN, PersonBox
from mocap3d.detection.persons import COMFORTABLE, grids, whole
from mocap3d.detection.tracking import Track

SEARCHES = 16
"""In which everything was looked at, once people are followed."""
OF_EMPTY = 3
"""Tiles per search beside the whole picture while there is nobody: the cost, frame by frame, of one person."""
OF_STILL = 4
"""Every so many searches take place although nothing has changed."""
STEP_PX = 8
CHANGED = 30
"""Levels of a colour that noise and compression do not reach, but a person before a wall does."""
FEWEST = 6
"""Samples, of one in 8 x 8 pixels, that must have changed: somebody 60 px high covers 18."""


class Sweep:
    """One view's searches; each is told whom the view's tracker follows."""

    def __init__(self) -> None:
        self._before: tuple[np.ndarray, list[PersonBox]] | None = None
        self._turn = self._searches = self._due = 0

    def squares(self, picture: UInt8[np.ndarray, "h w 3"], tracks: Sequence[Track]) -> list[PersonBox] | None:
        """The squares of the next search; none where it can rest, and None for everywhere, as fine as it takes."""
        size_px, is_first = (picture.shape[1], picture.shape[0]), self._before is None
        has_changed = self._has_changed(picture, [track.box for track in tracks])
        if is_first:
            return None
        if not tracks:
            return [*whole(size_px), *self._next(_tiles_for(size_px, []), OF_EMPTY)]
        every = [*whole(size_px), *_tiles_for(size_px, [track.box.size_px[1] / MARGIN for track in tracks])]
        lost = [_around(track.box) for track in tracks if track.missed]
        n = math.ceil(len(every) / SEARCHES)
        self._searches += 1
        self._due = math.ceil(len(every) / n) if has_changed else max(self._due - 1, 0)
        is_due = self._due > 0 or self._searches % OF_STILL == 0
        return lost + (self._next(every, n) if is_due else [])

    def _has_changed(self, picture: np.ndarray, boxes: list[PersonBox]) -> bool:
        """Whether anything did since this was last asked, but where people are followed."""
        now = picture[STEP_PX // 2 :: STEP_PX, STEP_PX // 2 :: STEP_PX].astype(np.int16)
        before, self._before = self._before, (now, boxes)
        if before is None:
            return True
        differs = np.any(np.abs(now - before[0]) > CHANGED, axis=-1)
        for box in [*boxes, *before[1]]:
            x0, y0, x1, y1 = (max(0, round(edge / STEP_PX)) for edge in box.corners_px)
            differs[y0:y1, x0:x1] = False
        return int(differs.sum()) >= FEWEST

    def _next(self, squares: list[PersonBox], n: int) -> list[PersonBox]:
        """The next ``n`` of them, in turn."""
        first, self._turn = self._turn, self._turn + n
        return [squares[turn % len(squares)] for turn in range(first, first + min(n, len(squares)))]


def _tiles_for(size_px: tuple[int, int], heights_px: Sequence[float]) -> list[PersonBox]:
    """The tiles of the coarsest grid, as the whole picture shows two people side by side as one, and of each finer one
    for as long as everybody (heights) is small in the one before."""
    chosen: list[PersonBox] = []
    for finer in grids(size_px):
        chosen += finer
        if any(height >= COMFORTABLE * finer[0].size_px[1] for height in heights_px):
            break
    return chosen


def _around(box: PersonBox) -> PersonBox:
    """The square in whose middle the person of a box has a comfortable size."""
    side = box.size_px[1] / MARGIN / COMFORTABLE
    return PersonBox(box.centre_px, (side, side))
