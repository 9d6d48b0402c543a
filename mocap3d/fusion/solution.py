"""The arrays that a solver fills in, person by person, until they are a record."""

from dataclasses import dataclass

import numpy as np
import torch

from mocap3d.session.records import NoiseModel, Points3D, Tracks2D


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """p_in_world (t p k 3) and cov_m2 (t p k 3 3), NaN until filled in; n_views and provenance (t p k), 0 till then."""

    p_in_world: np.ndarray
    cov_m2: np.ndarray
    n_views: np.ndarray
    provenance: np.ndarray

    @staticmethod
    def empty(tracks: Tracks2D) -> "Solution":
        """For everyone in ``tracks``; nobody is known yet."""
        shape = tuple(tracks.uv_px.shape[1:4])
        return Solution(
            np.full((*shape, 3), np.nan),
            np.full((*shape, 3, 3), np.nan),
            np.zeros(shape, np.int8),
            np.zeros(shape, np.int8),
        )

    def record(self, tracks: Tracks2D, noise: tuple[NoiseModel, ...]) -> Points3D:
        """The finished points; shares the arrays."""
        return Points3D(
            tracks.skeleton,
            tracks.people,
            tracks.t_s,
            tracks.rate,
            torch.from_numpy(self.p_in_world),
            torch.from_numpy(self.cov_m2),
            torch.from_numpy(self.n_views),
            torch.from_numpy(self.provenance),
            noise,
        )
