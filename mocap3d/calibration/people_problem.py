"""Cameras and moving points adjusted together: reprojection, and limbs that keep their length.

A body's points are eliminated (Schur), so that what is solved grows with cameras and limbs only. The loss is Cauchy's:
a detector's gross errors pull ever less. Sources: Triggs et al., "Bundle adjustment" (2000); Holland and Welsch (1977).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from mocap3d.calibration.people_sightings import Sightings
from mocap3d.geometry.lens import Lens
from mocap3d.solve.least_squares import Minimum, levenberg_marquardt

N_OF_VIEW = 9
"""Of every view: turn about its own centre (rad, its frame), place (m), log of zoom, shift of the principal point."""
LOST = 50.0
"""Sigmas that a point counts as off which its camera cannot see where it is now."""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """An estimate: cameras, points and limbs."""

    rotation: Float[np.ndarray, "v 3 3"]
    """Cam_from_world."""
    centre: Float[np.ndarray, "v 3"]
    log_zoom: Float[np.ndarray, " v"]
    shift_px: Float[np.ndarray, "v 2"]
    points: Float[np.ndarray, "n k 3"]
    log_length: Float[np.ndarray, "p l"]


@dataclass(frozen=True, eq=False)
class Problem:
    """What was seen, what may move, and what is believed of it."""

    sightings: Sightings
    lenses: Sequence[Lens]
    free: Bool[np.ndarray, "v 9"]
    sigma: Float[np.ndarray, "v 9"]
    """Prior doubt about each parameter, around ``start``; inf = none."""
    start: Moved
    limb_sigma: float = 0.06
    """Relative: by how much a limb's length varies as detectors see it."""
    bend: float = 2.0
    """Sigmas from which on an observation pulls less."""
    noise: float = 1.0
    """Factor on the stated sigmas."""
    hold_size: bool = False
    """Nothing else says how large the world is: the limbs keep their mean size."""

    @cached_property
    def usable(self) -> Bool[np.ndarray, "n k"]:
        """Points that have a place."""
        return self.sightings.shared & np.isfinite(self.start.points).all(-1)

    @cached_property
    def columns(self) -> Int[np.ndarray, " g"]:
        """Which of the views' parameters are free, flat."""
        return np.flatnonzero(self.free.reshape(-1))

    @property
    def n_lengths(self) -> int:
        return self.start.log_length.size

    def minimum(self, start: Moved, *, max_steps: int = 60, tolerance: float = 1e-7) -> Minimum[Moved]:
        """The estimate of least cost."""
        return levenberg_marquardt(self.linearise, start, max_steps=max_steps, tolerance=tolerance)

    def linearise(self, x: Moved) -> "Linear":
        """Normal equations at an estimate."""
        return Linear.of(self, x)

    def residuals_px(self, x: Moved) -> Float[np.ndarray, "v n k"]:
        """Distance of every sighting from its point; NaN where there is none, inf where its camera cannot see it."""
        out = np.full(self.sightings.sigma_px.shape, np.nan)
        for v in range(len(self.lenses)):
            looked = looked_at(self, x, v, jacobian=False)
            distance = np.linalg.norm(looked.off_px, axis=-1)
            out[v] = np.where(looked.here, distance, np.where(looked.lost, np.inf, np.nan))
        return out

    def moved(self, x: Moved, of_views: Float[np.ndarray, " g"], lengths: np.ndarray, points: np.ndarray) -> Moved:
        """The estimate after a step."""
        step = np.zeros(self.free.size)
        step[self.columns] = of_views
        step = step.reshape(-1, N_OF_VIEW)
        return Moved(
            Rotation.from_rotvec(step[:, :3]).as_matrix() @ x.rotation,
            x.centre + step[:, 3:6],
            x.log_zoom + step[:, 6],
            x.shift_px + step[:, 7:],
            x.points + points,
            x.log_length + lengths.reshape(x.log_length.shape),
        )

    def points_from(self, x: Moved) -> Moved:
        """An estimate's cameras with the points and lengths of this problem's start."""
        return replace(x, points=self.start.points, log_length=self.start.log_length)

    def off_start(self, x: Moved) -> Float[np.ndarray, "v 9"]:
        """By how much every view's parameters differ from the start's."""
        turn = Rotation.from_matrix(x.rotation @ self.start.rotation.transpose(0, 2, 1)).as_rotvec()
        zoom = (x.log_zoom - self.start.log_zoom)[:, None]
        return np.concatenate([turn, x.centre - self.start.centre, zoom, x.shift_px - self.start.shift_px], 1)


@dataclass(frozen=True, slots=True)
class Looked:
    """One view's sightings against an estimate."""

    here: Bool[np.ndarray, "n k"]
    lost: Bool[np.ndarray, "n k"]
    off_px: Float[np.ndarray, "n k 2"]
    by_view: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """(n k 2 9)"""
    by_point: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """(n k 2 3)"""


