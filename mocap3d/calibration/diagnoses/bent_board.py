"""Whether a flat board is flat: corners that stand out of its plane are off in every view, away from it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.diagnoses.refit import Refit, Start, fitted, p_in_world, refit, shared
from mocap3d.session.records import TargetObservations

MAX_INSTANTS = 80
N_ROUNDS = 3
MIN_SEEN = 10
"""Sightings that a corner needs."""


@dataclass(frozen=True, slots=True)
class Bend:
    """How far each corner stands out of the plane that suits all best, and what that explains."""

    up_m: Float[Tensor, " k"]
    """NaN where a corner was hardly seen."""
    sigma_m: Float[Tensor, " k"]
    misfit_px: float
    """Median, by the bent board."""
    flat_misfit_px: float


def bend(board: TargetObservations, start: Start) -> Bend | None:
    """Of a flat board; None where it is not flat by its definition, or has too few corners."""
    points = board.p_in_target
    if len(points) < 6 or float(points[:, 2].max() - points[:, 2].min()) > 0:
        return None
    board = shared(board, at_most=MAX_INSTANTS)
    flat = fit = refit(board, start, with_lenses=True)
    up_m, sigma_m = torch.zeros(len(points), dtype=torch.float64), torch.full((len(points),), torch.nan).double()
    for _ in range(N_ROUNDS):
        if fit is None:
            return None
        more_m, sigma_m = _out_of_plane_m(board, fit)
        up_m = _without_plane(points, up_m + more_m.nan_to_num(0))
        board = replace(board, p_in_target=points + up_m[:, None] * torch.tensor([0.0, 0, 1], dtype=torch.float64))
        fit = refit(board, start.at(fit), with_lenses=True)
    if flat is None or fit is None:
        return None
    return Bend(up_m.where(sigma_m.isfinite(), torch.nan), sigma_m, fit.total_misfit_px, flat.total_misfit_px)


def _out_of_plane_m(board: TargetObservations, fit: Refit) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """How much further than believed each corner stands out, and its sigma; NaN where it was hardly seen."""
    n_points = len(board.p_in_target)
    points, normal = p_in_world(board, fit), fit.world_from_target.rotation[:, None, :, 2:]
    pulls, offs, corners = [], [], []
    for row, view in enumerate(board.views):
        if view in fit.cameras:
            seen = fit.off_px[row].isfinite().all(-1)
            along = normal.expand(*seen.shape, 3, 1)[seen]
            pulls.append(fit.cameras[view].jacobian(points[seen]) @ along)
            offs.append(fit.off_px[row, seen])
            corners.append(seen.nonzero()[:, 1])
    pull, off, corner = torch.cat(pulls)[..., 0], torch.cat(offs), torch.cat(corners)
    up, sigma = torch.full((2, n_points), torch.nan, dtype=torch.float64)
    for k in range(n_points):
        mine = corner == k
        if int(mine.sum()) >= MIN_SEEN:
            (height,), (doubt,) = fitted(pull[mine].reshape(-1, 1), off[mine].reshape(-1))
            up[k], sigma[k] = float(height), float(doubt)
    return up, sigma


def _without_plane(p_in_target: Float[Tensor, "k 3"], up_m: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """A tilt or a lift of all corners is the board's pose, and no bend."""
    design = torch.cat([p_in_target[:, :2], torch.ones(len(up_m), 1, dtype=torch.float64)], 1)
    plane, *_ = np.linalg.lstsq(design.numpy(), up_m.numpy(), rcond=None)
    return up_m - design @ torch.from_numpy(plane)
