"""Whether a calibration still holds, by what the cameras see: people, or a board.

One camera at a time may move, the others hold the world: by how many pixels would it have to? Cameras that moved
falsify this for the others, so the one whose move explains most is let loose first, and the rest is asked again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mocap3d.calibration.people_adjust import Fitted, adjusted, copies
from mocap3d.calibration.people_points import cameras_of, moved_cameras, off_px
from mocap3d.calibration.people_problem import LOST, N_OF_VIEW, looked_at
from mocap3d.calibration.people_sightings import Sightings, sightings_of_people, sightings_of_target, spread
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import CalibratedRig, TargetObservations, Tracks2D, ViewId
from mocap3d.session.views import listed

TURN_SIGMA, MOVE_SIGMA_M = 0.03, 0.03
"""What touching does to a camera, about: 2 degrees, 3 cm. Keeps the answer finite where few cameras hold the world."""
SURE = 3.0
"""Times chance beyond which a shift is no accident, one camera among several being asked."""
CERTAIN_PX = 0.05
"""No shift is known better than so."""
NEGLIGIBLE = 0.25
"""Shares of the sightings' own noise: shifts below hardly change a result."""
NEGLIGIBLE_PX = 0.3
CENTRE_SIGMA_PX = 40.0
N_BODIES = 100