def looked_at(problem: Problem, x: Moved, v: int, *, jacobian: bool = True) -> Looked:
    """What view v saw, beside what it should have seen."""
    wanted = problem.sightings.seen[v] & problem.usable
    lens, rotation, zoom = problem.lenses[v], x.rotation[v], np.exp(x.log_zoom[v])
    p_in_cam = np.where(wanted[..., None], x.points - x.centre[v], rotation[2]) @ rotation.T
    in_torch = torch.from_numpy(p_in_cam)
    middle = lens.c_px.numpy()
    plain_px = lens.project(in_torch).numpy() - middle
    here = wanted & np.isfinite(plain_px).all(-1)
    plain_px = np.where(here[..., None], plain_px, 0.0)
    off_px = zoom * plain_px + middle + x.shift_px[v] - problem.sightings.uv_px[v]
    off_px = np.where(here[..., None], off_px, 0.0)
    if not jacobian:
        return Looked(here, wanted & ~here, off_px)
    by_cam = np.where(here[..., None, None], zoom * lens.jacobian(in_torch).numpy(), 0.0)
    by_point = by_cam @ rotation
    a, b, c = by_cam[..., 0], by_cam[..., 1], by_cam[..., 2]
    px, py, pz = (p_in_cam[..., None, i] for i in range(3))
    by_turn = np.stack([c * py - b * pz, a * pz - c * px, b * px - a * py], -1)
    unit = np.broadcast_to(np.eye(2), (*here.shape, 2, 2))
    by_view = np.concatenate([by_turn, -by_point, zoom * plain_px[..., None], unit], -1)
    return Looked(here, wanted & ~here, off_px, by_view, by_point)


def cauchy_weight(r2: Float[np.ndarray, "*n"], bend: float) -> Float[np.ndarray, "*n"]:
    """By how much less a squared residual in sigmas pulls than it would by least squares."""
    return 1 / (1 + r2 / bend**2)


