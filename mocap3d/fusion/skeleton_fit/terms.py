"""What is known of a window of instants: where keypoints were seen, and how people move and rest."""

from dataclasses import dataclass

import numpy as np

from mocap3d.fusion.noise import independent_instants
from mocap3d.fusion.skeleton_fit.packed_tree import PackedTree
from mocap3d.session.records import NoiseModel
from mocap3d.solve import sequence

_TURN_S2, _ROOT_S2 = 200.0, 30.0
"""rad/s^2 and m/s^2 of a loose prior."""
_REST_S = 0.3
"""A body that rests a little off its ease does so for that long: instants within it say the same thing."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenByViews:
    """The 2D points: see ``solve.sequence.linearise_views``."""

    cameras: np.ndarray
    obs: np.ndarray
    tau2: float

    def linearise(self, x: np.ndarray, h: np.ndarray, g: np.ndarray) -> float:
        return sequence.linearise_views(self.cameras, 0, self.obs, x, self.tau2, h, g)


@dataclass(frozen=True, slots=True, eq=False)
class NearPoints:
    """Points (t 3 k), NaN where missing, that keypoints lie near; one sigma in metres, Huber beyond two."""

    p: np.ndarray
    sigma_m: float

    def linearise(self, x: np.ndarray, h: np.ndarray, g: np.ndarray) -> float:
        apart = np.where(np.isfinite(self.p), x - self.p, 0.0)
        size = np.linalg.norm(apart, axis=1) / self.sigma_m
        drawn_in = 1 / np.maximum(size / 2, 1)
        weight = np.isfinite(self.p[:, 0]) * drawn_in / self.sigma_m**2
        h[:] = 0
        h[:, [0, 3, 5]] = weight[:, None]
        g[:] = weight[:, None] * apart
        return float((size * size * drawn_in * (2 - drawn_in)).sum())


Data = SeenByViews | NearPoints
"""What is known of keypoints: ``linearise`` fills in h (t 6 k) and g (t 3 k) at x (t 3 k), and returns the cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """How people move and rest: weight (n) of second differences, ease_weight (j 3)."""

    motion: np.ndarray
    ease_weight: np.ndarray


def loose_prior(packed: PackedTree, rate: float, noise: NoiseModel | None = None) -> Prior:
    """Accelerations that bodies hardly exceed; what such a prior takes off a motion is not counted.

    Points whose errors persist (``noise``) tell less of what lasts than their number says, so ease counts for more.
    """
    weight = np.full(packed.n, (rate * rate / _TURN_S2) ** 2)
    weight[:3] = (rate * rate / _ROOT_S2) ** 2
    rest = max(1.0, _REST_S * rate)
    fewer = noise.spread * rest / independent_instants(noise, round(rest)) if noise else 1.0
    return Prior(weight, fewer / (packed.spread**2 * rest))
