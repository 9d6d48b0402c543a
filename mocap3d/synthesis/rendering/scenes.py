"""Stills and multi-view clips: everything about a shot that is made up, in order."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import UInt8
from numpy.random import Generator

from mocap3d.session.samples import Visibility
from mocap3d.synthesis.rendering.actor import Actor, Standing
from mocap3d.synthesis.rendering.body import Figure
from mocap3d.synthesis.rendering.camera import Framing, Viewpoint, framed, made_up_framing, made_up_viewpoint
from mocap3d.synthesis.rendering.interior import made_up_backdrop
from mocap3d.synthesis.rendering.light import made_up_light
from mocap3d.synthesis.rendering.motions import Recording
from mocap3d.synthesis.rendering.retarget import posed_like
from mocap3d.synthesis.rendering.sensor import made_up_sensor
from mocap3d.synthesis.rendering.shot import Shot, shoot
from mocap3d.synthesis.rendering.staging import Moment, at_keypoint, beside, couple, one_person, things_about, yawed
from mocap3d.synthesis.rendering.studio import Studio
from mocap3d.synthesis.rendering.turns import turn_z
from mocap3d.synthesis.rendering.wardrobe import dressed
from mocap3d.synthesis.walk import Gait, walking_person

_PEOPLE = (0.63, 0.27, 0.1)
"""Share of pictures with one, two and three people."""
_COUPLE = 0.2
_LEAST_VISIBLE = 8
"""Where fewer keypoints are seen, nobody could tell whom the crop is of: the person is drawn alone."""
_CLIP_HZ = 30.0
_NEAREST_M = 0.35
"""No person and no thing comes nearer to a camera."""

Fabrics = UInt8[np.ndarray, "f s s 3"]


def still(studio: Studio, fabrics: Fabrics, rng: Generator) -> Shot:
    """One picture of somebody, perhaps among others."""
    actors = [dressed(studio.body, studio.garments, rng) for _ in range(1 + rng.choice(3, p=_PEOPLE))]
    person, stance, yaw, others = _cast(actors, studio, rng)
    viewpoint = _viewpoint([person, *others], rng)
    towards = viewpoint.centre_in_world - at_keypoint(person, "Hip")
    things, floor_m = things_about(person, stance, yaw, towards, rng)
    if not others:
        others = _company(person, actors[1:], studio, towards, rng)
    moment = _before_camera(Moment((person, *others), tuple(things), floor_m), [viewpoint])
    backdrop = made_up_backdrop(viewpoint.centre_in_world[None], floor_m, fabrics, studio.panoramas, rng)
    view = framed(viewpoint, person.keypoints, made_up_framing(rng))
    light, sensor = made_up_light(rng), made_up_sensor(rng)
    shot = shoot(moment, view, light, backdrop, fabrics, sensor, rng)
    if (shot.visibility == Visibility.VISIBLE).sum() >= _LEAST_VISIBLE:
        return shot
    return shoot(Moment((person,), (), floor_m), view, light, backdrop, fabrics, sensor, rng)


def clip(studio: Studio, fabrics: Fabrics, n_views: int, n_frames: int, rng: Generator) -> Iterator[tuple[int, Shot]]:
    """(frame, shot) of one person's motion, from several cameras at once; one frame's views follow each other."""
    actor = dressed(studio.body, studio.garments, rng)
    people = _in_motion(actor, studio, n_frames, rng)
    middle = people[n_frames // 2]
    start = rng.uniform(0, 2 * np.pi)
    around = start + 2 * np.pi * np.arange(n_views) / n_views + rng.normal(0, 0.25, n_views)
    viewpoints = [_viewpoint(people, rng, azimuth_rad=float(angle)) for angle in around]
    towards = viewpoints[0].centre_in_world - at_keypoint(middle, "Hip")
    things, floor_m = things_about(middle, "recorded", 0.0, towards, rng)
    company = _company(middle, [dressed(studio.body, studio.garments, rng)], studio, towards, rng)
    company = company if rng.random() < 1 - _PEOPLE[0] else []
    centres = np.stack([viewpoint.centre_in_world for viewpoint in viewpoints])
    backdrop = made_up_backdrop(centres, floor_m, fabrics, studio.panoramas, rng)
    light, sensors = made_up_light(rng), [made_up_sensor(rng) for _ in viewpoints]
    framings = [made_up_framing(rng) for _ in viewpoints]
    for frame, person in enumerate(people):
        moment = _before_camera(Moment((person, *company), tuple(things), floor_m), viewpoints)
        for viewpoint, framing, sensor in zip(viewpoints, framings, sensors, strict=True):
            view = framed(viewpoint, person.keypoints, _shaken(framing, rng))
            yield frame, shoot(moment, view, light, backdrop, fabrics, sensor, rng)


def _cast(actors: Sequence[Actor], studio: Studio, rng: Generator) -> tuple[Standing, str, float, list[Standing]]:
    """The person, its stance and yaw, and its partner where they are a recorded couple."""
    if studio.motions and studio.motions.couples and len(actors) == 2 and rng.random() < _COUPLE:
        first, second = couple(actors, studio.motions, rng)
        return first, "recorded", 0.0, [second]
    return *one_person(actors[0], studio.motions, rng), []


def _company(
    person: Standing, actors: Sequence[Actor], studio: Studio, towards: np.ndarray, rng: Generator
) -> list[Standing]:
    return [beside(person, one_person(actor, studio.motions, rng)[0], towards, rng) for actor in actors]


def _viewpoint(people: Sequence[Standing], rng: Generator, *, azimuth_rad: float | None = None) -> Viewpoint:
    """One from which everybody is at a distance and before the camera."""
    keypoints = np.concatenate([person.keypoints for person in people]).astype(float)
    target = (keypoints.min(axis=0) + keypoints.max(axis=0)) / 2
    while True:
        viewpoint = made_up_viewpoint(target, 0.0, rng, azimuth_rad=azimuth_rad)
        depth = (keypoints - viewpoint.centre_in_world) @ viewpoint.rotation[2]
        if depth.min() > 2 * _NEAREST_M:
            return viewpoint


def _before_camera(moment: Moment, viewpoints: Sequence[Viewpoint]) -> Moment:
    """Without the others and the things that would stand in or right before a camera."""

    def is_clear(vertices: np.ndarray) -> bool:
        return all(np.linalg.norm(vertices[::17] - v.centre_in_world, axis=1).min() > _NEAREST_M for v in viewpoints)

    first, *others = moment.people
    people = (first, *(other for other in others if is_clear(other.mesh.vertices)))
    return Moment(people, tuple(thing for thing in moment.things if is_clear(thing.vertices)), moment.floor_m)


def _in_motion(actor: Actor, studio: Studio, n_frames: int, rng: Generator) -> list[Standing]:
    """Consecutive moments of a recording, or of a walk where there is none; about the origin, on the floor."""
    if studio.motions is not None:
        recording, frames = studio.motions.any_stretch(rng, n_frames, _CLIP_HZ)
    else:
        recording, frames = _walk(n_frames, rng), list(range(n_frames))
    yaw = rng.uniform(0, 2 * np.pi)
    hands = int(rng.integers(1 << 31))
    scale, origin = _leg(actor.figure) / _leg_of(recording), recording.at(frames[n_frames // 2])["Hip"]
    standing = []
    for frame in frames:
        at = recording.at(frame)
        pose = yawed(posed_like(actor.figure, at, hands=np.random.default_rng(hands)), yaw)
        person = actor.posed(pose)
        place = turn_z(yaw) @ ((at["Hip"] - origin) * scale)
        standing.append(person.moved(place - at_keypoint(person, "Hip")))
    lowest = min(float(person.mesh.vertices[person.mesh.triangles, 2].min()) for person in standing)
    return [person.moved(np.array([0, 0, -lowest])) for person in standing]


def _walk(n_frames: int, rng: Generator) -> Recording:
    gait = Gait(cadence_hz=rng.uniform(1.4, 2.1), phase=rng.uniform())
    keypoints = walking_person(n_frames, rate_hz=_CLIP_HZ, height_m=1.75, gait=gait, seed=int(rng.integers(1 << 31)))
    return Recording("walk", _CLIP_HZ, keypoints, 1.75)


def _leg(figure: Figure) -> float:
    return float(np.linalg.norm(figure.span("LHip", "LKnee")) + np.linalg.norm(figure.span("LKnee", "LAnkle")))


def _leg_of(recording: Recording) -> float:
    at = recording.at(0)
    return float(np.linalg.norm(at["LKnee"] - at["LHip"]) + np.linalg.norm(at["LAnkle"] - at["LKnee"]))


def _shaken(framing: Framing, rng: Generator) -> Framing:
    """A tracker's box trembles from frame to frame."""
    shift = np.asarray(framing.shift) + rng.normal(0, 0.006, 2)
    return Framing(framing.scale * float(np.exp(rng.normal(0, 0.01))), (float(shift[0]), float(shift[1])))
