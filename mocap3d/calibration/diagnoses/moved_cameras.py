"""Whether a camera moved while the board was filmed: it then stands elsewhere beside the others after than before.

The poses are found from two parts of the recording by themselves. If that explains one view's corners much better than
one pose for all of the recording does, and that view's picture shifted, its camera moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

import torch
from torch import Tensor

from mocap3d.calibration.diagnoses.refit import Refit, Start, blanked, p_in_world, refit, shared
from mocap3d.session.records import TargetObservations, ViewId

SPLITS = (0.5, 0.25, 0.75)
"""Shares of the recording after which it may have moved."""
MAX_INSTANTS = 80
MIN_SHARED = 4
"""Instants that two views must share in either part."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a split of the recording says of one view."""

    shift_px: float
    """Between the parts, against the other views."""
    misfit_px: float
    """Median, with a pose for either part."""
    unmoved_misfit_px: float
    """Median, with one pose for all of it."""


def moves(board: TargetObservations, start: Start) -> Mapping[ViewId, Move]:
    """Of each view, for the split at which its corners are explained best."""
    board = shared(board, at_most=MAX_INSTANTS)
    seen = board.uv_px.isfinite().all(-1).any(-1).any(0).nonzero()[:, 0]
    halves = _parts(board, start, seen, SPLITS[0], with_lenses=True)
    if halves is None:
        return {}
    # A camera moves once: one half is as it should be, and tells the lenses.
    start = start.with_lenses_of(min(halves, key=lambda half: half.total_misfit_px))
    unmoved = refit(board, start)
    found: dict[ViewId, Move] = {}
    for split in SPLITS:
        parts = _parts(board, start, seen, split)
        if unmoved is None or parts is None:
            continue
        for row, view in enumerate(board.views):
            shift_px = _shift_px(board, start, parts, view)
            if shift_px is not None:
                own = torch.cat([part.off_px[row].norm(dim=-1).flatten() for part in parts]).nanmedian()
                move = Move(shift_px, float(own), unmoved.misfit_px(row))
                found[view] = min(move, found.get(view, move), key=lambda each: each.misfit_px)
    return found


def _parts(
    board: TargetObservations, start: Start, seen: Tensor, split: float, *, with_lenses: bool = False
) -> tuple[Refit, Refit] | None:
    """All before and all after."""
    cut = round(split * len(seen))
    before, after = (refit(blanked(board, part), start, with_lenses=with_lenses) for part in (seen[:cut], seen[cut:]))
    return None if before is None or after is None else (before, after)


def _shift_px(board: TargetObservations, start: Start, parts: tuple[Refit, Refit], view: ViewId) -> float | None:
    """Against the middle one of the other views, of two the one against which it is less: one of them may have moved
    itself. None where no other view sees the board with it often enough."""
    others = [other for other in start.views if other != view and _share_enough(parts, board, view, other)]
    return median_low([_against_px(board, parts, view, by) for by in others]) if others else None


def _share_enough(parts: tuple[Refit, Refit], board: TargetObservations, a: ViewId, b: ViewId) -> bool:
    saw = [[fit.off_px[board.views.index(view)].isfinite().all(-1).any(-1) for view in (a, b)] for fit in parts]
    return all(int((one & other).sum()) >= MIN_SHARED for one, other in saw)


def _against_px(board: TargetObservations, parts: tuple[Refit, Refit], view: ViewId, by: ViewId) -> float:
    """How far ``view`` sees the board elsewhere than before, if ``by`` stood still; median over all corners."""
    before, after = parts
    shifts = []
    for fit, (one, other) in zip(parts, pairwise((before, after, before)), strict=True):
        points = p_in_world(board, fit).reshape(-1, 3)
        points = points[points.isfinite().all(-1)]
        p_in_cam = one.cameras[by].cam_from_world.apply(points)
        elsewhere = other.cameras[by].cam_from_world.inverse().apply(p_in_cam)
        shifts.append((other.cameras[view].project(elsewhere) - one.cameras[view].project(points)).norm(dim=-1))
    return float(torch.cat(shifts).nanmedian())
