"""Which views' clocks are off, and by how much: a late view sees the board ahead along its path, always as far in time.

Each view's corners are compared with where the others expect them; what lies along the corners' own velocity is time.
The corners are then moved in time by that, and all is found anew, until nothing is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.diagnoses.refit import Refit, Start, expected, fitted, refit, shared
from mocap3d.calibration.paths import at_times
from mocap3d.session.records import TargetObservations, ViewId

MIN_CORNERS = 100
MAX_INSTANTS = 80
N_ROUNDS, SETTLED_S = 6, 0.001


@dataclass(frozen=True, slots=True)
class Clock:
    """What the board says of one view's clock."""

    late_s: float
    """How much later than stated its pictures were taken, beside the median view; of two views, beside the first."""
    sigma_s: float
    misfit_px: float
    """Median, once that is put right."""
    stated_misfit_px: float
    """Median, by the stated times."""


@dataclass(frozen=True, slots=True)
class Path:
    """A view's corners at wished times, and how fast they move."""

    uv_px: Float[Tensor, "v t k 2"]
    velocity_px_s: Float[Tensor, "v t k 2"]


def clocks(board: TargetObservations, everything: TargetObservations, start: Start) -> Mapping[ViewId, Clock]:
    """Of every view that moves enough of the board; empty where pictures have no times. ``everything`` is all that was
    seen of the board, for its paths."""
    board = shared(board, at_most=MAX_INSTANTS)
    late_s, sigma_s = torch.zeros(len(board.views), dtype=torch.float64), {}
    path, fit = _at(board, everything, late_s), refit(board, start)
    if fit is None or not everything.t_s.isfinite().all():
        return {}
    stated, at_time = fit, board
    for _ in range(N_ROUNDS):
        steps = _steps(at_time, path, start, fit)
        step_s = torch.tensor([steps.get(view, (0.0, 0.0))[0] for view in board.views], dtype=torch.float64)
        sigma_s = {view: sigma for view, (_, sigma) in steps.items()}
        late_s = _beside_usual(late_s + step_s, [view in steps for view in board.views])
        path = _at(board, everything, late_s)
        at_time = replace(board, uv_px=path.uv_px)
        again = refit(at_time, start.at(fit))
        if again is None:
            return {}
        fit = again
        if float(step_s.abs().max()) < SETTLED_S:
            break
    return {view: Clock(float(late_s[row]), sigma_s[view], fit.misfit_px(row), stated.misfit_px(row))
            for row, view in enumerate(board.views) if view in sigma_s}  # fmt: skip


def _beside_usual(late_s: Float[Tensor, " v"], known: list[bool]) -> Float[Tensor, " v"]:
    """Only differences of clocks can be seen."""
    of_known = late_s[torch.tensor(known)]
    if not len(of_known):
        return late_s
    usual = of_known[0] if len(of_known) == 2 else of_known.median()
    return torch.where(torch.tensor(known), late_s - usual, late_s)


def _steps(board: TargetObservations, path: Path, start: Start, fit: Refit) -> Mapping[ViewId, tuple[float, float]]:
    """How much later each view still seems to be, and the sigma of that."""
    steps = {}
    for row, view in enumerate(board.views):
        placed = expected(board, start, fit, view) if view in start.lenses else None
        if placed is None:
            continue
        off, speed = placed.off_px[row], path.velocity_px_s[row]
        usable = off.isfinite().all(-1) & speed.isfinite().all(-1)
        if int(usable.sum()) >= MIN_CORNERS:
            (late,), (sigma,) = fitted(speed[usable].reshape(-1, 1), off[usable].reshape(-1))
            steps[view] = float(late), float(sigma)
    # The others have a say in where a view is expected: by as much as they are of all.
    return {view: (late * (len(steps) - 1) / len(steps), sigma) for view, (late, sigma) in steps.items()}


def _at(board: TargetObservations, everything: TargetObservations, late_s: Float[Tensor, " v"]) -> Path:
    """Where each view saw the corners when its pictures of the board's instants would have been due."""
    t_s, uv_px = everything.t_s.numpy(), everything.uv_px.numpy()
    rows = [at_times(uv_px[row], t_s, board.t_s.numpy() - late) for row, late in enumerate(late_s.tolist())]
    at, velocity = (torch.from_numpy(np.stack(each)) for each in zip(*rows, strict=True))
    unseen = board.uv_px.isnan().all(-1).all(-1)[..., None, None]
    return Path(at.masked_fill(unseen, torch.nan), velocity)
