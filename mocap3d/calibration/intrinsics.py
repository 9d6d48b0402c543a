"""The lens of one view, from pictures of a target: which model, its parameters, and how well each is known.

The model is the simplest that explains pictures it was not fitted to about as well as the best one does. What the
pictures do not tell is held by the priors of ``lens_kinds``, and named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.calibration.adjustment import Adjusted, adjust, held_out, held_parameters, unknowns_of
from mocap3d.calibration.board_poses import fixes_a_pose
from mocap3d.calibration.corners import Corners, corners_of, rigid_of
from mocap3d.calibration.first_lens import first_lens
from mocap3d.calibration.lens_kinds import LensKind, kind_of, unpacked
from mocap3d.errors import CalibrationError
from mocap3d.geometry.lens import Lens, LensModel
from mocap3d.session.records import TargetObservations, ViewId
from mocap3d.solve.bundle import Problem, State

LADDER = tuple(LensKind)
"""From simple to complex."""
RARE = (LensKind.BROWN12, LensKind.BROWN14)
N_FOLDS = 5
GROSS, GROSS_PX = 6.0, 3.0
"""A picture was found wrongly if a fifth of its corners or more are further off than both: in units of the typical
picture's error, and in pixels."""
STRAYED = 2.0
"""Factor between a focal length and its first guess."""


@dataclass(frozen=True)
class LensOptions:
    """How a lens is estimated."""

    lens: LensKind | None = None
    """Lens model; without one, the simplest that explains held-out pictures is chosen."""
    bend_px: float = 1.0
    """A corner further off than this pulls no harder (Huber's loss)."""
    max_pictures: int = 60
    """Pictures on which lens models are compared; all are used for the final fit."""


@dataclass(frozen=True, slots=True)
class LensEstimate:
    """A lens, and what is known of it."""

    view: ViewId
    lens: Lens
    kind: LensKind
    size_px: tuple[int, int]
    names: tuple[str, ...] = ()
    """Of the parameters of ``cov``."""
    cov: Float[Tensor, "p p"] = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))
    held: tuple[str, ...] = ()
    """Parameters that the pictures say little about: their priors hold them."""
    n_pictures: int = 0
    rms_px: float = float("nan")
    tried: Mapping[LensKind, Lens] = field(default_factory=dict)
    """Every model that was fitted, where the choice was free."""
    scores_px: Mapping[LensKind, float] = field(default_factory=dict)
    """The robust error of each on pictures that it was not fitted to; only the target's pose was."""
    n_left_out: int = 0
    """Pictures whose corners fit no lens: a board found wrongly."""
    verdict: str = ""

    def sigma(self, name: str) -> float:
        """Standard deviation of a parameter."""
        return float(self.cov.diagonal()[self.names.index(name)].sqrt())


def given_lens(view: ViewId, lens: Lens, size_px: tuple[int, int]) -> LensEstimate:
    """A lens that is known from elsewhere."""
    return LensEstimate(view, lens, kind_of(lens), size_px, verdict="given")


def calibrate_lens(
    observations: TargetObservations | Sequence[TargetObservations], view: ViewId, options: LensOptions = LensOptions()
) -> LensEstimate:
    """The lens of ``view`` from all pictures in which enough of a target was found."""
    sets = [observations] if isinstance(observations, TargetObservations) else list(observations)
    everything = _usable(corners_of([each for each in sets if view in each.views], [view]), view)
    starts = {model: first_lens(everything, model).state for model in _families(options.lens)}
    fits = _ladder(everything, starts, options)
    sound = _sound(everything, fits)
    corners = everything.of_targets(sound)
    if not sound.all():
        starts = {model: replace(start, poses=start.poses[sound]) for model, start in starts.items()}
        fits = _ladder(corners, starts, options)
    kinds = list(fits) if options.lens is None else [options.lens]
    scores = {kind: _held_out(corners, kind, fits[kind], options) for kind in kinds}
    chosen = simplest(scores)
    scores_px = {kind: float(np.sqrt(costs.mean())) for kind, costs in scores.items()}
    return _estimate(corners, view, chosen, {kind: fits[kind] for kind in kinds}, scores_px, int((~sound).sum()))


