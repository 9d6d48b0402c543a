"""Bundle adjustment of cameras and rigid targets: Levenberg-Marquardt, the targets' poses eliminated.

Time is linear in observations and in targets; only the cameras' unknowns, some tens, meet in a dense system.
Source: Triggs et al., "Bundle adjustment: a modern synthesis" (1999).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import get_lapack_funcs

from mocap3d.solve import targets
from mocap3d.solve.least_squares import Minimum, levenberg_marquardt
from mocap3d.solve.targets import N_POSE

EXACT = np.inf
"""Bend of a loss that is not robust."""


@dataclass(frozen=True)
class Observed:
    """n corners: which camera (kinds (c)) saw which point of which target where. Sorted by :func:`observed`."""

    kinds: np.ndarray
    n_targets: int
    camera_of: np.ndarray
    target_of: np.ndarray
    p_in_target: np.ndarray
    uv_px: np.ndarray
    weight: np.ndarray
    """1 / sigma_px^2."""

    @cached_property
    def run_of(self) -> np.ndarray:
        """The run, of one target in one camera, of each observation."""
        new = (np.diff(self.target_of) != 0) | (np.diff(self.camera_of) != 0)
        return np.concatenate([[0], np.cumsum(new)]) if len(self.camera_of) else np.zeros(0, np.int64)

    @cached_property
    def first_obs(self) -> np.ndarray:
        """(target + 1) where each target's observations start."""
        return np.searchsorted(self.target_of, np.arange(self.n_targets + 1))

    @cached_property
    def first_run(self) -> np.ndarray:
        """(target + 1) where each target's runs start."""
        starts = np.flatnonzero(np.diff(self.run_of, prepend=-1))
        return np.searchsorted(self.target_of[starts], np.arange(self.n_targets + 1))

    @cached_property
    def camera_of_run(self) -> np.ndarray:
        return self.camera_of[np.flatnonzero(np.diff(self.run_of, prepend=-1))]


def observed(
    kinds: np.ndarray,
    n_targets: int,
    *,
    camera_of: np.ndarray,
    target_of: np.ndarray,
    p_in_target: np.ndarray,
    uv_px: np.ndarray,
    sigma_px: np.ndarray,
) -> Observed:
    """Observations in any order, sorted as the kernels want them."""
    order = np.lexsort((camera_of, target_of))
    return Observed(
        kinds.astype(np.int64),
        n_targets,
        camera_of[order].astype(np.int64),
        target_of[order].astype(np.int64),
        np.ascontiguousarray(p_in_target[order], dtype=np.float64),
        np.ascontiguousarray(uv_px[order], dtype=np.float64),
        1 / sigma_px[order].astype(np.float64) ** 2,
    )


@dataclass(frozen=True, slots=True)
class State:
    """An estimate: lenses (c 18), cam_from_world and world_from_target as rows of rotation and translation (12)."""

    lenses: np.ndarray
    cameras: np.ndarray
    poses: np.ndarray


@dataclass(frozen=True)
class Unknowns:
    """What may change, and what is believed beforehand."""

    free: np.ndarray
    """(c 24) which of a camera's unknowns (turn, centre, lens) are free."""
    lens_mean: np.ndarray
    """(c 18)."""
    lens_information: np.ndarray
    """(c 18 18), the inverse of the prior's covariance."""
    held: np.ndarray
    """(target) poses that are known."""

    @cached_property
    def columns(self) -> np.ndarray:
        """(c 24) the place among a camera's free unknowns, or -1."""
        return np.where(self.free, np.cumsum(self.free, 1) - 1, -1)

    @cached_property
    def size(self) -> np.ndarray:
        return self.free.sum(1)

    @cached_property
    def offset(self) -> np.ndarray:
        return np.cumsum(self.size) - self.size

    def lens_columns(self, camera: int) -> tuple[np.ndarray, np.ndarray]:
        """The free parameters of a lens, and their places among its camera's unknowns."""
        free = np.flatnonzero(self.free[camera, N_POSE:])
        return free, self.columns[camera, N_POSE + free]


