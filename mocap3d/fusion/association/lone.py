"""The usual recording, one person and at most one sighting per view: checked as a whole, not followed step by step."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from mocap3d.fusion.association.matching import GATE, find_people
from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.rays import Rays, disagreement, distance_m, likeliest, locate, rays_by_instant, rays_of
from mocap3d.fusion.association.shape import BodyShape, nanmedian
from mocap3d.fusion.association.sightings import Sightings
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import Detections

# Rays are made for this many instants at once: bounds the memory.
_CHUNK = 4096
# Few keypoints tell whether views agree; all of them are looked at where they do not.
_N_KEYPOINTS = 8
_PROBES = 60
# Share of the probed instants at which a single human must be found, and of all that may need a second look.
_PROBES_AGREE = 0.9
_MOST_DOUBTFUL = 0.1
# Robust scale of each round, as a multiple of agree_m: from anything to the final one.
_ROUNDS = (8.0, 8.0, 3.0, 1.0)
_FASTEST_M_S = 12.0
_JITTER_M = 0.3


def lone_person(
    sightings: Sightings,
    detections: Sequence[Detections],
    cameras: Sequence[Camera],
    t_s: Float[np.ndarray, " t"],
    body: BodyShape,
    options: AssociateOptions,
) -> Int[np.ndarray, " s"] | None:
    """The sightings of the one person, without those that disagree grossly; None where it may be several people."""
    spot = sightings.instant * len(cameras) + sightings.view
    if len(np.unique(spot)) < len(spot):
        return None
    instants = np.unique(sightings.instant)
    probes = np.unique(instants[np.linspace(0, len(instants) - 1, _PROBES).astype(int)])
    found = _best(sightings, probes, detections, cameras, body, options)
    if np.mean([len(members) >= 2 for members, _ in found.values()]) < _PROBES_AGREE:
        return None
    telling = _telling_keypoints(detections)
    agree, centre = _check(sightings, [likeliest(seen, telling) for seen in detections], cameras, options)
    doubtful = np.unique(sightings.instant[~agree])
    if len(doubtful) > _MOST_DOUBTFUL * len(instants):
        return None
    agree[np.isin(sightings.instant, doubtful)] = False
    for instant, (members, keypoints) in _best(sightings, doubtful, detections, cameras, body, options).items():
        agree[members] = True
        centre[instant] = nanmedian(keypoints[telling].T)
    return _one_path(np.flatnonzero(agree), sightings, centre, t_s, options)


def _best(
    sightings: Sightings,
    instants: Int[np.ndarray, " n"],
    detections: Sequence[Detections],
    cameras: Sequence[Camera],
    body: BodyShape,
    options: AssociateOptions,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The best supported person at some instants: positions of its sightings (none if nobody), and keypoints (k 3)."""
    (which,) = np.nonzero(np.isin(sightings.instant, instants))
    nobody, nowhere = np.empty(0, dtype=np.int64), np.full((len(body.mirror), 3), np.nan)
    best = {}
    for instant, first, rays in rays_by_instant(sightings[which], detections, cameras, min_score=options.min_score):
        people = find_people(rays, body, options)
        members, keypoints = people[0] if people else (nobody, nowhere)
        best[instant] = which[first + members], keypoints
    return best


def _check(
    sightings: Sightings, detections: Sequence[Detections], cameras: Sequence[Camera], options: AssociateOptions
) -> tuple[Bool[np.ndarray, " s"], Float[np.ndarray, "t 3"]]:
    """Whether each sighting agrees with the other views of its instant, and the person's middle (NaN unknown)."""
    agree = np.ones(len(sightings), dtype=bool)
    centre = np.full((sightings.instant[-1] + 1, 3), np.nan)
    for start in range(0, len(centre), _CHUNK):
        low, high = np.searchsorted(sightings.instant, [start, start + _CHUNK])
        if high > low:
            part = sightings[low:high]
            rays = rays_of(part, detections, cameras, min_score=options.min_score)
            place = np.full((part.instant[-1] + 1 - start, len(cameras)), -1)
            place[part.instant - start, part.view] = np.arange(len(part))
            middle, cost = _agreement(rays.at(place), options)
            agree[low:high] = cost[part.instant - start, part.view] < GATE
            centre[start : start + len(middle)] = middle
    return agree, centre


def _telling_keypoints(detections: Sequence[Detections]) -> list[int]:
    """The keypoints seen most surely, in all views together."""
    scores = [seen.log_weight[:, :, 0].exp().nan_to_num().mean(dim=0) for seen in detections if len(seen.frame)]
    best_first = torch.stack(scores).sum(dim=0).argsort(descending=True, stable=True)
    return sorted(best_first[:_N_KEYPOINTS].tolist())


def _agreement(rays: Rays, options: AssociateOptions) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t v"]]:
    """The person's middle at every instant, and how badly each view disagrees, 0 to 1, from rays (t v)."""
    nowhere = np.full((len(rays), rays.weight.shape[-1], 3), np.nan)
    scales_m = [options.agree_m * scale for scale in _ROUNDS]
    points = locate(rays, nowhere, scales_m=scales_m, pull=0.0)
    cost = disagreement(distance_m(points, rays), rays.weight, scale_m=options.agree_m, min_keypoints=1)
    # Nothing can be said against a view that sees no keypoint together with another one.
    compared = ((rays.weight > 0) & np.isfinite(points[:, None, :, 0])).any(axis=-1)
    return nanmedian(points.swapaxes(1, 2)), np.where(compared, cost, 0.0)


def _one_path(
    kept: np.ndarray, sightings: Sightings, centre: np.ndarray, t_s: np.ndarray, options: AssociateOptions
) -> np.ndarray | None:
    """The kept sightings between the first and last known middle; None where the person vanishes or jumps between."""
    known = np.flatnonzero(np.isfinite(centre).all(axis=1))
    if len(known) < 2:
        return None
    step_s = np.diff(t_s[known])
    step_m = np.linalg.norm(np.diff(centre[known], axis=0), axis=1)
    if (step_s > options.lost_s).any() or (step_m > _JITTER_M + _FASTEST_M_S * step_s).any():
        return None
    return kept[(sightings.instant[kept] >= known[0]) & (sightings.instant[kept] <= known[-1])]