def _usable(corners: Corners, view: ViewId) -> Corners:
    """Pictures in which the target can be placed."""
    points = np.split(corners.p_in_target, _cuts(corners))
    usable = np.array([fixes_a_pose(p) for p in points])
    if not usable.any():
        raise CalibrationError(
            f"view '{view}': {len(points)} pictures show some of the target, but none shows 4 corners or more that "
            "are not on one line. Film it closer and whole; a wand alone does not tell a lens."
        )
    return corners.of_targets(usable)


def _families(lens: LensKind | None) -> tuple[LensModel, ...]:
    if lens is None:
        return (LensModel.PINHOLE, LensModel.KANNALA_BRANDT)
    return (LensModel.KANNALA_BRANDT,) if lens is LensKind.KANNALA_BRANDT else (LensModel.PINHOLE,)


def _sound(corners: Corners, fits: Mapping[LensKind, Adjusted]) -> Bool[np.ndarray, " f"]:
    """Pictures whose corners lie about as close to some lens's as those of most pictures do."""
    per_picture = [
        np.array([np.quantile(part, 0.8) for part in np.split(np.linalg.norm(fit.residual_px, axis=1), _cuts(corners))])
        for fit in fits.values()
    ]
    best_px = min(per_picture, key=lambda quantiles: float(np.median(quantiles)))
    return best_px <= max(GROSS_PX, GROSS * float(np.median(best_px)))


def _cuts(corners: Corners) -> Int[np.ndarray, " n"]:
    """Where a new target begins."""
    return np.flatnonzero(np.diff(corners.target_of)) + 1


def _ladder(corners: Corners, starts: Mapping[LensModel, State], options: LensOptions) -> dict[LensKind, Adjusted]:
    """Every model fitted to all pictures, each started where a simpler one of its family ended.

    A simple model that cannot bend as the lens does may escape to an absurd focal length (a pinhole before small boards
    in a barrel-shaped picture: a ninth of the true one), where the next would stay: that begins anew.
    """
    fits: dict[LensKind, Adjusted] = {}
    states = dict(starts)
    for kind in LADDER:
        family = LensModel.KANNALA_BRANDT if kind is LensKind.KANNALA_BRANDT else LensModel.PINHOLE
        if family not in states or (options.lens and kind.n_coefficients > options.lens.n_coefficients):
            continue
        fit = _fit(corners, kind, states[family], options)
        if states[family] is not starts[family] and _strayed(fit.state, starts[family]):
            fit = min(fit, _fit(corners, kind, starts[family], options), key=lambda one: one.rms_px)
        fits[kind], states[family] = fit, fit.state
    return fits


def _strayed(state: State, start: State) -> bool:
    """Whether the focal length is far from the first guess."""
    return not 1 / STRAYED < state.lenses[0, 0] / start.lenses[0, 0] < STRAYED


def _fit(corners: Corners, kind: LensKind, start: State, options: LensOptions) -> Adjusted:
    nothing_held = np.zeros(corners.n_targets, bool)
    size_px = corners.size_px[corners.views[0]]
    unknowns = unknowns_of([kind], start.lenses, [size_px], free_poses=np.array([False]), held_targets=nothing_held)
    return adjust(Problem(corners.observed([kind]), unknowns, options.bend_px), start)


def _held_out(corners: Corners, kind: LensKind, fit: Adjusted, options: LensOptions) -> Float[np.ndarray, " f"]:
    """Robust mean square (px^2) of pictures that the lens was not fitted to; only the target's pose was.

    Cross-validation: fitted without a fifth of the pictures (all but one, of few), judged on these.
    """
    chosen = np.unique(np.linspace(0, corners.n_targets - 1, options.max_pictures).round().astype(int))
    if len(chosen) < 2:
        return np.array([np.nan])
    fold = np.full(corners.n_targets, -1)
    fold[chosen] = np.arange(len(chosen)) % (N_FOLDS if len(chosen) >= 2 * N_FOLDS else len(chosen))
    costs = []
    for number in range(fold.max() + 1):
        fitted, judged = (fold >= 0) & (fold != number), fold == number
        problem, state, cost = held_out(corners, [kind], fit.problem.unknowns, fit.state, fitted, judged,
                                        bend_px=options.bend_px, noise=fit.noise)  # fmt: skip
        weight = np.bincount(problem.observed.target_of, problem.observed.weight, len(cost))
        seen = _sees_all(corners.of_targets(judged), kind, state)
        costs.append(np.where(seen & np.isfinite(cost), cost / weight, np.inf))
    return np.concatenate(costs)