@dataclass(frozen=True, slots=True)
class Problem:
    """Observations, unknowns, and the distance from which a corner's pull no longer grows."""

    observed: Observed
    unknowns: Unknowns
    bend_px: float

    def linearise(self, state: State) -> "Normal":
        """The normal equations at an estimate."""
        seen, unknowns = self.observed, self.unknowns
        n_cameras, widest = len(seen.kinds), int(unknowns.size.max(initial=0))
        a, ga = np.zeros((n_cameras, widest, widest)), np.zeros((n_cameras, widest))
        b, gb = np.zeros((seen.n_targets, N_POSE, N_POSE)), np.zeros((seen.n_targets, N_POSE))
        e = np.zeros((len(seen.camera_of_run), N_POSE, widest))
        cost = targets.linearise(
            seen.kinds, state.lenses, tilts_of(state.lenses), state.cameras, state.poses, seen.camera_of,
            seen.target_of, seen.run_of, seen.p_in_target, seen.uv_px, seen.weight, float(self.bend_px),
            unknowns.columns, a, b, e, ga, gb,
        )  # fmt: skip
        for c in range(n_cameras):
            off = state.lenses[c] - unknowns.lens_mean[c]
            pull = unknowns.lens_information[c] @ off
            free, place = unknowns.lens_columns(c)
            ga[c, place] += pull[free]
            a[c][np.ix_(place, place)] += unknowns.lens_information[c][np.ix_(free, free)]
            cost += off @ pull
        return Normal(self, state, float(cost), a, b, e, ga, gb)

    def minimum(self, start: State, *, tolerance: float = 1e-9, max_steps: int = 100) -> Minimum[State]:
        """Found from afar: with a loss that bends late at first, so that far corners pull while they must."""
        size_px = np.linalg.norm(self.residuals_px(start), axis=1)
        wide = replace(self, bend_px=max(self.bend_px, 3 * float(np.nanmedian(size_px))))
        if wide.bend_px > self.bend_px:
            start = levenberg_marquardt(wide.linearise, start, max_steps=max_steps, tolerance=1e-3).x
        return levenberg_marquardt(self.linearise, start, max_steps=max_steps, tolerance=tolerance)

    def residuals_px(self, state: State) -> np.ndarray:
        """(n 2) reprojected minus observed; NaN behind a camera."""
        seen, out = self.observed, np.empty_like(self.observed.uv_px)
        targets.residuals(
            seen.kinds, state.lenses, tilts_of(state.lenses), state.cameras, state.poses, seen.camera_of,
            seen.target_of, seen.p_in_target, seen.uv_px, out,
        )  # fmt: skip
        return out

    def with_poses_refined(self, state: State, n_steps: int = 30) -> tuple[State, np.ndarray]:
        """Every target's pose on its own, the cameras being known; and the cost of each."""
        seen, poses = self.observed, state.poses.copy()
        costs = targets.refine_poses(
            seen.kinds, state.lenses, tilts_of(state.lenses), state.cameras, poses, seen.camera_of, seen.first_obs,
            seen.p_in_target, seen.uv_px, seen.weight, float(self.bend_px), n_steps,
        )  # fmt: skip
        return replace(state, poses=poses), costs


