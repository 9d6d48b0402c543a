"""Cameras adjusted to people: the noise of every keypoint in every view measured on the way, and the doubt out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from mocap3d.calibration.people_points import log_lengths, start_of, triangulated
from mocap3d.calibration.people_problem import N_OF_VIEW, Moved, Problem, cauchy_weight, looked_at, with_noise
from mocap3d.calibration.people_sightings import Sightings
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera

ROUGH_STEPS = 30
WORST, LEAST_SEEN = 4.0, 8
"""A keypoint counts as at most so many times as noisy (or as good) as others, and is judged by so many sightings."""
CLUSTER_S = 0.5
"""Errors of a detector last about so long."""
MIN_CLUSTERS = 20
MIN_POINTS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The minimum, and how well it is known."""

    x: Moved
    problem: Problem
    cov: Float[np.ndarray, "g g"]
    """Of the free parameters of the views, in the order of ``problem.columns``."""
    converged: bool

    def cov_of_view(self, v: int) -> Float[np.ndarray, "9 9"]:
        """Of one view's parameters; 0 for what was held."""
        out = np.zeros((N_OF_VIEW, N_OF_VIEW))
        own = np.flatnonzero(self.problem.columns // N_OF_VIEW == v)
        place = self.problem.columns[own] % N_OF_VIEW
        out[np.ix_(place, place)] = self.cov[np.ix_(own, own)]
        return out


def adjusted(
    sightings: Sightings,
    cameras: Sequence[Camera],
    free: Bool[np.ndarray, "v 9"],
    sigma: Float[np.ndarray, "v 9"],
    *,
    noise: float = 2.0,
    with_limbs: bool = True,
    begin: Sequence[Camera] | None = None,
) -> Fitted:
    """The cameras (and zoom, and principal points) that explain the sightings best.

    First every point is on its own, which is fast, and tells the noise; then limbs keep their length, and the world
    its size. Priors are about ``cameras``; the way there begins at ``begin``, if given.
    """
    lenses = [camera.lens for camera in cameras]
    scattered = sightings.scattered()
    first = start_of(scattered, cameras, triangulated(scattered, begin or cameras, noise=2 * noise))
    problem = Problem(scattered, lenses, free, sigma, first, noise=noise)
    x = first if begin is None else replace(
        first,
        rotation=np.stack([camera.cam_from_world.rotation.numpy() for camera in begin]),
        centre=np.stack([camera.centre_in_world.numpy() for camera in begin]),
        shift_px=np.stack([(new.lens.c_px - old.lens.c_px).numpy() for new, old in zip(begin, cameras, strict=True)]),
    )  # fmt: skip
    if int(problem.usable.sum()) < MIN_POINTS:
        raise CalibrationError(
            f"only {int(problem.usable.sum())} keypoints are seen by two views that agree on a place for them; needed "
            f"are at least {MIN_POINTS}. Let people walk about where the views overlap, and check that the recordings "
            "are synchronised."
        )
    x = problem.minimum(x, max_steps=ROUGH_STEPS, tolerance=1e-3).x
    factor = _noise_by_keypoint(problem, x, int(sightings.keypoint.max()) + 1)
    problem = with_noise(replace(problem, sightings=with_factors(scattered, factor)), x)
    minimum = problem.minimum(x, tolerance=1e-4 if with_limbs else 1e-6)
    if with_limbs:
        problem = _with_limbs(problem, minimum.x, with_factors(sightings, factor))
        minimum = problem.minimum(problem.points_from(minimum.x), tolerance=1e-5)
    problem = with_noise(problem, minimum.x)
    return Fitted(minimum.x, problem, doubt(problem, minimum.x), minimum.converged)


def _with_limbs(problem: Problem, x: Moved, sightings: Sightings) -> Problem:
    """The same adjustment with bodies whole; priors stay about what they were about."""
    points = np.full((*sightings.keypoint.shape, 3), np.nan)
    points[sightings.shared] = np.where(problem.usable[..., None], x.points, np.nan)[:, 0]
    start = replace(problem.start, points=points, log_length=log_lengths(sightings, points))
    return replace(problem, sightings=sightings, start=start, hold_size=True)


def _noise_by_keypoint(problem: Problem, x: Moved, n_keypoints: int) -> Float[np.ndarray, "v q"]:
    """How many times noisier than all, every keypoint is in every view: a hidden ear is guessed, the other is seen."""
    problem = with_noise(problem, x)
    keypoint = problem.sightings.keypoint
    off = problem.residuals_px(x) / (problem.sightings.sigma_px * problem.noise)
    factor = np.ones((len(off), n_keypoints))
    for v, which in np.ndindex(*factor.shape):
        own = off[v][keypoint == which]
        own = own[~np.isnan(own)]
        if len(own) >= LEAST_SEEN:
            factor[v, which] = np.clip(float(np.median(own)) / np.sqrt(2 * np.log(2)), 1 / WORST, WORST)
    return factor


def noise_by_keypoint(sightings: Sightings, cameras: Sequence[Camera]) -> Float[np.ndarray, "v q"]:
    """The same by given cameras, the points alone being fitted."""
    scattered = sightings.scattered()
    start = start_of(scattered, cameras, triangulated(scattered, cameras, noise=4.0))
    free = np.zeros((len(cameras), N_OF_VIEW), bool)
    lenses = [camera.lens for camera in cameras]
    problem = Problem(scattered, lenses, free, np.full(free.shape, np.inf), start, noise=2.0)
    x = problem.minimum(start, max_steps=ROUGH_STEPS, tolerance=1e-5).x
    return _noise_by_keypoint(problem, x, int(sightings.keypoint.max()) + 1)


def with_factors(sightings: Sightings, factor: Float[np.ndarray, "v q"]) -> Sightings:
    """With these factors on the stated sigmas."""
    return replace(sightings, sigma_px=sightings.sigma_px * factor[:, sightings.keypoint])


def copies(sightings: Sightings) -> float:
    """How many sightings share one error, about, as detectors' errors last: so often must a prior count, too."""
    span_s = float(np.ptp(sightings.t_s))
    return max(len(sightings.t_s) * CLUSTER_S / max(span_s, CLUSTER_S), 1.0)


def doubt(problem: Problem, x: Moved) -> Float[np.ndarray, "g g"]:
    """Covariance of the views' free parameters, by how much the data disagree about them.

    Detectors' errors last, and many belong to a keypoint: what each half second, and each keypoint of each view, pulls
    at the cameras is taken as one error. Source: cluster-robust covariance, Cameron, Gelbach and Miller (2011).
    """
    n_views = len(problem.columns)
    if not n_views:
        return np.zeros((0, 0))
    linear = problem.linearise(x)
    n, q = linear.body_down.shape
    by_shared = np.linalg.solve(linear.body, linear.between)
    reduced = linear.shared - np.tensordot(linear.between, by_shared, ([0, 1], [0, 1]))
    inverse = np.linalg.pinv(reduced, rcond=1e-13, hermitian=True)[:n_views]
    t_s = problem.sightings.t_s
    length_s = min(CLUSTER_S, (t_s.max() - t_s.min()) / MIN_CLUSTERS + 1e-9)
    _, cluster = np.unique(np.floor(t_s / length_s).astype(int), return_inverse=True)
    meat = np.zeros((len(reduced), len(reduced)))
    by_time = np.zeros((cluster.max() + 1, len(reduced)))
    for v in range(len(problem.lenses)):
        pulls = _pulls(problem, x, v, by_shared.reshape(n, q // 3, 3, -1))
        np.add.at(by_time, cluster, pulls.sum(1))
        keypoint = problem.sightings.keypoint
        of_keypoint = np.zeros((int(keypoint.max()) + 1, len(reduced)))
        np.add.at(of_keypoint, keypoint.reshape(-1), pulls.reshape(-1, len(reduced)))
        meat += of_keypoint.T @ of_keypoint
    n_times = len(by_time)
    meat += by_time.T @ by_time * n_times / max(n_times - 1, 1)
    return inverse @ meat @ inverse.T


def _pulls(problem: Problem, x: Moved, v: int, by_shared: Float[np.ndarray, "n k 3 g"]) -> Float[np.ndarray, "n k g"]:
    """How every sighting of a view pulls at what all share, the points giving way."""
    looked = looked_at(problem, x, v)
    sigma = np.where(looked.here, problem.sightings.sigma_px[v], 1.0) * problem.noise
    r2 = (looked.off_px**2).sum(-1) / sigma**2
    weight = np.where(looked.here, cauchy_weight(r2, problem.bend) / sigma**2, 0.0)
    pull = looked.off_px * weight[..., None]
    out = -np.einsum("nkai,nka,nkig->nkg", looked.by_point, pull, by_shared, optimize=True)
    mine = np.flatnonzero(problem.columns // N_OF_VIEW == v)
    out[..., mine] += np.einsum("nkac,nka->nkc", looked.by_view[..., problem.columns[mine] % N_OF_VIEW], pull)
    return out
