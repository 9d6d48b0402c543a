"""Which sighting is whose at one instant: people already known are matched, new ones are found where views agree."""

import numpy as np
from jaxtyping import Bool, Float, Int

from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.rays import Rays, disagreement, distance_m, locate, meet
from mocap3d.fusion.association.shape import BodyShape

# A sighting that disagrees more (see rays.disagreement) belongs to someone else.
GATE = 0.5
# Sides are taken for exchanged where that lowers the cost by so much.
_CLEARLY = 0.1
# Bounds the search for new people when many sightings are free at once.
_MOST_PAIRS = 300
# Weight of where two rays meet, once all views have a say.
_HINT = 1e-6


def fit_cost(
    p_in_world: Float[np.ndarray, "p k 3"],
    rays: Rays,
    body: BodyShape,
    *,
    scale_m: Float[np.ndarray, " p"] | float,
    min_keypoints: int,
) -> tuple[Float[np.ndarray, "p s"], Bool[np.ndarray, "p s"]]:
    """How badly sightings (s), or each person's own (p s), fit the people; and which fit with sides exchanged only.

    A detector that takes someone's back for the front still saw that someone. Sides are exchanged to follow people,
    never in the result: the fit weighs both readings, with all views and instants at hand. Whoever wants them
    exchanged in the result finds here which.
    """
    scale = {"scale_m": scale_m, "min_keypoints": min_keypoints}
    as_seen = disagreement(distance_m(p_in_world, rays), rays.weight, **scale)
    exchanged = disagreement(distance_m(p_in_world[:, body.mirror], rays), rays.weight, **scale)
    return np.minimum(as_seen, exchanged), exchanged < as_seen - _CLEARLY


def assign(cost: Float[np.ndarray, "p s"], view: Int[np.ndarray, " s"], n_views: int) -> Int[np.ndarray, "p v"]:
    """Each person's sighting in each view, at the least total cost; -1 where none passes the gate."""
    from scipy.optimize import linear_sum_assignment  # half a second, which commands that fuse nothing need not wait

    chosen = np.full((len(cost), n_views), -1)
    for n in np.unique(view[(cost < GATE).any(axis=0)]):
        (columns,) = np.nonzero(view == n)
        # Capped at the gate, so a hopeless pair cannot force another person away from a good one.
        table = np.minimum(cost[:, columns], GATE)
        people, picks = linear_sum_assignment(table)
        good = table[people, picks] < GATE
        chosen[people[good], n] = columns[picks[good]]
    return chosen


def find_people(
    rays: Rays, body: BodyShape, options: AssociateOptions
) -> list[tuple[Int[np.ndarray, " _"], np.ndarray]]:
    """New people among free sightings: (rows of their sightings, keypoints (k 3)), best supported first.

    Every two sightings whose rays meet in a human body are a hypothesis, supported by the best sighting of each view.
    The best supported hypothesis takes its sightings; so on while two views agree. A ghost, made of two people's
    sightings, loses to the real people as soon as a third view looks on.
    """
    first, second, p_in_world = _hypotheses(rays, body, options)
    cost, exchanged = fit_cost(p_in_world, rays, body, scale_m=options.agree_m, min_keypoints=options.min_keypoints)
    fit = np.where(cost < GATE, 1 - cost, 0.0)
    of_view = [np.flatnonzero(rays.view == n) for n in np.unique(rays.view)]
    alive = np.ones(len(first), dtype=bool)
    found = []
    while alive.any():
        support = sum(fit[:, rows].max(axis=1) for rows in of_view)
        best = int(np.argmax(np.where(alive, support, -1.0)))
        alive[best] = False
        favourites = np.array([rows[np.argmax(fit[best, rows])] for rows in of_view])
        members = favourites[fit[best, favourites] > 0]
        mine = rays[members].exchanged(exchanged[best, members], body.mirror)
        keypoints, agree = _refine(p_in_world[best], mine, body, options)
        members = members[agree]
        if len(members) >= 2:
            found.append((members, keypoints))
            fit[:, members] = 0.0
            alive &= ~np.isin(first, members) & ~np.isin(second, members)
    return found


def _hypotheses(rays: Rays, body: BodyShape, options: AssociateOptions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of sightings of two views that meet in a human body: their rows (h), (h), and keypoints (h k 3)."""
    first, second = np.nonzero(rays.view[:, None] < rays.view[None])
    p_in_world, gap_m = meet(rays, first, second)
    p_in_world = np.where(np.isfinite(gap_m)[..., None], p_in_world, np.nan)
    middle_m = median_gap_m(gap_m, options.min_keypoints)
    good = (middle_m < options.agree_m) & body.is_human(p_in_world, options.height_m)
    best = np.flatnonzero(good)[np.argsort(middle_m[good], kind="stable")[:_MOST_PAIRS]]
    return first[best], second[best], p_in_world[best]


def median_gap_m(gap_m: Float[np.ndarray, "h k"], min_keypoints: int) -> Float[np.ndarray, " h"]:
    """Median distance of the rays of each pair of sightings; inf where they share too few keypoints."""
    shared = ~np.isnan(gap_m)
    ordered = np.sort(np.where(shared, gap_m, np.inf), axis=1)
    count = shared.sum(axis=1)
    middle = np.take_along_axis(ordered, (np.maximum(count - 1, 0) // 2)[:, None], axis=1)[:, 0]
    return np.where(count >= min_keypoints, middle, np.inf)


def _refine(
    keypoints: np.ndarray, rays: Rays, body: BodyShape, options: AssociateOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (k 3) from all sightings, and which sightings (s) agree with them: none if they are not human."""
    keypoints = locate(rays, keypoints, scales_m=(options.agree_m,) * 2, pull=_HINT)
    cost, _ = fit_cost(keypoints[None], rays, body, scale_m=options.agree_m, min_keypoints=options.min_keypoints)
    return keypoints, (cost[0] < GATE) & body.is_human(keypoints[None], options.height_m)[0]
