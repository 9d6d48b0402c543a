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
from mocap3d.session.records import TargetObservations, ViewId

MAX_GAP_S = 0.5
"""Between the looks that a path is drawn through."""
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
    """Where each view saw the corners when its pictures of the board's instants would have been due: a parabola through
    three looks."""
    t_s, uv_px = everything.t_s.numpy(), everything.uv_px.numpy()
    at, velocity = np.full_like(board.uv_px.numpy(), np.nan), np.full_like(board.uv_px.numpy(), np.nan)
    for row, late in enumerate(late_s.tolist()):
        wished = board.t_s.numpy() - late
        i = np.clip(np.abs(t_s[:, None] - wished).argmin(0), 1, max(len(t_s) - 2, 1))
        if len(t_s) < 3:
            continue
        before, middle, after = (t_s[i + n] - wished for n in (-1, 0, 1))
        near = (after - before < 2 * MAX_GAP_S) & (before < 0) & (after > 0)
        place, slope = _parabola((before, middle, after), [uv_px[row, i + n] for n in (-1, 0, 1)])
        exact = np.abs(middle) < 1e-9
        at[row] = np.where(exact[:, None, None], uv_px[row, i], np.where(near[:, None, None], place, np.nan))
        velocity[row] = np.where(near[:, None, None], slope, np.nan)
    unseen = board.uv_px.isnan().all(-1).all(-1)[..., None, None]
    return Path(torch.from_numpy(at).masked_fill(unseen, torch.nan), torch.from_numpy(velocity))


def _parabola(times_s: tuple[np.ndarray, ...], values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope at time 0 of the parabola through three points, by Lagrange's polynomials."""
    a, b, c = times_s
    scales = ((a - b) * (a - c), (b - a) * (b - c), (c - a) * (c - b))
    weights = [w / s for w, s in zip((b * c, a * c, a * b), scales, strict=True)]
    slopes = [-w / s for w, s in zip((b + c, a + c, a + b), scales, strict=True)]
    place, slope = (
        np.sum([w[:, None, None] * value for w, value in zip(by, values, strict=True)], axis=0)
        for by in (weights, slopes)
    )
    return place, slope