@dataclass(frozen=True, slots=True)
class Normal:
    """Normal equations: A of the cameras, B of the targets, E between them."""

    problem: Problem
    state: State
    cost: float
    a: np.ndarray
    b: np.ndarray
    e: np.ndarray
    ga: np.ndarray
    gb: np.ndarray

    def trial(self, damping: float) -> tuple[State, float]:
        """The damped Gauss-Newton step, taken."""
        seen, unknowns = self.problem.observed, self.problem.unknowns
        schur, rhs, solved, own = self.reduced(damping)
        step = _solve_scaled(schur, rhs)
        moved, lenses, expected = self.state.cameras.copy(), self.state.lenses.copy(), 0.0
        own_step = -own
        padded = np.zeros_like(self.ga)
        for c, (first, size) in enumerate(zip(unknowns.offset, unknowns.size, strict=True)):
            padded[c, :size] = step[first : first + size]
            full = np.where(unknowns.free[c], padded[c, unknowns.columns[c]] if size else 0.0, 0.0)
            if unknowns.free[c, :N_POSE].any():  # else rounding would move it
                targets.move_camera(self.state.cameras[c], full[:N_POSE], moved[c])
            lenses[c] += full[N_POSE:]
            diagonal = damping * self.a[c].diagonal()
            expected += -self.ga[c] @ padded[c] + diagonal @ padded[c] ** 2
        target_of_run = np.repeat(np.arange(seen.n_targets), np.diff(seen.first_run))
        np.subtract.at(own_step, target_of_run, np.einsum("rij,rj->ri", solved, padded[seen.camera_of_run]))
        diagonals = damping * np.einsum("fii->fi", self.b)
        expected += float(-(self.gb * own_step).sum() + (diagonals * own_step**2).sum())
        poses = np.empty_like(self.state.poses)
        targets.move_all(self.state.poses, own_step, poses)
        return State(lenses, moved, poses), expected

    def reduced(self, damping: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The cameras' own equations (p p) and right side, targets' poses being eliminated; and how to get those."""
        seen, unknowns = self.problem.observed, self.problem.unknowns
        n = int(unknowns.size.sum())
        schur, rhs = np.zeros((n, n)), np.zeros(n)
        for c, (first, size) in enumerate(zip(unknowns.offset, unknowns.size, strict=True)):
            block = slice(first, first + size)
            schur[block, block] = self.a[c, :size, :size]
            schur[range(first, first + size), range(first, first + size)] *= 1 + damping
            rhs[block] = -self.ga[c, :size]
        solved, own = np.empty_like(self.e), np.empty_like(self.gb)
        targets.eliminate(
            self.b, self.gb, self.e, seen.first_run, seen.camera_of_run, unknowns.offset, unknowns.size, damping,
            unknowns.held, schur, rhs, solved, own,
        )  # fmt: skip
        return np.tril(schur) + np.tril(schur, -1).T, rhs, solved, own

    def covariance(self) -> np.ndarray:
        """(p p) of the cameras' unknowns, targets' poses unknown; what nothing determines has an infinite variance."""
        schur = self.reduced(0.0)[0]
        scale = 1 / np.sqrt(np.maximum(schur.diagonal(), np.finfo(float).tiny))
        values, vectors = np.linalg.eigh(schur * np.outer(scale, scale))
        known = values > 1e-12 * values.max(initial=0.0)
        cov = (vectors[:, known] / values[known]) @ vectors[:, known].T
        open_directions = (vectors[:, ~known] ** 2).sum(1) > 1e-6
        cov[open_directions, open_directions] = np.inf
        return cov * np.outer(scale, scale)


def _solve_scaled(matrix: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """x with matrix x = rhs; scaled to a unit diagonal, as pixels and k3 differ by ten orders."""
    if not len(rhs):
        return rhs
    scale = 1 / np.sqrt(np.maximum(matrix.diagonal(), np.finfo(float).tiny))
    scaled = matrix * np.outer(scale, scale)
    scaled[np.diag_indices_from(scaled)] += 1e-14
    # LAPACK itself: SciPy's checks take longer than a system of a few unknowns.
    (posv,) = get_lapack_funcs(("posv",), (scaled,))
    _, x, failed = posv(scaled, scale * rhs, lower=1)
    return scale * (np.linalg.pinv(scaled, hermitian=True) @ (scale * rhs) if failed else x)


def tilts_of(lenses: np.ndarray) -> np.ndarray:
    """(c 3 9): the homography onto each lens's tilted sensor, and its derivatives by tau_x and tau_y."""
    tilts = np.zeros((len(lenses), 3, 9))
    if not lenses[:, 16:18].any():
        tilts[:] = UPRIGHT
        return tilts
    step = 1e-30  # complex step: a derivative without a difference
    for c, (tau_x, tau_y) in enumerate(lenses[:, 16:18]):
        tilts[c, 0] = np.real(_tilt(tau_x, tau_y)).ravel()
        tilts[c, 1] = np.imag(_tilt(tau_x + 1j * step, tau_y)).ravel() / step
        tilts[c, 2] = np.imag(_tilt(tau_x, tau_y + 1j * step)).ravel() / step
    return tilts


UPRIGHT = np.array(
    [[1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, -1, 0], [0, 0, 0, 0, 0, 0, 1, 0, 0]], dtype=np.float64
)
"""Tilts of a sensor that is at right angles to the axis: the identity, and how it begins to change."""


def _tilt(tau_x: complex, tau_y: complex) -> np.ndarray:
    """OpenCV's homography of a tilted sensor."""
    sx, cx, sy, cy = np.sin(tau_x), np.cos(tau_x), np.sin(tau_y), np.cos(tau_y)
    turn = np.array([[cy, sy * sx, -sy * cx], [0, cx, sx], [sy, -cy * sx, cy * cx]])
    onto_sensor = np.array([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]])
    return onto_sensor @ turn
