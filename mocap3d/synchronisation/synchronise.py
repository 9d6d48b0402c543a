"""When each view's first frame was taken, from what calibrated cameras saw of moving people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mocap3d.errors import SessionError
from mocap3d.session.records import CalibratedRig, Detections, Session, ViewId
from mocap3d.session.timeline import frame_times
from mocap3d.session.views import listed
from mocap3d.synchronisation.refine import Clocks, refined
from mocap3d.synchronisation.search import Agreement, Pair, agreement, cost_of_shifts, settled
from mocap3d.synchronisation.sightings import Sightings, sightings

Progress = Callable[[str, int, int], None]

ALL_PAIRS = 8
"""With more views than that, each is compared with the next few only."""
NEIGHBOURS = 4
FINEST_STEP_S = 1 / 60
"""Shifts are tried in steps of a frame, but no smaller ones than this."""
CLEAR = 4.0
"""Standard errors by which the best shift must be better than any other."""
AS_STATED_FRAMES = 0.1
"""What differs from what is stated by less is as stated: frames taken together are better read than interpolated."""
_OTHER_S = 0.25
"""A shift nearer to the best one than this is not another one."""
_TOGETHER_S = 0.5
_LONG_ENOUGH_S = 30.0
_DRIFT_SIGMAS = 5.0
_DRIFT_FRAMES = 0.25


@dataclass(frozen=True)
class SyncOptions:
    """How far apart the recordings may have been started."""

    max_offset_s: float = 10.0
    """Largest offset that is looked for, to either side of what is known."""

    def __post_init__(self):
        if not 0 < self.max_offset_s <= 600:
            raise ValueError(f"max_offset_s is {self.max_offset_s:g}; needed more than 0 and at most 600 seconds.")


@dataclass(frozen=True, slots=True)
class ViewClock:
    """One view's clock."""

    view: ViewId
    offset_s: float
    """When its first frame was taken, on the clock of the first view; what session.toml calls offset_s."""
    sigma_s: float
    change_s: float
    """By how much that differs from what the session said before."""
    clearness: float
    """Standard errors by which this offset is better than any other; infinite for the first view."""
    drift: float
    """Seconds that its clock loses per second; 0 where none shows."""

    @property
    def is_clear(self) -> bool:
        """Whether no other offset would do as well."""
        return self.clearness >= CLEAR and np.isfinite(self.sigma_s)


def synchronise(
    session: Session,
    detections: Mapping[ViewId, Detections],
    rig: CalibratedRig,
    options: SyncOptions = SyncOptions(),
    *,
    progress: Progress | None = None,
) -> tuple[ViewClock, ...]:
    """The clock of every view that has a camera and keypoints; the first one's is that of all.

    Rays of one moment to one point meet: first every shift of every pair of views is tried, then all offsets together
    are fitted to a fraction of a frame. A constant error of calibration or detector does not matter, but somebody must
    move, and not only along one line with two cameras. SessionError where there is nothing to compare.
    """
    names = tuple(view for view in rig.cameras if view in detections)
    _check(session, rig, names)
    views = [
        sightings(detections[name], rig.cameras[name], frame_times(session, name, detections[name].n_frames).numpy())
        for name in names
    ]
    pairs = pairs_of(len(views))
    step_s = max(min(view.step_s for view in views), FINEST_STEP_S)
    reach = max(1, round(options.max_offset_s / step_s))
    lags_s = np.arange(-reach, reach + 1) * step_s
    agreements: dict[Pair, Agreement] = {}
    for done, pair in enumerate(pairs):
        if progress is not None:
            progress("comparing views", done, len(pairs))
        agreements[pair] = agreement(views[pair[0]], views[pair[1]], lags_s)
    shift = settled(agreements, len(views), reach)
    clearness = [np.inf, *(_clearness(agreements, shift, view, reach, step_s) for view in range(1, len(views)))]
    clocks = _fitted(views, pairs, shift * step_s)
    change_s = clocks.offset_s + clocks.drift * ([view.t_s[0] for view in views] - np.array(clocks.middle_s))
    change_s[np.abs(change_s) < AS_STATED_FRAMES * np.array([view.step_s for view in views])] = 0.0
    return tuple(
        ViewClock(
            view=name,
            offset_s=session.offset_s.get(name, 0.0) + float(change_s[i]),
            sigma_s=float(clocks.offset_sigma_s[i]),
            change_s=float(change_s[i]),
            clearness=float(clearness[i]),
            drift=float(clocks.drift[i]),
        )
        for i, name in enumerate(names)
    )


