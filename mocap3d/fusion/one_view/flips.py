"""Limbs that point towards the camera look like those that point away: four ways of each, and the likeliest in time.

Source of the ambiguity: Lee & Chen (1985). Each limb is turned round by reflecting its segments in depth, which hardly
changes its picture; what its joints make of that, and how it moves, tells the ways apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mocap3d.fusion.one_view.chain import Placed, Posture, placed, rotvec_of
from mocap3d.fusion.one_view.energy import FAR_BEHIND, LIMIT_RAD, UNUSUAL, Priors, behind
from mocap3d.fusion.one_view.evidence import Evidence
from mocap3d.fusion.one_view.human import Human
from mocap3d.fusion.one_view.likeliest import likeliest

MOVES_M_S = 1.5
"""One sigma of how fast elbow, knee, wrist and ankle move."""
MOST_MOVE = 20.0
"""What any movement between two instants costs at most."""
MOST_BEYOND = 50.0
"""What any posture beyond the limits costs at most."""
STRAIGHT_RAD = 0.15
"""A limb that is bent less does not tell how it is twisted."""


@dataclass(frozen=True, slots=True)
class _Limb:
    """A ball joint and a hinge, by their numbers; the marker at the end; which way the hinge bends about +y."""

    ball: int
    hinge: int
    tip: int
    sign: float


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """One way for a limb to lie."""

    ball_turn: Float[np.ndarray, "n 3 3"]
    hinge_turn: Float[np.ndarray, "n 3 3"]
    middle: Float[np.ndarray, "n 3"]
    end: Float[np.ndarray, "n 3"]


def flipped(
    human: Human,
    posture: Posture,
    length_m: Float[np.ndarray, " l"],
    evidence: Evidence,
    priors: Priors,
    rate_hz: float,
) -> Posture:
    """The posture with every limb the way that its joints and its movement like best."""
    body = placed(human.chain, posture, length_m)
    centre = evidence.camera.centre_in_world.numpy()
    turn, rows = posture.turn.copy(), np.arange(len(posture.root))
    for limb in _limbs(human):
        ways = list(_ways(human, body, limb, centre))
        energy = np.stack([_energy(human, limb, way, priors) + _behind(body, limb, way, priors) for way in ways], 1)
        joints = np.stack([np.stack([way.middle, way.end], 1) for way in ways], 1)
        moving = joints - body.joint_in_world[:, limb.ball, None, None]
        chosen = likeliest(energy, moving, MOVES_M_S / rate_hz, MOST_MOVE)
        turn[:, limb.ball] = np.stack([way.ball_turn for way in ways], 1)[rows, chosen]
        turn[:, limb.hinge] = np.stack([way.hinge_turn for way in ways], 1)[rows, chosen]
    return Posture(posture.root, turn)


def _limbs(human: Human) -> Iterator[_Limb]:
    number = {name: n for n, name in enumerate(human.markers)}
    owner = {name: human.chain.owner[n] for name, n in number.items()}
    for side in "LR":
        yield _Limb(owner[f"{side}Hip"], owner[f"{side}Knee"], number[f"{side}Ankle"], 1.0)
        yield _Limb(owner[f"{side}Shoulder"], owner[f"{side}Elbow"], number[f"{side}Wrist"], -1.0)


def _ways(human: Human, body: Placed, limb: _Limb, centre: Float[np.ndarray, "n 3"]) -> Iterator[_Way]:
    start, middle = body.joint_in_world[:, limb.ball], body.joint_in_world[:, limb.hinge]
    end = body.marker_in_world[:, limb.tip]
    for upper in (middle - start, _mirrored(middle - start, middle - centre)):
        for lower in (end - middle, _mirrored(end - middle, end - centre)):
            yield _way(human, body, limb, start, upper, lower)


def _mirrored(segment: Float[np.ndarray, "n 3"], ray: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """The other way in depth."""
    ray = _unit(ray)
    return segment - 2 * (segment * ray).sum(-1, keepdims=True) * ray


def _way(
    human: Human,
    body: Placed,
    limb: _Limb,
    start: Float[np.ndarray, "n 3"],
    upper: Float[np.ndarray, "n 3"],
    lower: Float[np.ndarray, "n 3"],
) -> _Way:
    """The turns of both joints that lay the segments so; a straight limb keeps its twist."""
    z, ahead = -_unit(upper), _unit(lower)
    bend = np.arccos(np.clip(-(ahead * z).sum(-1), -1, 1))
    bent, was = -limb.sign * ahead, body.world_from_joint[:, limb.ball, :, 0]
    x = np.where(bend[:, None] > STRAIGHT_RAD, bent, was)
    x = _unit(x - (x * z).sum(-1, keepdims=True) * z)
    world_from_ball = np.stack([x, np.cross(z, x), z], -1)
    parent_from_world = np.swapaxes(body.world_from_joint[:, human.chain.parents[limb.ball]], 1, 2)
    cos, sin = np.cos(limb.sign * bend), np.sin(limb.sign * bend)
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    hinge = np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], -1).reshape(-1, 3, 3)
    middle = start + upper
    return _Way(parent_from_world @ world_from_ball, hinge, middle, middle + lower)


def _energy(human: Human, limb: _Limb, way: _Way, priors: Priors) -> Float[np.ndarray, " n"]:
    """Habits and limits of both joints, as the fit counts them."""
    energy = np.zeros(len(way.middle))
    for joint, turn in ((limb.ball, way.ball_turn), (limb.hinge, way.hinge_turn)):
        which = human.chain.axes[joint].any(1)
        rotvec = rotvec_of(turn)
        off = ((rotvec - human.rests[joint]) / human.spread[joint])[:, which]
        beyond = np.maximum(rotvec - human.highest[joint], 0) + np.maximum(human.lowest[joint] - rotvec, 0)
        energy += 0.5 * priors.habits * UNUSUAL**2 * np.log1p((off / UNUSUAL) ** 2).sum(-1)
        energy += np.minimum(0.5 * priors.limits * ((beyond / LIMIT_RAD) ** 2).sum(-1), MOST_BEYOND)
    return energy


def _behind(body: Placed, limb: _Limb, way: _Way, priors: Priors) -> Float[np.ndarray, " n"]:
    """What an arm behind the chest costs, as the fit counts it; nothing for a leg."""
    energy = np.zeros(len(way.middle))
    if limb.sign < 0:
        for joint, is_wrist in ((way.middle, False), (way.end, True)):
            off = behind(body, joint, is_wrist=is_wrist)
            energy += 0.5 * priors.reach * FAR_BEHIND**2 * np.log1p((off / FAR_BEHIND) ** 2)
    return energy


def _unit(v: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
