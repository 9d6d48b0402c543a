"""People followed from instant to instant in 3D: predict, match, move; new ones come, unseen ones go."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from mocap3d.fusion.association.matching import GATE, assign, find_people, fit_cost
from mocap3d.fusion.association.options import AssociateOptions
from mocap3d.fusion.association.rays import Rays, locate, rays_by_instant
from mocap3d.fusion.association.shape import BodyShape, apart_m, nanmedian
from mocap3d.fusion.association.sightings import Sightings
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import Detections

# What a prediction may be wrong by: acceleration, and the speed of someone just found or out of sight.
_ACCELERATION_M_S2 = 10.0
_UNKNOWN_SPEED_M_S = 2.0
_UNSEEN_SPEED_M_S = 1.0
_MOST_DOUBT_M = 0.3
# Who is out of sight slows down in this time.
_SLOWING_S = 0.2
# Share of a step's surprise that goes into the velocity: follows a stride, halves the noise of a measured step.
_VELOCITY_GAIN = 0.5
# Weight of the prediction beside a ray of score 1: matters only where fewer than two views see a keypoint.
_PULL = 0.01
# A wide doubt, or a body just found that may be a ghost, yields a disputed sighting to a person well known.
_DOUBT_COST = 0.25
_NEWCOMER_COST = 0.1
_ESTABLISHED = 5
# Two bodies closer than this (median over keypoints) for so long are one person detected twice.
_TWIN_M = 0.2
_TWIN_S = 0.3
# Out of sight for longer than this, a person is taken up again only by two views and only with the same limbs.
_BRIDGE_S = 0.15
_SAME_LIMBS = 0.15
_REMEMBERED = 20


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person followed without interruption."""

    sightings: Int[np.ndarray, " s"]
    """Positions among all sightings, ascending."""
    instant: Int[np.ndarray, " n"]
    """The instants at which at least two views saw the person, ascending."""
    path: Float[np.ndarray, "n k 3"]
    """Roughly where the keypoints were then (single precision); NaN unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """What all views see at one instant."""

    instant: int
    t_s: float
    step_s: float
    """Time since the instant looked at before."""
    first: int
    """Position of ``rays[0]`` among all sightings."""
    rays: Rays


@dataclass(slots=True, eq=False)
class _Person:
    """Someone being followed; keypoints and velocity hold for the instant last looked at."""

    keypoints: np.ndarray
    velocity: np.ndarray
    seen_s: float = -np.inf
    """When two views last saw the person."""
    twin_s: float = 0.0
    """For how long someone known for longer has been at the same place."""
    sightings: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """(instant, positions among all sightings)."""
    instants: list[int] = field(default_factory=list)
    path: list[np.ndarray] = field(default_factory=list)

    def take(self, now: _Now, members: np.ndarray) -> None:
        """Notes the sightings of this instant."""
        self.sightings.append((now.instant, now.first + members))
        if len(members) >= 2:
            self.seen_s = now.t_s
            self.instants.append(now.instant)
            self.path.append(self.keypoints.astype(np.float32))

    def finished(self) -> Track:
        """The track up to the last instant at which two views saw the person."""
        sightings = [members for instant, members in self.sightings if instant <= self.instants[-1]]
        return Track(np.sort(np.concatenate(sightings)), np.array(self.instants), np.stack(self.path))


def follow(
    sightings: Sightings,
    detections: Sequence[Detections],
    cameras: Sequence[Camera],
    t_s: Float[np.ndarray, " t"],
    body: BodyShape,
    options: AssociateOptions,
) -> list[Track]:
    """Everyone whom two views ever see at one instant, ghosts included; detections and cameras per view."""
    people: list[_Person] = []
    tracks: list[Track] = []
    before_s = t_s[sightings.instant[0]]
    for instant, first, rays in rays_by_instant(sightings, detections, cameras, min_score=options.min_score):
        now = _Now(instant, t_s[instant], t_s[instant] - before_s, first, rays)
        before_s = now.t_s
        gone = [person for person in people if now.t_s - person.seen_s > options.lost_s]
        people = [person for person in people if person not in gone]
        free = np.ones(len(now.rays), dtype=bool)
        if people:
            free = _update(people, now, len(cameras), body, options)
            twins = _twins(people, now.step_s)
            gone += twins
            people = [person for person in people if person not in twins]
        people += _newcomers(people, now, np.flatnonzero(free), body, options)
        tracks += [person.finished() for person in gone]
    return tracks + [person.finished() for person in people]


def _update(people: list[_Person], now: _Now, n_views: int, body: BodyShape, options: AssociateOptions) -> np.ndarray:
    """Moves every person and gives it its sightings of this instant; which sightings (s) remain free."""
    predicted, velocity, scale_m = _predict(people, now, options)
    cost, exchanged = fit_cost(predicted, now.rays, body, scale_m=scale_m, min_keypoints=options.min_keypoints)
    is_new = np.array([len(person.instants) < _ESTABLISHED for person in people])
    yielding = _DOUBT_COST * (1 - options.agree_m / scale_m) + _NEWCOMER_COST * is_new
    chosen = assign(cost + yielding[:, None], now.rays.view, n_views)
    mine = now.rays.at(chosen).exchanged(np.take_along_axis(exchanged, chosen, axis=1), body.mirror)
    keypoints, wrong = _place(predicted, mine, scale_m, body, options)
    chosen = np.where(wrong, -1, chosen)
    for n, person in enumerate(people):
        unseen_s = now.t_s - now.step_s - person.seen_s
        if unseen_s > _BRIDGE_S and not _recognised(person, keypoints[n], chosen[n], body):
            chosen[n], keypoints[n] = -1, predicted[n]
    _move(people, predicted, velocity, keypoints, chosen, now)
    free = np.ones(len(now.rays), dtype=bool)
    free[chosen[chosen >= 0]] = False
    return free


def _predict(
    people: list[_Person], now: _Now, options: AssociateOptions
) -> tuple[Float[np.ndarray, "p k 3"], Float[np.ndarray, "p k 3"], Float[np.ndarray, " p"]]:
    """Keypoints at constant velocity, that velocity, and how far off (m) a person's sighting may typically be."""
    unseen_s = np.array([now.t_s - now.step_s - person.seen_s for person in people])
    is_new = np.array([len(person.instants) < 2 for person in people])
    velocity = np.stack([person.velocity for person in people]) * np.exp(-unseen_s / _SLOWING_S)[:, None, None]
    predicted = np.stack([person.keypoints for person in people]) + now.step_s * velocity
    doubt_m = 0.5 * _ACCELERATION_M_S2 * now.step_s**2 + _UNSEEN_SPEED_M_S * unseen_s
    doubt_m += is_new * _UNKNOWN_SPEED_M_S * now.step_s
    return predicted, velocity, options.agree_m + np.minimum(doubt_m, _MOST_DOUBT_M)


