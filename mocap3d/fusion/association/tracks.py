"""Tracks after the fact: joined over absences, freed of ghosts, in order of presence."""

import logging
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.shape import BodyShape, nanmedian
from mocap3d.fusion.association.tracking import Track

_log = logging.getLogger("mocap3d")

# Someone out of sight goes no faster than this, on average; beyond the reach anyone could be anyone.
_WALK_M_S = 2.0
_REACH_M = (0.5, 4.0)
# Limb lengths of one person measured twice differ less than this (median |log ratio|).
_SAME_LIMBS = 0.08
# A recording shorter than four times min_seen_s asks for a quarter of itself.
_SHORT_SHARE = 0.25
_FEW = 12
# Single precision paths of long tracks: this many instants tell the limb lengths.
_SAMPLE = 200


@dataclass(frozen=True, slots=True, eq=False)
class _Gap:
    """Two tracks that may be one person before and after an absence."""

    cost: float
    before: int
    after: int


def tidy(tracks: list[Track], t_s: Float[np.ndarray, " t"], body: BodyShape, options: AssociateOptions) -> list[Track]:
    """The people of the session: most present first, then the one seen first."""
    # Tracks of one or two instants are chance meetings of false sightings: there can be thousands.
    likely = [track for track in tracks if len(track.instant) > 2 or len(t_s) < _FEW]
    joined = join(likely, t_s, body, options)
    people = [track for track in joined if _is_person(track, t_s, body, options)]
    n_ghosts = len(tracks) - len(likely) + len(joined) - len(people)
    _log.info("association: %d people; %d ghosts, too short or not human, are dropped", len(people), n_ghosts)
    people.sort(key=lambda track: (-len(track.sightings), track.instant[0], track.sightings[0]))
    return people if options.n_people is None else people[: options.n_people]


def join(tracks: list[Track], t_s: Float[np.ndarray, " t"], body: BodyShape, options: AssociateOptions) -> list[Track]:
    """Tracks of one person before and after absences made one, likeliest absence first."""
    successor: dict[int, int] = {}
    continued: set[int] = set()
    for gap in sorted(_gaps(tracks, t_s, body, options), key=lambda gap: (gap.cost, gap.before, gap.after)):
        if gap.before not in successor and gap.after not in continued:
            successor[gap.before] = gap.after
            continued.add(gap.after)
    joined = []
    for first in [n for n in range(len(tracks)) if n not in continued]:
        chain = [first]
        while chain[-1] in successor:
            chain.append(successor[chain[-1]])
        joined.append(_chained([tracks[n] for n in chain]))
    return joined


def _chained(tracks: list[Track]) -> Track:
    return Track(*(np.concatenate([getattr(track, name) for track in tracks]) for name in Track.__slots__))


def _gaps(tracks: list[Track], t_s: np.ndarray, body: BodyShape, options: AssociateOptions) -> list[_Gap]:
    """Every two tracks that may be one person; cost 0 = certainly, 2 = barely."""
    if not tracks:
        return []
    log_length = np.log([_typical_lengths_m(track, body) for track in tracks])
    start_s, end_s = (t_s[[track.instant[n] for track in tracks]] for n in (0, -1))
    start, end = (nanmedian(np.stack([track.path[n].T for track in tracks])) for n in (0, -1))
    before, after = _soon_after(end_s, start_s, options.join_s)
    way_m = np.linalg.norm(start[after] - end[before], axis=-1)
    reach_m = np.minimum(_REACH_M[0] + _WALK_M_S * (start_s[after] - end_s[before]), _REACH_M[1])
    unlike = np.nan_to_num(nanmedian(np.abs(log_length[before] - log_length[after])), nan=np.inf)
    cost = way_m / reach_m + unlike / _SAME_LIMBS
    possible = (way_m <= reach_m) & (unlike <= _SAME_LIMBS)
    return [_Gap(float(cost[n]), int(before[n]), int(after[n])) for n in np.flatnonzero(possible)]


def _soon_after(
    end_s: Float[np.ndarray, " n"], start_s: Float[np.ndarray, " n"], limit_s: float
) -> tuple[Int[np.ndarray, " h"], Int[np.ndarray, " h"]]:
    """All (before, after) with 0 < start - end <= limit; never a table of all pairs, as ghosts can be many."""
    order = np.argsort(start_s, kind="stable")
    low, high = (np.searchsorted(start_s[order], end_s + wait_s, "right") for wait_s in (0.0, limit_s))
    after = [order[a:b] for a, b in zip(low, high, strict=True)]
    return np.repeat(np.arange(len(end_s)), high - low), np.concatenate(after)


def _sample(track: Track) -> Float[np.ndarray, "n k 3"]:
    return track.path[:: max(1, len(track.path) // _SAMPLE)].astype(np.float64)


def _typical_lengths_m(track: Track, body: BodyShape) -> np.ndarray:
    """Median length of every limb along the track; NaN for a limb never seen."""
    return nanmedian(body.lengths_m(_sample(track)).T)


def _is_person(track: Track, t_s: np.ndarray, body: BodyShape, options: AssociateOptions) -> bool:
    """Whether a track lasts long enough and has a human body."""
    step_s = (t_s[-1] - t_s[0]) / max(len(t_s) - 1, 1)
    needed = min(options.min_seen_s / step_s if step_s > 0 else 1, _SHORT_SHARE * len(t_s))
    lasts = len(track.instant) >= needed
    return bool(lasts and body.is_human(_sample(track), options.height_m).mean() > 0.5)
