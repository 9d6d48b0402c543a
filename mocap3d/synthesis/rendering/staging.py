"""Who stands where in which pose, and what stands about: the moments that are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator

from mocap3d.synthesis.rendering import props
from mocap3d.synthesis.rendering.actor import Actor, Standing
from mocap3d.synthesis.rendering.body import KEYPOINTS, Pose
from mocap3d.synthesis.rendering.mesh import Mesh
from mocap3d.synthesis.rendering.motions import Motions
from mocap3d.synthesis.rendering.posture import made_up_pose
from mocap3d.synthesis.rendering.retarget import posed_like
from mocap3d.synthesis.rendering.turns import turn_z

_RECORDED, _AIRBORNE = 0.5, 0.08
_TREADMILL, _CHAIR, _BIKE, _HELD, _THINGS, _BEFORE = 0.25, 0.8, 0.9, 0.08, 0.4, 0.15
_BELT_M = 0.14
_APART_M = 0.2
"""Least distance between keypoints of two people."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """People (the first is the one whose keypoints are wanted) and things, at one time."""

    people: tuple[Standing, ...]
    things: tuple[Mesh, ...]
    floor_m: float


def at_keypoint(standing: Standing, name: str) -> Float32[np.ndarray, " 3"]:
    """Where a keypoint is in the world."""
    return standing.keypoints[KEYPOINTS.index(name)]


def yawed(pose: Pose, yaw_rad: float) -> Pose:
    """The same, facing elsewhere."""
    return replace(pose, root=turn_z(yaw_rad) @ pose.root)


def one_person(actor: Actor, motions: Motions | None, rng: Generator) -> tuple[Standing, str, float]:
    """Somebody on the floor at the origin; the stance's name and which way its chest points (0 is -y)."""
    yaw = rng.uniform(0, 2 * np.pi)
    if motions is not None and rng.random() < _RECORDED:
        recording, frame = motions.any_frame(rng)
        pose, stance = posed_like(actor.figure, recording.at(frame), hands=rng), "recorded"
    else:
        pose, stance = made_up_pose(actor.figure, rng)
    return on_floor(actor.posed(yawed(pose, yaw)), rng), stance, yaw


def on_floor(standing: Standing, rng: Generator) -> Standing:
    """With the middle of the hips over the origin, and standing, or seldom jumping."""
    lowest = float(standing.mesh.vertices[standing.mesh.triangles, 2].min())
    hip = at_keypoint(standing, "Hip")
    lift = rng.uniform(0.02, 0.4) if rng.random() < _AIRBORNE else 0.0
    return standing.moved(np.array([-hip[0], -hip[1], lift - lowest]))


def couple(actors: Sequence[Actor], motions: Motions, rng: Generator) -> tuple[Standing, Standing]:
    """Two people of one recorded take, as far apart as they were, at the origin."""
    first, second = (motions.recordings[n] for n in motions.couples[rng.integers(len(motions.couples))])
    frame, yaw = int(rng.integers(min(len(first), len(second)))), rng.uniform(0, 2 * np.pi)
    turn = turn_z(yaw)
    standing = []
    for actor, recording in zip(actors, (first, second), strict=True):
        pose = yawed(posed_like(actor.figure, recording.at(frame), hands=rng), yaw)
        person = on_floor(actor.posed(pose), rng)
        away = turn @ (recording.at(frame)["Hip"] - first.at(frame)["Hip"])
        standing.append(person.moved(np.array([away[0], away[1], 0])))
    return standing[0], standing[1]


def beside(first: Standing, other: Standing, towards_camera: Float[np.ndarray, " 3"], rng: Generator) -> Standing:
    """The other moved next to the first as a camera sees them: before or behind, a little to the side."""
    ahead = np.array([towards_camera[0], towards_camera[1], 0.0])
    ahead /= np.linalg.norm(ahead) + 1e-9
    across = np.array([-ahead[1], ahead[0], 0.0])
    for attempt in range(12):
        depth = rng.choice([-1, 1], p=[0.6, 0.4]) * rng.uniform(0.25, 1.6)
        place = other.moved(ahead * depth * (1 + 0.1 * attempt) + across * rng.normal(0, 0.45))
        gap = np.linalg.norm(place.keypoints[:, None] - first.keypoints[None], axis=-1).min()
        if gap > _APART_M:
            return place
    return other.moved(-2.5 * ahead)


def things_about(
    person: Standing, stance: str, yaw_rad: float, towards_camera: Float[np.ndarray, " 3"], rng: Generator
) -> tuple[list[Mesh], float]:
    """What the person uses and what stands around; and where the floor is."""
    things, floor_m = [], 0.0
    hip = at_keypoint(person, "Hip").astype(float)
    if stance in ("walk", "run") and rng.random() < _TREADMILL:
        floor_m = -_BELT_M
        things.append(props.placed(props.treadmill(rng), np.zeros(3), yaw_rad))
    elif stance == "sit" and rng.random() < _CHAIR:
        seat = max(0.2, float(hip[2]) - 0.1)
        back = turn_z(yaw_rad) @ np.array([0, 0.03, 0])
        things.append(props.placed(props.chair(rng, seat), np.array([hip[0], hip[1], 0]) + back, yaw_rad))
    elif stance == "cycle" and rng.random() < _BIKE:
        bike, floor_m = _bike(person, yaw_rad, rng)
        things.append(bike)
    if rng.random() < _HELD:
        side = "LR"[rng.integers(2)]
        things.append(props.held(rng, at_keypoint(person, f"{side}Wrist"), at_keypoint(person, f"{side}Elbow")))
    if rng.random() < _THINGS:
        things += [_lying_about(rng, floor_m) for _ in range(rng.integers(1, 6))]
    if rng.random() < _BEFORE:
        place = towards_camera[:2] * rng.uniform(0.25, 0.6) + rng.normal(0, 0.25, 2)
        things.append(_some_thing(rng, np.array([*place, floor_m])))
    return things, floor_m


def _lying_about(rng: Generator, floor_m: float) -> Mesh:
    away, turn = rng.uniform(0.7, 3.5), rng.uniform(0, 2 * np.pi)
    return _some_thing(rng, np.array([away * np.cos(turn), away * np.sin(turn), floor_m]))


def _some_thing(rng: Generator, place: Float[np.ndarray, " 3"]) -> Mesh:
    thing = props.LYING_ABOUT[rng.integers(len(props.LYING_ABOUT))](rng)
    return props.placed(thing, place, rng.uniform(0, 2 * np.pi))


def _bike(person: Standing, yaw_rad: float, rng: Generator) -> tuple[Mesh, float]:
    """Under the rider, who faces ``yaw_rad``; the floor is below its wheels."""
    unturned = turn_z(-yaw_rad)
    hip, left, right = (unturned @ at_keypoint(person, name) for name in ("Hip", "LBigToe", "RBigToe"))
    saddle, crank = hip - [0, -0.04, 0.12], (left + right) / 2
    crank[0] = saddle[0]
    floor_m = min(left[2], right[2]) - rng.uniform(0.08, 0.15)
    return props.placed(props.bike(rng, saddle, crank, floor_m), np.zeros(3), yaw_rad), float(floor_m)