def _place(
    predicted: np.ndarray, mine: Rays, scale_m: np.ndarray, body: BodyShape, options: AssociateOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (p k 3) from each person's sightings, and which of those (p v) do not agree with them after all."""
    keypoints = locate(mine, predicted, scales_m=(scale_m, scale_m), pull=_PULL)
    cost, _ = fit_cost(keypoints, mine, body, scale_m=options.agree_m, min_keypoints=options.min_keypoints)
    wrong = cost >= GATE
    if (wrong & (mine.weight > 0).any(axis=-1)).any():
        agreeing = Rays(mine.view, mine.origin, mine.direction, mine.weight * ~wrong[..., None])
        keypoints = locate(agreeing, predicted, scales_m=(scale_m, scale_m), pull=_PULL)
    return keypoints, wrong


def _recognised(person: _Person, keypoints: np.ndarray, chosen: np.ndarray, body: BodyShape) -> bool:
    """Whether two views see someone with the person's limb lengths."""
    if (chosen >= 0).sum() < 2:
        return False
    known_m = nanmedian(body.lengths_m(np.stack(person.path[-_REMEMBERED:]).astype(np.float64)).T)
    unlike = nanmedian(np.abs(np.log(body.lengths_m(keypoints) / known_m)))
    return bool(unlike < _SAME_LIMBS)


def _move(
    people: list[_Person],
    predicted: np.ndarray,
    velocity: np.ndarray,
    keypoints: np.ndarray,
    chosen: np.ndarray,
    now: _Now,
) -> None:
    """Moves everyone to ``keypoints``; those of a person that fewer than two views see go with the rest of the body."""
    surprise = np.where(np.isnan(predicted), 0.0, keypoints - predicted)
    velocity = velocity + _VELOCITY_GAIN * surprise / now.step_s
    measured = ((now.rays.at(chosen).weight > 0).sum(axis=1) >= 2)[..., None]
    with_body = nanmedian(np.where(measured, velocity, np.nan).swapaxes(1, 2))[:, None]
    velocity = np.where(measured | np.isnan(with_body), velocity, with_body)
    for n, person in enumerate(people):
        person.keypoints, person.velocity = keypoints[n], velocity[n]
        members = chosen[n][chosen[n] >= 0]
        if len(members):
            person.take(now, members)


def _twins(people: list[_Person], step_s: float) -> list[_Person]:
    """Everyone who has long been where a person known for longer is: people who pass in contact part again."""
    if len(people) < 2:
        return []
    by_age = sorted(people, key=lambda person: -len(person.instants))
    keypoints = np.stack([person.keypoints for person in by_age])
    near = np.tril(apart_m(keypoints[:, None], keypoints[None]) < _TWIN_M, -1)
    for n, person in enumerate(by_age):
        person.twin_s = person.twin_s + step_s if near[n].any() else 0.0
    return [person for person in by_age if person.twin_s > _TWIN_S]


def _newcomers(
    people: list[_Person], now: _Now, free: np.ndarray, body: BodyShape, options: AssociateOptions
) -> list[_Person]:
    """People found among the free sightings, without twins of those known."""
    if len(np.unique(now.rays.view[free])) < 2:
        return []
    newcomers: list[_Person] = []
    for members, keypoints in find_people(now.rays[free], body, options):
        known = [person.keypoints for person in people + newcomers]
        if not known or (apart_m(keypoints, np.stack(known)) >= _TWIN_M).all():
            newcomers.append(_Person(keypoints, np.zeros_like(keypoints)))
            newcomers[-1].take(now, free[members])
    return newcomers
