"""One person's 2D points and fitted 3D points, and the stretches of a recording on which they are there."""

from dataclasses import dataclass

import numpy as np

from mocap3d.fusion.noise import GATE
from mocap3d.fusion.packing import PackedRig, pack_tracks
from mocap3d.fusion.skeleton_fit.terms import NearPoints, SeenByViews
from mocap3d.session.records import NoiseModel, Tracks2D

WINDOW, OVERLAP = 256, 24
"""Instants solved together, and at least beyond on either side: the prior forgets within 8 to 16."""
_OVERLAP_S = 0.1
"""At high rates that many more instants lie within what the prior smooths over."""
_SAMPLE, _STRETCH = 1024, 128
"""Instants at most, and in a row, on which a body is measured."""
_NEAR_M = 0.02
"""How near to the points a pose is brought before the views judge it."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """p (t k 3): fitted points, NaN where missing; runs: where the person is there at all."""

    tracks: Tracks2D
    person: int
    rig: PackedRig
    p: np.ndarray
    runs: list[slice]
    noise: NoiseModel

    @property
    def rate(self) -> float:
        """Instants per second."""
        return float(self.tracks.rate)

    def views(self, times: slice) -> SeenByViews:
        """The 2D points of a stretch."""
        obs = pack_tracks(self.tracks, self.person, times, self.rig, self.noise.scale2.numpy())
        return SeenByViews(self.rig.poses_of(times), obs, GATE**2)

    def near(self, times: slice) -> NearPoints:
        """The fitted points of a stretch."""
        return NearPoints(np.ascontiguousarray(self.p[times].transpose(0, 2, 1)), _NEAR_M)


def windows_of(runs: list[slice], rate: float) -> list[tuple[slice, slice]]:
    """Windows that cover the runs, each with the wider stretch that is solved for it."""
    more = max(OVERLAP, round(_OVERLAP_S * rate))
    return [
        (slice(a, min(a + WINDOW, run.stop)), slice(max(run.start, a - more), min(run.stop, a + WINDOW + more)))
        for run in runs
        for a in range(run.start, run.stop, WINDOW)
    ]


def sample_of(runs: list[slice]) -> list[slice]:
    """Stretches spread over the runs, all of a short recording."""
    pieces = [slice(a, min(a + _STRETCH, run.stop)) for run in runs for a in range(run.start, run.stop, _STRETCH)]
    # Ends of runs leave scraps, which tell little for what they cost.
    pieces = [piece for piece in pieces if piece.stop - piece.start >= _STRETCH // 4] or pieces
    wanted = _SAMPLE // _STRETCH
    if len(pieces) <= wanted:
        return pieces
    return [pieces[i] for i in np.linspace(0, len(pieces) - 1, wanted).round().astype(int)]
