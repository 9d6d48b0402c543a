"""The lens model of every view, chosen once more when all views are adjusted together.

One view alone often cannot tell its distortion: its board is small and far. Together with the others, which say where
that board is, it can. So no model is simpler here than ``brown5``, whose coefficients are held by their priors where
the corners do not tell them; whether one must be more than that, is judged by all views at once: fitted to the even
instants, tried on the odd ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mocap3d.calibration.adjustment import held_out, unknowns_of
from mocap3d.calibration.bundle import BundleOptions, start_of
from mocap3d.calibration.corners import Corners, corners_of
from mocap3d.calibration.extrinsics import Poses
from mocap3d.calibration.intrinsics import LensEstimate, simplest
from mocap3d.calibration.lens_kinds import LensKind
from mocap3d.session.records import TargetObservations, ViewId

RUNGS = (LensKind.BROWN5, LensKind.KANNALA_BRANDT, LensKind.BROWN8)

N_ERRORS = 3.0
"""Standard errors by which another model must be better: the other views, fitted with it too, share its faults."""
DEFAULT = BundleOptions()


def choose_lenses(
    observations: Sequence[TargetObservations],
    lenses: Mapping[ViewId, LensEstimate],
    poses: Poses,
    options: BundleOptions = DEFAULT,
) -> dict[ViewId, LensEstimate]:
    """The same lenses, each with the model that is the simplest to explain held-out instants of all views together.

    A lens that was given, or whose model was asked for, stays as it is.
    """
    open_views = [view for view, estimate in lenses.items() if len(estimate.tried) > 1]
    if not open_views or not options.refine_lenses:
        return dict(lenses)
    corners = corners_of(observations, list(lenses))
    rungs = [rung for rung in RUNGS if all(rung in lenses[view].tried for view in open_views)]
    costs = {rung: _held_out(corners, _on_rung(lenses, rung), poses, options) for rung in rungs}
    chosen = dict(lenses)
    for view in open_views:
        place = corners.views.index(view)
        mine = {rung: cost[place] for rung, cost in costs.items()}
        judged = np.isfinite(np.stack(list(mine.values()))).any(0)
        if judged.sum() >= 2:
            errors = {rung: np.where(np.isnan(cost), np.inf, cost)[judged] for rung, cost in mine.items()}
            chosen[view] = _with_kind(lenses[view], simplest(errors, n_errors=N_ERRORS))
    return chosen


def _on_rung(lenses: Mapping[ViewId, LensEstimate], rung: LensKind) -> dict[ViewId, LensEstimate]:
    """All views whose model is open on the same rung."""
    return {view: replace(estimate, kind=rung, lens=estimate.tried[rung]) if len(estimate.tried) > 1 else estimate
            for view, estimate in lenses.items()}  # fmt: skip


def _with_kind(estimate: LensEstimate, kind: LensKind) -> LensEstimate:
    if kind is estimate.kind:
        return estimate
    verdict = f"{estimate.verdict} Adjusted together with the other views as {kind}."
    return replace(estimate, kind=kind, lens=estimate.tried[kind], verdict=verdict)


def _held_out(
    corners: Corners, lenses: Mapping[ViewId, LensEstimate], poses: Poses, options: BundleOptions
) -> Float[np.ndarray, "c f"]:
    """The robust mean square error of every view in every target of an odd instant; NaN where it is not judged."""
    start, known = start_of(corners, lenses, poses)
    corners = corners.of_targets(known)
    odd = np.arange(corners.n_targets) % 2 == 1
    kinds = [lenses[view].kind for view in corners.views]
    unknowns = unknowns_of(
        kinds,
        start.lenses,
        [corners.size_px[view] for view in corners.views],
        free_poses=np.arange(len(kinds)) > 0,
        held_targets=np.zeros(corners.n_targets, bool),
    )
    problem, state, _ = held_out(corners, kinds, unknowns, start, ~odd, odd, bend_px=options.bend_px)
    return _per_view(corners.of_targets(odd), problem.residuals_px(state), options.bend_px)


def _per_view(corners: Corners, residual_px: Float[np.ndarray, "n 2"], bend_px: float) -> Float[np.ndarray, "c f"]:
    size_px = np.nan_to_num(np.linalg.norm(residual_px, axis=1), nan=1e6)
    cost = np.where(size_px > bend_px, bend_px * (2 * size_px - bend_px), size_px**2)
    cell = corners.view_of * corners.n_targets + corners.target_of
    n_cells = len(corners.views) * corners.n_targets
    with np.errstate(invalid="ignore"):
        mean = np.bincount(cell, cost, n_cells) / np.bincount(cell, minlength=n_cells)
    return mean.reshape(len(corners.views), -1)
