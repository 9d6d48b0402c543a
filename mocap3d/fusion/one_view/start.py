"""Where to start: postures from single instants, facing many ways, and the likeliest way through them in time."""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.fusion.one_view.chain import Posture, placed
from mocap3d.fusion.one_view.energy import Priors, linearised
from mocap3d.fusion.one_view.evidence import Evidence
from mocap3d.fusion.one_view.human import Human
from mocap3d.fusion.one_view.likeliest import likeliest

HEADINGS = 8
STEPS = 14
CHUNK = 1200
GATE = 8.0
LEAP_M = 0.06
"""One sigma of a marker's own movement between neighbouring keyframes, beside that of the body."""
MOST_LEAP = 60.0
FEWEST = 4
"""Keypoints for an instant to be tried on its own."""


def start(
    human: Human, length_m: Float[np.ndarray, " l"], evidence: Evidence, priors: Priors, every: int
) -> Posture | None:
    """A posture per instant, from keyframes; None where nothing was seen."""
    keyframes = np.flatnonzero(evidence.seen().sum(-1) >= FEWEST)
    if not len(keyframes):
        return None
    keyframes = keyframes[:: max(1, every)]
    n = len(keyframes)
    tried = evidence.at(np.repeat(keyframes, HEADINGS))
    posture = settled(human, _facing(human, length_m, tried, n), length_m, tried, priors)
    energy = linearised_energy(human, posture, length_m, tried, priors).reshape(n, HEADINGS)
    markers = placed(human.chain, posture, length_m).marker_in_world.reshape(n, HEADINGS, -1, 3)
    shape = markers - markers.mean(2, keepdims=True)  # how the body moves, apart from where it is
    chosen = likeliest(energy, shape, LEAP_M, MOST_LEAP)
    best = posture[np.arange(n) * HEADINGS + chosen]
    nearest = np.abs(np.arange(len(evidence.uv_px))[:, None] - keyframes).argmin(1)
    return settled(human, best[nearest], length_m, evidence, priors)


def linearised_energy(
    human: Human, posture: Posture, length_m: np.ndarray, evidence: Evidence, priors: Priors
) -> Float[np.ndarray, " n"]:
    """Energy of every posture on its own."""
    return linearised(human, posture, length_m, evidence, priors, GATE).energy


def settled(
    human: Human, posture: Posture, length_m: Float[np.ndarray, " l"], evidence: Evidence, priors: Priors
) -> Posture:
    """Every instant on its own: Levenberg-Marquardt, each with its own damping."""
    parts = []
    for first in range(0, len(posture.root), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(posture.root)))
        parts.append(_settled(human, posture[rows], length_m, evidence.at(rows), priors))
    return Posture(np.concatenate([part.root for part in parts]), np.concatenate([part.turn for part in parts]))


def _settled(human: Human, posture: Posture, length_m: np.ndarray, evidence: Evidence, priors: Priors) -> Posture:
    damping = np.full(len(posture.root), 1e-2)
    at = linearised(human, posture, length_m, evidence, priors, GATE)
    eye = np.arange(at.gradient.shape[1])
    for _ in range(STEPS):
        system = at.hessian.copy()
        system[:, eye, eye] = system[:, eye, eye] * (1 + damping[:, None]) + 1e-3
        step = -np.linalg.solve(system, at.gradient[..., None])[..., 0]
        step *= np.minimum(1.0, 1.0 / np.maximum(np.abs(step[:, 3:]).max(1, keepdims=True), 1e-9))
        tried = posture.moved(human.chain, step)
        new = linearised(human, tried, length_m, evidence, priors, GATE)
        better = new.energy < at.energy
        damping = np.where(better, damping / 4, damping * 6).clip(1e-6, 1e4)
        posture = Posture(
            np.where(better[:, None], tried.root, posture.root),
            np.where(better[:, None, None, None], tried.turn, posture.turn),
        )
        at = new if better.all() else linearised(human, posture, length_m, evidence, priors, GATE)
    return posture


def _facing(human: Human, length_m: np.ndarray, evidence: Evidence, n: int) -> Posture:
    """At rest, facing HEADINGS ways, the trunk along its picture, where the body covers what was seen."""
    turn = Rotation.from_rotvec(human.rests).as_matrix()[None].repeat(n * HEADINGS, 0)
    headings = np.tile(2 * np.pi * np.arange(HEADINGS) / HEADINGS, n)
    turn[:, 0] = _tilt(human, evidence) @ Rotation.from_euler("z", headings[:, None]).as_matrix()
    posture = Posture(np.zeros((n * HEADINGS, 3)), turn)
    return Posture(_root(placed(human.chain, posture, length_m).marker_in_world, evidence), turn)


def _tilt(human: Human, evidence: Evidence) -> Float[np.ndarray, "n 3 3"]:
    """Turns about the line of sight that lay an upright trunk along its picture; whoever is upside down starts so."""
    direction = evidence.camera.rays(torch.from_numpy(evidence.uv_px))[1].numpy()

    def middle(*names: str) -> Float[np.ndarray, "n 3"]:
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # none of them seen: NaN
            return np.nanmean(direction[:, [human.markers.index(name) for name in names]], axis=1)

    low, high = middle("LHip", "RHip"), middle("LShoulder", "RShoulder", "Neck")
    ahead, trunk = low + high, high - low
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0]) - ahead * ahead[:, 2:]
    angle = np.arctan2((np.cross(up, trunk) * ahead).sum(-1), (up * trunk).sum(-1))
    return Rotation.from_rotvec(np.nan_to_num(angle[:, None] * ahead)).as_matrix()


def _root(markers: Float[np.ndarray, "n m 3"], evidence: Evidence) -> Float[np.ndarray, "n 3"]:
    """Where a posture of known shape lies, linearly: the markers should lie on their rays."""
    origin, direction = (ray.numpy() for ray in evidence.camera.rays(torch.from_numpy(evidence.uv_px)))
    seen = evidence.seen() * np.isfinite(direction).all(-1)
    direction, origin = (np.where(seen[..., None] > 0, ray, 0.0) for ray in (direction, origin))
    across = seen[..., None, None] * (np.eye(3) - direction[..., :, None] * direction[..., None, :])
    system = across.sum(1) + 1e-9 * np.eye(3)
    right = (across @ (origin - markers)[..., None]).sum(1)
    return np.linalg.solve(system, right)[..., 0]