@dataclass(frozen=True, slots=True)
class CameraCheck:
    """One camera's answer."""

    view: ViewId
    holds: bool
    """False, too, where too little of what it sees agrees with the others to ask: the numbers are NaN then."""
    shift_px: float
    """By how far its picture would have to shift for what it sees to agree with the other cameras (median over what
    was seen)."""
    sigma_px: float
    """Doubt of that: so much comes out, too, where nothing moved."""
    turn_deg: float
    move_mm: float
    by_chance: float
    """The shift in units of what chance does, all that it consists of taken together: about 1 where nothing moved."""

    @staticmethod
    def unknown(view: ViewId) -> "CameraCheck":
        """Of a camera that shares nothing with the others: one that was turned away far is such."""
        nan = float("nan")
        return CameraCheck(view, False, nan, nan, nan, nan, nan)

    @property
    def is_known(self) -> bool:
        """Whether what it sees tells anything."""
        return not np.isnan(self.shift_px)

    @property
    def text(self) -> str:
        """The verdict in words."""
        if not self.is_known:
            return (
                f"{self.view}: does not hold, or saw nothing: nothing that it sees agrees with the other cameras. Look "
                "at its video and its start time; if both are right it was moved far: calibrate anew"
            )
        number = f"{self.shift_px:.1f} +- {self.sigma_px:.1f} px"
        if self.holds:
            return f"{self.view}: holds ({number} from where the other cameras have it)"
        return (
            f"{self.view}: does not hold: its picture is {number} from where the other cameras have it, "
            f"{self.by_chance:.0f} times what chance does, as if turned by {self.turn_deg:.2f} degrees and moved by "
            f"{self.move_mm:.0f} mm"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """All answers, and the cameras that explain what was seen."""

    checks: tuple[CameraCheck, ...]
    loose: tuple[ViewId, ...]
    """Those that do not hold, and can be mended."""
    cameras: Mapping[ViewId, Camera]
    """With these where they are now."""


def check(rig: CalibratedRig, tracks: Tracks2D) -> tuple[CameraCheck, ...]:
    """Whether each camera still holds, by the people it sees."""
    return checked(rig, sightings_of_people(tracks)).checks


def check_board(rig: CalibratedRig, observations: Sequence[TargetObservations]) -> tuple[CameraCheck, ...]:
    """The same by a board (the one that most corners are known of); its size does not matter."""
    seen = [each for each in observations if len(each.views) > 1]
    if not seen:
        raise CalibrationError("no board was seen by two views. Film it before all cameras at once.")
    most = max(seen, key=lambda each: int(each.uv_px.isfinite().all(-1).sum()))
    return checked(rig, sightings_of_target(most)).checks


def checked(rig: CalibratedRig, sightings: Sightings, *, centre: bool = False) -> Checked:
    """The answers by any sightings. ``centre``: principal points may shift, too."""
    everyone = dict(zip(sightings.views, cameras_of(rig, sightings.views), strict=True))
    few = spread(sightings.of_bodies(np.asarray(sightings.shared.any(1))), N_BODIES)
    telling = np.flatnonzero((few.seen & few.shared).any((1, 2))).tolist()
    if len(telling) < 2:
        raise CalibrationError(
            f"no two of the views {listed(sightings.views)} saw the same points at the same time. Let somebody walk "
            "where all cameras see them, and check that the recordings are synchronised."
        )
    found = _checked(few.of_views(telling), {few.views[v]: everyone[few.views[v]] for v in telling}, centre=centre)
    answers = {each.view: each for each in found.checks}
    in_order = tuple(answers.get(view) or CameraCheck.unknown(view) for view in everyone)
    return Checked(in_order, found.loose, {**everyone, **found.cameras})


def _checked(few: Sightings, cameras: Mapping[ViewId, Camera], *, centre: bool) -> Checked:
    """The answers of cameras each of which shares points with another."""
    now, loose = dict(cameras), []
    answers, found = _round(few, cameras, now, loose, centre=centre)
    # Two cameras at least must hold the world, and one of two.
    while len(loose) < max(len(cameras) - 2, 1):
        trials = {v: moved_cameras(fitted.x, cameras) for v, fitted in found.items()
                  if answers[v].is_known and not answers[v].holds}  # fmt: skip
        if not trials:
            break
        cost = {v: _cost(few, trial) for v, trial in trials.items()}
        first = min(cost, key=lambda v: cost[v])
        loose.append(first)
        now = trials[first]
        answers[first] = _answer(found[first], few, first)
        more, found = _round(few, cameras, now, loose, centre=centre)
        answers |= more
    if loose:
        final = _fit(few, cameras, now, loose, centre=centre)
        answers |= {v: _answer(final, few, v) for v in loose}
        now = moved_cameras(final.x, cameras)
    in_order = tuple(answers[v] for v in range(len(cameras)))
    return Checked(in_order, tuple(few.views[v] for v in loose if not answers[v].holds), now)


def _round(
    sightings: Sightings,
    cameras: Mapping[ViewId, Camera],
    now: Mapping[ViewId, Camera],
    loose: Sequence[int],
    *,
    centre: bool,
) -> tuple[dict[int, CameraCheck], dict[int, Fitted]]:
    """Every camera that is not loose yet, asked together with those that are.

    Where fewer than two others would hold the world, the loose ones are held where they were put.
    """
    answers, fits = {}, {}
    enough = len(cameras) - len(loose) - 1 >= min(2, len(cameras) - 1)
    views = list(cameras)
    for v in (v for v in range(len(cameras)) if v not in loose):
        held = cameras if enough else {view: now[view] if n in loose else cameras[view] for n, view in enumerate(views)}
        fits[v] = _fit(sightings, held, now, [*loose, v] if enough else [v], centre=centre)
        answers[v] = _answer(fits[v], sightings, v)
    return answers, fits


def _cost(sightings: Sightings, cameras: Mapping[ViewId, Camera]) -> float:
    """How badly cameras explain what was seen, by one measure for all: Cauchy's, of the stated sigmas."""
    off = off_px(sightings, list(cameras.values())) / sightings.sigma_px
    known = off[~np.isnan(off)]
    return float(np.log1p(np.minimum(known, LOST) ** 2).mean())


def _fit(
    sightings: Sightings,
    cameras: Mapping[ViewId, Camera],
    now: Mapping[ViewId, Camera],
    loose: Sequence[int],
    *,
    centre: bool,
) -> Fitted:
    """The loose cameras adjusted, the others held; points are triangulated where the cameras are by now."""
    free = np.zeros((len(cameras), N_OF_VIEW), bool)
    free[list(loose), :6] = True
    free[list(loose), 7:] = centre
    sigma = np.full(free.shape, np.inf)
    sigma[:, :3], sigma[:, 3:6], sigma[:, 7:] = TURN_SIGMA, MOVE_SIGMA_M, CENTRE_SIGMA_PX
    sigma /= np.sqrt(copies(sightings))
    return adjusted(sightings, list(cameras.values()), free, sigma, with_limbs=False, begin=list(now.values()))


def _answer(fitted: Fitted, sightings: Sightings, v: int) -> CameraCheck:
    """How far view v came out from where it was calibrated, and whether that is more than chance and worth a word."""
    x, problem = fitted.x, fitted.problem
    off, cov = problem.off_start(x)[v], fitted.cov_of_view(v)
    looked = looked_at(problem, x, v)
    if not looked.here.any():
        return CameraCheck.unknown(sightings.views[v])
    slope = looked.by_view[looked.here]
    # Medians: two cameras that face each other place some points beside their own lenses.
    shift_px = _median_root(((slope @ off) ** 2).sum(-1))
    sigma_px = _median_root(np.einsum("mac,cd,mad->m", slope, cov, slope))
    own_px = float(np.median(problem.sightings.sigma_px[v][looked.here])) * problem.noise
    by_chance = _by_chance(slope, off, cov)
    holds = by_chance < SURE or shift_px < max(NEGLIGIBLE * own_px, NEGLIGIBLE_PX)
    turn_deg = float(np.degrees(np.linalg.norm(off[:3])))
    move_mm = 1000 * float(np.linalg.norm(off[3:6]))
    return CameraCheck(sightings.views[v], bool(holds), shift_px, max(sigma_px, 1e-6), turn_deg, move_mm, by_chance)


def _by_chance(slope: Float[np.ndarray, "m 2 c"], off: Float[np.ndarray, " c"], cov: Float[np.ndarray, "c c"]) -> float:
    """A shift in units of what chance does to it: Mahalanobis' distance, per free parameter, in directions of pixels.

    So that what two cameras cannot tell (how far apart they are) does not hide what they can (that rays miss).
    """
    free = np.flatnonzero(cov.diagonal() > 0)
    if not len(free) or not len(slope):
        return 0.0
    slope, off, cov = slope[..., free], off[free], cov[np.ix_(free, free)]
    size = np.sqrt(np.maximum(np.median((slope**2).sum(1), axis=0), 1e-12))  # px per unit of each parameter
    variance, axes = np.linalg.eigh(size[:, None] * cov * size)
    along = axes.T @ (size * off)
    return float(np.sqrt((along**2 / np.maximum(variance, CERTAIN_PX**2)).sum() / len(free)))


def _median_root(squares: Float[np.ndarray, " m"]) -> float:
    return float(np.sqrt(max(float(np.median(squares)), 0.0))) if len(squares) else 0.0
