"""What trunk and legs do: standing, walking, squatting, sitting, kicking, crawling ..., within the limits of joints.

Angles in degrees, as tables of anatomy give them: flexion, abduction and rotation of hips, flexion of knees.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

_STANCES = {
    "stand": 0.2, "walk": 0.13, "run": 0.1, "squat": 0.09, "sit": 0.08, "lunge": 0.08, "abduct": 0.08, "kick": 0.05,
    "jump": 0.05, "kneel": 0.04, "cycle": 0.03, "any": 0.05, "crawl": 0.02,
}  # fmt: skip
_BOWED, _TWISTED = 0.12, 0.15


@dataclass(slots=True)
class Stance:
    """Angles of trunk and legs while they are being made up; pairs are (left, right)."""

    kind: str
    phase: float
    """Of a stride, radians."""
    hip_deg: np.ndarray = field(default_factory=lambda: np.zeros(2))
    abduction_deg: np.ndarray = field(default_factory=lambda: np.zeros(2))
    rotation_deg: np.ndarray = field(default_factory=lambda: np.zeros(2))
    knee_deg: np.ndarray = field(default_factory=lambda: np.zeros(2))
    ankle_deg: np.ndarray = field(default_factory=lambda: np.zeros(2))
    spine_deg: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """Bowed forward, to the left, turned to the left."""
    lean_deg: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """Of the whole body: forward, sideways."""


def made_up_stance(rng: Generator) -> Stance:
    """What trunk and legs do."""
    kind = str(rng.choice(list(_STANCES), p=list(_STANCES.values())))
    stance = Stance(kind, rng.uniform(0, 2 * np.pi))
    stance.abduction_deg, stance.rotation_deg = rng.normal(5, 5, 2), rng.normal(5, 10, 2)
    stance.knee_deg, stance.ankle_deg = np.abs(rng.normal(5, 6, 2)), rng.normal(0, 8, 2)
    stance.spine_deg = rng.normal([5, 0, 0], [8, 6, 8])
    stance.lean_deg = rng.normal(0, 3, 2)
    _SHAPERS[kind](stance, rng)
    if rng.random() < _BOWED:
        stance.spine_deg[0] += rng.uniform(20, 75)
        stance.lean_deg[0] += rng.uniform(0, 40)
    if rng.random() < _TWISTED:
        stance.spine_deg[1:] += rng.normal(0, [15, 20])
    return stance


def _stand(stance: Stance, rng: Generator) -> None:
    stance.hip_deg = rng.normal(0, 6, 2)


def _walk(stance: Stance, rng: Generator) -> None:
    swing, lift = np.sin(stance.phase) * np.array([1, -1]), np.cos(stance.phase) * np.array([1, -1])
    stance.hip_deg = 28 * swing + 3 + rng.normal(0, 5, 2)
    stance.knee_deg = np.maximum(4, 45 * lift + 20 * np.maximum(swing, 0)) + np.abs(rng.normal(0, 6, 2))


def _run(stance: Stance, rng: Generator) -> None:
    swing, lift = np.sin(stance.phase) * np.array([1, -1]), np.cos(stance.phase) * np.array([1, -1])
    stance.hip_deg = 55 * swing + 12 + rng.normal(0, 8, 2)
    stance.knee_deg = np.clip(35 + 60 * lift + 20 * swing, 5, 130)
    stance.spine_deg[0] += 8
    stance.lean_deg[0] += rng.uniform(0, 15)


def _squat(stance: Stance, rng: Generator) -> None:
    depth = rng.uniform(40, 120)
    stance.hip_deg = depth + rng.normal(0, 6, 2)
    stance.knee_deg = np.clip(depth * rng.uniform(0.9, 1.2) + rng.normal(0, 6, 2), 0, 150)
    stance.abduction_deg = np.abs(rng.normal(15, 10, 2))
    stance.spine_deg[0] += rng.uniform(0, 35)
    stance.lean_deg[0] += rng.uniform(0, 30)


def _sit(stance: Stance, rng: Generator) -> None:
    stance.hip_deg = rng.uniform(70, 100) + rng.normal(0, 6, 2)
    stance.knee_deg = rng.uniform(60, 105) + rng.normal(0, 10, 2)
    stance.abduction_deg = rng.normal(8, 8, 2)
    stance.spine_deg[0] += rng.uniform(-5, 25)


def _lunge(stance: Stance, rng: Generator) -> None:
    ahead = rng.integers(2)
    stance.hip_deg[ahead], stance.hip_deg[1 - ahead] = rng.uniform(40, 100), rng.uniform(-25, 10)
    stance.knee_deg[ahead], stance.knee_deg[1 - ahead] = rng.uniform(50, 110), rng.uniform(5, 80)
    stance.lean_deg[0] += rng.uniform(-5, 20)


def _abduct(stance: Stance, rng: Generator) -> None:
    lifted = rng.integers(2)
    stance.abduction_deg[lifted], stance.abduction_deg[1 - lifted] = rng.uniform(15, 75), rng.normal(5, 8)
    stance.hip_deg, stance.knee_deg = rng.normal(0, 15, 2), np.abs(rng.normal(5, 15, 2))
    stance.spine_deg[1] += rng.normal(0, 15)
    stance.lean_deg += [rng.uniform(-5, 25), (1 if lifted == 0 else -1) * rng.uniform(0, 35)]


def _kick(stance: Stance, rng: Generator) -> None:
    kicking = rng.integers(2)
    stance.hip_deg[kicking], stance.hip_deg[1 - kicking] = rng.uniform(30, 110), rng.uniform(-15, 15)
    stance.knee_deg[kicking] = rng.uniform(0, 80)
    stance.spine_deg[0] += rng.uniform(-15, 15)


def _jump(stance: Stance, rng: Generator) -> None:
    stance.hip_deg, stance.knee_deg = rng.normal(20, 25, 2), np.abs(rng.normal(30, 30, 2))
    stance.abduction_deg, stance.ankle_deg = np.abs(rng.normal(12, 12, 2)), rng.normal(-30, 12, 2)


def _kneel(stance: Stance, rng: Generator) -> None:
    up = rng.integers(2)
    stance.hip_deg[up], stance.hip_deg[1 - up] = rng.uniform(70, 100), rng.uniform(-10, 10)
    stance.knee_deg = rng.uniform(80, 110, 2)


def _cycle(stance: Stance, rng: Generator) -> None:
    turn = np.cos(stance.phase) * np.array([1, -1])
    stance.hip_deg, stance.knee_deg = 55 + 25 * turn, 70 + 38 * turn
    stance.spine_deg[0] += rng.uniform(10, 35)
    stance.lean_deg[0] += rng.uniform(5, 25)


def _any(stance: Stance, rng: Generator) -> None:
    stance.hip_deg, stance.knee_deg = rng.uniform(-25, 120, 2), rng.uniform(0, 140, 2)
    stance.abduction_deg, stance.rotation_deg = rng.uniform(-15, 65, 2), rng.uniform(-35, 40, 2)


def _crawl(stance: Stance, rng: Generator) -> None:
    stance.lean_deg[0] += rng.uniform(60, 95)
    stance.hip_deg, stance.knee_deg = rng.uniform(50, 100, 2), rng.uniform(50, 100, 2)


_SHAPERS: dict[str, Callable[[Stance, Generator], None]] = {
    "stand": _stand, "walk": _walk, "run": _run, "squat": _squat, "sit": _sit, "lunge": _lunge, "abduct": _abduct,
    "kick": _kick, "jump": _jump, "kneel": _kneel, "cycle": _cycle, "any": _any, "crawl": _crawl,
}  # fmt: skip