def _fitted(views: Sequence[Sightings], pairs: Sequence[Pair], offset_s: Float[np.ndarray, " v"]) -> Clocks:
    """With the drift of those clocks that show one, where the recording is long enough."""
    steady = refined(views, pairs, offset_s)
    span_s = max(float(view.t_s[-1]) for view in views) - min(float(view.t_s[0]) for view in views)
    if span_s < _LONG_ENOUGH_S:
        return steady
    drifting = refined(views, pairs, steady.offset_s, range(1, len(views)))
    frame_s = min(view.step_s for view in views)
    shows = np.abs(drifting.drift) > np.maximum(_DRIFT_SIGMAS * drifting.drift_sigma, _DRIFT_FRAMES * frame_s / span_s)
    return refined(views, pairs, steady.offset_s, np.flatnonzero(shows).tolist()) if shows.any() else steady


def _clearness(
    agreements: Mapping[Pair, Agreement], shift: Int[np.ndarray, " v"], view: int, reach: int, step_s: float
) -> float:
    """Standard errors by which the view's shift is better than the best of the others; moments together count once."""
    total = cost_of_shifts({pair: found.curve for pair, found in agreements.items()}, shift, view, reach)
    candidates = np.arange(-2 * reach, 2 * reach + 1)
    is_other = np.abs(candidates - shift[view]) * step_s > _OTHER_S
    if not is_other.any():
        return 0.0
    second = int(candidates[is_other][np.argmin(total[is_other])])
    better: dict[tuple[Pair, int], list[float]] = {}
    for (a, b), found in agreements.items():
        if view not in (a, b):
            continue
        lags = [(s - shift[b] if view == a else shift[a] - s) + reach for s in (int(shift[view]), second)]
        cost = [found.cost[:, lag] if 0 <= lag <= 2 * reach else np.full(len(found.t_s), np.nan) for lag in lags]
        neutral = float(np.median(found.curve))
        gain = np.where(np.isfinite(cost[1]), cost[1], neutral) - np.where(np.isfinite(cost[0]), cost[0], neutral)
        for place, value in zip(np.floor(found.t_s / _TOGETHER_S).astype(int), gain, strict=True):
            better.setdefault(((a, b), int(place)), []).append(float(value))
    mean = np.array([np.mean(values) for values in better.values()])
    if len(mean) < 3 or mean.std() == 0:
        return 0.0
    return float(mean.mean() / (mean.std(ddof=1) / np.sqrt(len(mean))))


def pairs_of(n: int) -> list[Pair]:
    """All of a few views; of many, each with the next ones round the ring, so that there are loops."""
    if n <= ALL_PAIRS:
        return [(a, b) for a in range(n) for b in range(a + 1, n)]
    ring = {(min(a, b), max(a, b)) for a in range(n) for b in ((a + k) % n for k in range(1, NEIGHBOURS + 1))}
    return sorted(ring)


def _check(session: Session, rig: CalibratedRig, names: Sequence[ViewId]) -> None:
    if len(names) < 2:
        raise SessionError(
            f"{session.root}: {len(names)} view(s) have both a camera and keypoints ({listed(names) or 'none'}); at "
            "least 2 are needed to compare their times."
        )
    moving = [view for view in names if rig.cameras[view].is_moving]
    if moving:
        raise SessionError(
            f"{session.root}: the cameras of {listed(moving)} move, and their poses are known at their own times only. "
            "Synchronise such recordings by other means, and state offset_s in session.toml."
        )