def _cauchy(r2: np.ndarray, bend: float) -> tuple[np.ndarray, np.ndarray]:
    """Cost and weight of squared residuals in sigmas."""
    return bend**2 * np.log1p(r2 / bend**2), cauchy_weight(r2, bend)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Normal equations at one estimate: of what all bodies share (g), of each body's points, and between the two."""

    problem: Problem
    x: Moved
    cost: float
    shared: Float[np.ndarray, "g g"]
    shared_down: Float[np.ndarray, " g"]
    body: Float[np.ndarray, "n q q"]
    body_down: Float[np.ndarray, "n q"]
    between: Float[np.ndarray, "n q g"]

    @staticmethod
    def of(problem: Problem, x: Moved) -> "Linear":
        n, k = problem.usable.shape
        n_views, n_all = len(problem.columns), len(problem.columns) + problem.n_lengths
        shared, shared_down = np.zeros((n_all, n_all)), np.zeros(n_all)
        body, body_down = np.zeros((n, k, 3, k, 3)), np.zeros((n, k, 3))
        between = np.zeros((n, k, 3, n_all))
        diagonal = np.arange(k)
        cost = 0.0
        for v in range(len(problem.lenses)):
            looked = looked_at(problem, x, v)
            sigma = np.where(looked.here, problem.sightings.sigma_px[v], 1.0) * problem.noise
            each, weight = _cauchy((looked.off_px**2).sum(-1) / sigma**2, problem.bend)
            cost += float(
                each[looked.here].sum() + looked.lost.sum() * problem.bend**2 * np.log1p((LOST / problem.bend) ** 2)
            )
            root = np.where(looked.here, np.sqrt(weight) / sigma, 0.0)[..., None]
            mine = np.flatnonzero(problem.columns // N_OF_VIEW == v)
            by_view = (looked.by_view * root[..., None])[..., problem.columns[mine] % N_OF_VIEW]
            by_point, off = looked.by_point * root[..., None], looked.off_px * root
            rows = by_view.reshape(2 * n * k, len(mine))
            shared[np.ix_(mine, mine)] += rows.T @ rows
            shared_down[mine] -= rows.T @ off.reshape(-1)
            turned = by_point.swapaxes(-1, -2)
            body[:, diagonal, :, diagonal] += (turned @ by_point).swapaxes(0, 1)
            body_down -= (turned @ off[..., None])[..., 0]
            between[..., mine] += turned @ by_view
        cost += _add_limbs(problem, x, n_views, (shared, shared_down, body, body_down, between))
        cost += _add_priors(problem, x, shared, shared_down)
        q = 3 * k
        body = body.reshape(n, q, q)
        # Points without a place stay where they are.
        idle = np.repeat(~problem.usable, 3, axis=1)
        body[:, np.arange(q), np.arange(q)] += np.where(idle, 1.0, 0.0)
        cost = cost if np.isfinite(cost) else np.inf
        return Linear(
            problem, x, cost, shared, shared_down, body, body_down.reshape(n, q), between.reshape(n, q, n_all)
        )

    def trial(self, damping: float) -> tuple[Moved, float]:
        """The estimate that the damped equations propose, and by how much they expect the cost to fall."""
        n, q = self.body_down.shape
        more = damping * np.maximum(np.einsum("nqq->nq", self.body), 1e-12)
        damped = self.body.copy()
        damped[:, np.arange(q), np.arange(q)] += more
        solved = np.linalg.solve(damped, np.concatenate([self.body_down[..., None], self.between], -1))
        own, by_shared = solved[..., 0], solved[..., 1:]
        on_shared = damping * np.maximum(self.shared.diagonal(), 1e-12)
        reduced = self.shared + np.diag(on_shared) - np.tensordot(self.between, by_shared, ([0, 1], [0, 1]))
        down = self.shared_down - np.tensordot(self.between, own, ([0, 1], [0, 1]))
        step = np.linalg.lstsq(reduced, down, rcond=1e-14)[0] if len(down) else down
        points = own - by_shared @ step
        expected = self.shared_down @ step + (self.body_down * points).sum() + on_shared @ step**2
        expected += (more * points**2).sum()
        n_views = len(self.problem.columns)
        trial = self.problem.moved(self.x, step[:n_views], step[n_views:], points.reshape(n, q // 3, 3))
        return trial, float(expected)


def _add_limbs(problem: Problem, x: Moved, first: int, into: tuple[np.ndarray, ...]) -> float:
    """Adds that limbs keep their length, in logarithms: what size the world has does not matter."""
    shared, shared_down, body, body_down, between = into
    person, cost = problem.sightings.person, 0.0
    for number, (i, j) in enumerate(problem.sightings.limbs):
        here = np.flatnonzero(problem.usable[:, i] & problem.usable[:, j])
        along = x.points[here, i] - x.points[here, j]
        length2 = np.maximum((along**2).sum(-1), 1e-12)
        r = (0.5 * np.log(length2) - x.log_length[person[here], number]) / problem.limb_sigma
        each, weight = _cauchy(r**2, problem.bend)
        cost += float(each.sum())
        at = first + person[here] * x.log_length.shape[1] + number
        slope = along / length2[:, None] / problem.limb_sigma
        outer, pull = weight[:, None, None] * slope[:, :, None] * slope[:, None, :], weight * r
        for a, sign in ((i, 1.0), (j, -1.0)):
            body[here, a, :, a] += outer
            body_down[here, a] -= sign * pull[:, None] * slope
            between[here, a, :, at] -= sign * (weight / problem.limb_sigma)[:, None] * slope
        body[here, i, :, j] -= outer
        body[here, j, :, i] -= outer
        np.add.at(shared, (at, at), weight / problem.limb_sigma**2)
        np.add.at(shared_down, at, pull / problem.limb_sigma)
    return cost


def _add_priors(problem: Problem, x: Moved, shared: np.ndarray, shared_down: np.ndarray) -> float:
    """Adds what is believed of the views, that limbs never seen keep theirs, and what holds the world's size."""
    n_views = len(problem.columns)
    sigma = problem.sigma.reshape(-1)[problem.columns]
    information = np.where(np.isfinite(sigma), 1 / sigma**2, 0.0)
    off = problem.off_start(x).reshape(-1)[problem.columns]
    shared[np.arange(n_views), np.arange(n_views)] += information
    shared_down[:n_views] -= information * off
    cost = float((information * off**2).sum())
    if not problem.n_lengths:
        return cost
    lengths = (x.log_length - problem.start.log_length).reshape(-1)
    loose = np.full(problem.n_lengths, 1e-6)
    shared[n_views + np.arange(len(loose)), n_views + np.arange(len(loose))] += loose
    shared_down[n_views:] -= loose * lengths
    cost += float((loose * lengths**2).sum())
    if problem.hold_size:
        tight = 1e6 / len(loose) ** 2
        shared[n_views:, n_views:] += tight
        shared_down[n_views:] -= tight * lengths.sum()
        cost += float(tight * lengths.sum() ** 2)
    return cost


def with_noise(problem: Problem, x: Moved) -> Problem:
    """The problem with the sigmas that its residuals show: by their median, so that gross errors do not matter."""
    distance = problem.residuals_px(x) / problem.sightings.sigma_px
    known = distance[np.isfinite(distance)]
    unknowns = 3 * int(problem.usable.sum()) + len(problem.columns)
    share = max(1 - unknowns / max(2 * len(known), 1), 0.05)
    median = float(np.median(known)) / np.sqrt(2 * np.log(2)) if len(known) else 1.0  # of Rayleigh's distribution
    return replace(problem, noise=max(median / np.sqrt(share), 1e-3))
