"""All instants together: the body's lengths are constant, and its markers accelerate little.

The normal matrix is block-pentadiagonal in time with a border of lengths; it is factorised as such, so time and memory
are linear in instants.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_solve_banded, cholesky_banded

from mocap3d.fusion.one_view.chain import Posture, length_jacobian
from mocap3d.fusion.one_view.energy import Linearised, Priors, linearised
from mocap3d.fusion.one_view.evidence import Evidence
from mocap3d.fusion.one_view.human import Human

SECOND = (1.0, -2.0, 1.0)
BENT = 3.0
"""Accelerations beyond this many sigmas count linearly (Huber)."""
TRUNK = ("Hip", "Neck", "LHip", "RHip", "LShoulder", "RShoulder", "Nose", "Head", "LEye", "REye", "LEar", "REar")
ENOUGH = 1e-4
"""A step that gains a smaller share of the energy is the last."""
GIVE_UP = 1e5


@dataclass(frozen=True, slots=True)
class SequenceOptions:
    """How whole sequences are solved."""

    steps: int = 30
    """At most."""
    gate: float = 4.0
    """Keypoints beyond so many sigmas count ever less (Geman-McClure)."""
    trunk_m_s2: float = 12.0
    """One sigma of the accelerations of trunk and head ..."""
    limb_m_s2: float = 30.0
    """... and of elbows, wrists, knees, ankles and feet."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """All that stays while a sequence is solved."""

    human: Human
    evidence: Evidence
    priors: Priors
    options: SequenceOptions
    rate_hz: float
    mean: Float[np.ndarray, " l"]
    """Of the logarithms of the lengths."""
    information: Float[np.ndarray, "l l"]

    @property
    def weight(self) -> Float[np.ndarray, " m"]:
        """Of the markers' second differences: 1 / sigma^2."""
        options = self.options
        sigma = [options.trunk_m_s2 if name in TRUNK else options.limb_m_s2 for name in self.human.markers]
        return 1 / (np.array(sigma) / self.rate_hz**2) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A solution."""

    posture: Posture
    log_length: Float[np.ndarray, " l"]
    energy: float


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    linear: Linearised
    log_length: Float[np.ndarray, " l"]
    second: Float[np.ndarray, "s m 3"]
    huber: Float[np.ndarray, "s m"]
    energy: float


def solve_sequence(problem: Problem, posture: Posture, log_length: Float[np.ndarray, " l"]) -> Sequence:
    """Levenberg-Marquardt on all postures and lengths."""
    now, damping = _at(problem, posture, log_length), 1e-3
    for _ in range(problem.options.steps):
        step, length_step = _step(problem, now, damping)
        moved, lengths = posture.moved(problem.human.chain, step), log_length + length_step
        new = _at(problem, moved, lengths)
        if new.energy < now.energy:
            gain = now.energy - new.energy
            posture, log_length, now, damping = moved, lengths, new, max(damping / 5, 1e-7)
            if gain < ENOUGH * now.energy:
                break
        else:
            damping *= 8
            if damping > GIVE_UP:
                break
    return Sequence(posture, log_length, now.energy)


def _at(problem: Problem, posture: Posture, log_length: Float[np.ndarray, " l"]) -> _State:
    linear = linearised(
        problem.human, posture, np.exp(log_length), problem.evidence, problem.priors, problem.options.gate
    )
    x = linear.body.marker_in_world
    second = x[:-2] - 2 * x[1:-1] + x[2:]
    size = np.sqrt((second**2).sum(-1) * problem.weight)
    huber = np.minimum(1.0, BENT / np.maximum(size, 1e-12))
    motion = np.where(size > BENT, BENT * (size - BENT / 2), size**2 / 2).sum()
    off = log_length - problem.mean
    energy = linear.energy.sum() + motion + 0.5 * off @ problem.information @ off
    return _State(linear, log_length, second, huber, float(energy))


@dataclass(frozen=True, slots=True, eq=False)
class _Normal:
    """The normal equations; filled in place. Off-diagonal blocks couple an instant (column) with a later one (row)."""

    diagonal: Float[np.ndarray, "n p p"]
    next_one: Float[np.ndarray, "_ p p"]
    next_but_one: Float[np.ndarray, "_ p p"]
    gradient: Float[np.ndarray, "n p"]
    border: Float[np.ndarray, "n p l"]
    corner: Float[np.ndarray, "l l"]
    length_gradient: Float[np.ndarray, " l"]


def _step(problem: Problem, now: _State, damping: float) -> tuple[np.ndarray, np.ndarray]:
    linear = now.linear
    n, _, _, p = linear.motion.shape
    by_length = length_jacobian(problem.human.chain, linear.body) * np.exp(now.log_length)
    half = linear.by_markers @ by_length
    off = now.log_length - problem.mean
    normal = _Normal(
        linear.hessian.copy(),
        np.zeros((max(n - 1, 0), p, p)),
        np.zeros((max(n - 2, 0), p, p)),
        linear.gradient.copy(),
        np.einsum("nmip,nmil->npl", linear.motion, half),
        np.einsum("nmil,nmik->lk", by_length, half) + problem.information,
        np.einsum("nmil,nmi->l", by_length, linear.by_marker) + problem.information @ off,
    )
    if n > 2:
        _add_motion(normal, now, by_length, problem.weight)
    return _solved(normal, damping)


def _add_motion(normal: _Normal, now: _State, by_length: np.ndarray, weight: np.ndarray) -> None:
    """The second differences of all markers."""
    n, m, _, p = now.linear.motion.shape
    weights = (now.huber * weight)[..., None]
    bent = by_length[:-2] - 2 * by_length[1:-1] + by_length[2:]
    normal.corner[:] += np.einsum("smil,smik->lk", bent, weights[..., None] * bent)
    normal.length_gradient[:] += np.einsum("smil,smi->l", bent, weights * now.second)
    flat, wide = now.linear.motion.reshape(n, m * 3, p), np.repeat(weights[..., 0], 3, -1)[..., None]
    second, bent = wide * now.second.reshape(n - 2, m * 3, 1), wide * bent.reshape(n - 2, m * 3, -1)
    shifted = [c * flat[i : n - 2 + i] for i, c in enumerate(SECOND)]
    places = (normal.diagonal, normal.next_one, normal.next_but_one)
    for i, left in enumerate(np.swapaxes(x, 1, 2) for x in shifted):
        normal.gradient[i : n - 2 + i] += (left @ second)[..., 0]
        normal.border[i : n - 2 + i] += left @ bent
        for j in range(i + 1):
            places[i - j][j : j + n - 2] += left @ (wide * shifted[j])


def _solved(normal: _Normal, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """Step of the postures (n p) and of the lengths (l): Cholesky of the band, Schur complement of the border."""
    n, p, _ = normal.diagonal.shape
    banded, columns = np.zeros((3 * p, n * p)), np.arange(n) * p
    for k, blocks in enumerate((normal.diagonal, normal.next_one, normal.next_but_one)):
        for r in range(p):
            for c in range(p if k else r + 1):
                banded[k * p + r - c, columns[: len(blocks)] + c] = blocks[:, r, c]
    banded[0] = banded[0] * (1 + damping) + 1e-6
    border = normal.border.reshape(n * p, -1)
    right = np.concatenate([normal.gradient.reshape(-1, 1), border], 1)
    solution = cho_solve_banded((cholesky_banded(banded, lower=True), True), right)
    schur = normal.corner + damping * np.diag(np.diag(normal.corner)) - border.T @ solution[:, 1:]
    length_step = -np.linalg.solve(schur, normal.length_gradient - border.T @ solution[:, 0])
    return -(solution[:, 0] + solution[:, 1:] @ length_step).reshape(n, p), length_step