def _sees_all(corners: Corners, kind: LensKind, state: State) -> np.ndarray:
    """Whether the lens is one-to-one at all corners of each target: one that folds there has fitted nonsense."""
    p_in_cam = rigid_of(state.poses[corners.target_of]).apply(torch.from_numpy(corners.p_in_target))
    seen = unpacked(kind, state.lenses[0]).sees(p_in_cam).numpy()
    return np.bincount(corners.target_of[~seen], minlength=corners.n_targets) == 0


def simplest(costs: Mapping[LensKind, Float[np.ndarray, " f"]], *, n_errors: float = 1.0) -> LensKind:
    """The first model, from simple to complex, that is not worse than the best by more than the doubt of that.

    Compared picture by picture, in standard errors; a prism or a tilted sensor, which hardly any camera has, must be
    proven beyond doubt.
    Source: the one-standard-error rule, Hastie et al., "The elements of statistical learning" (2009), 7.10.
    """
    usual = {kind: cost for kind, cost in costs.items() if kind not in RARE and np.isfinite(cost).all()}
    chosen = _first_as_good(usual, n_errors) if usual else next(iter(costs))
    rare = {kind: cost for kind, cost in costs.items() if kind in RARE and np.isfinite(cost).all()}
    return _first_as_good({chosen: costs[chosen]} | rare, 3.0) if usual and rare else chosen


def _first_as_good(costs: Mapping[LensKind, Float[np.ndarray, " f"]], n_errors: float) -> LensKind:
    """The first that is at most some standard errors of the difference, or 0.1 %, worse than the best."""
    least = min(costs.values(), key=lambda cost: float(cost.mean()))
    for kind, cost in costs.items():
        more = cost - least
        error = float(more.std(ddof=1)) / np.sqrt(len(more)) if len(more) > 1 else 0.0
        if more.mean() <= max(n_errors * error, 0.001 * least.mean()):
            return kind
    raise AssertionError("the best is as good as itself")


def _estimate(
    corners: Corners,
    view: ViewId,
    kind: LensKind,
    fits: Mapping[LensKind, Adjusted],
    scores_px: Mapping[LensKind, float],
    n_left_out: int,
) -> LensEstimate:
    fit = fits[kind]
    held = held_parameters(corners, [kind], fit)[view]
    return LensEstimate(
        view=view,
        lens=unpacked(kind, fit.state.lenses[0]),
        kind=kind,
        size_px=corners.size_px[view],
        names=kind.names,
        cov=torch.from_numpy(fit.cov),
        held=held,
        n_pictures=corners.n_targets,
        rms_px=fit.rms_px,
        tried={each: unpacked(each, one.state.lenses[0]) for each, one in fits.items()},
        scores_px=scores_px,
        n_left_out=n_left_out,
        verdict=_verdict(corners, kind, fit, held, scores_px, n_left_out),
    )


def _verdict(
    corners: Corners,
    kind: LensKind,
    fit: Adjusted,
    held: tuple[str, ...],
    scores_px: Mapping[LensKind, float],
    n_left_out: int,
) -> str:
    """What was chosen, why, and what is doubtful, in words."""
    pictures = _counted(corners.n_targets)
    text = f"{kind}: {pictures}, too few to hold any out"
    if np.isfinite(scores_px[kind]):
        text = f"{kind}: {scores_px[kind]:.2f} px on held-out pictures ({pictures})"
        others = {each: score for each, score in scores_px.items() if each is not kind}
        if others and np.isfinite(least := min(others.values())):
            text += f"; next best {min(others, key=lambda each: others[each])} with {least:.2f} px"
    if n_left_out:
        text += f". Left out: {_counted(n_left_out)} whose corners fit no lens (a board found wrongly)"
    if scale := [name for name in held if name in ("fx", "fy")]:
        text += (
            f". The pictures do not tell the focal length ({', '.join(scale)}): tilt the target by 30 to 45 degrees in "
            "both directions, and bring it near and far"
        )
    if bent := [name for name in held if name not in ("fx", "fy")]:
        text += f". Held near their usual values, as the pictures do not tell them: {', '.join(bent)}"
    sigma = float(np.sqrt(fit.cov[0, 0]) / fit.state.lenses[0, 0])
    return text + f". Focal length known to {100 * sigma:.2g} %."


def _counted(n: int) -> str:
    return "1 picture" if n == 1 else f"{n} pictures"
