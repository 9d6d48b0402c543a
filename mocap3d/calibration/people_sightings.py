"""Points that move through the volume as several cameras saw them: people's keypoints, or a board's corners."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from mocap3d.errors import CalibrationError
from mocap3d.session.records import Detections, TargetObservations, Timeline, Tracks2D, ViewId
from mocap3d.session.views import listed
from mocap3d.skeletons.skeleton import load_skeleton

MIN_KEYPOINTS = 5
"""A view that shows less of a person at an instant says nothing about it."""


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """n bodies (one person at one instant) of k points each, seen by v views."""

    views: tuple[ViewId, ...]
    uv_px: Float[np.ndarray, "v n k 2"]
    """NaN = not seen."""
    sigma_px: Float[np.ndarray, "v n k"]
    t_s: Float[np.ndarray, " n"]
    person: Int[np.ndarray, " n"]
    keypoint: Int[np.ndarray, "n k"]
    """Which keypoint each point is: an error of the detector's that lasts belongs to one of them."""
    limbs: Int[np.ndarray, "l 2"]
    """Pairs of points whose distance hardly changes."""

    @property
    def seen(self) -> Bool[np.ndarray, "v n k"]:
        """Which sightings there are."""
        return np.isfinite(self.uv_px).all(-1) & (self.sigma_px > 0)

    @property
    def shared(self) -> Bool[np.ndarray, "n k"]:
        """Points that two views or more saw: no other has a place in 3D."""
        return self.seen.sum(0) >= 2

    def of_bodies(self, wanted: Bool[np.ndarray, " n"] | Int[np.ndarray, " m"]) -> "Sightings":
        """Some bodies only."""
        return replace(
            self, uv_px=self.uv_px[:, wanted], sigma_px=self.sigma_px[:, wanted], t_s=self.t_s[wanted],
            person=self.person[wanted], keypoint=self.keypoint[wanted],
        )  # fmt: skip

    def of_views(self, wanted: Sequence[int]) -> "Sightings":
        """Some views only, in that order."""
        rows = list(wanted)
        return replace(self, views=tuple(self.views[v] for v in rows), uv_px=self.uv_px[rows],
                       sigma_px=self.sigma_px[rows])  # fmt: skip

    def scattered(self) -> "Sightings":
        """The same points, each a body of its own: without limbs nothing ties them, and that is solved faster."""
        keep = self.shared
        k = keep.shape[1]
        return Sightings(
            self.views,
            self.uv_px[:, keep][:, :, None],
            self.sigma_px[:, keep][:, :, None],
            np.repeat(self.t_s[:, None], k, 1)[keep],
            np.repeat(self.person[:, None], k, 1)[keep],
            self.keypoint[keep][:, None],
            np.zeros((0, 2), int),
        )


def sightings_of_people(tracks: Tracks2D) -> Sightings:
    """Everybody at every instant at which two views saw them, by the likeliest places of their keypoints."""
    v, t, p, k = tracks.uv_px.shape[:4]
    uv_px = tracks.uv_px[..., 0, :].numpy().reshape(v, t * p, k, 2).copy()
    variance = tracks.cov_px2[..., 0, :, :].diagonal(dim1=-2, dim2=-1).mean(-1).numpy().reshape(v, t * p, k)
    missing = ~(np.isfinite(uv_px).all(-1) & (variance > 0))
    missing |= ((~missing).sum(-1) < MIN_KEYPOINTS)[..., None]
    uv_px[missing] = np.nan
    sightings = Sightings(
        views=tracks.views,
        uv_px=uv_px,
        sigma_px=np.sqrt(np.where(missing, np.nan, variance)),
        t_s=np.repeat(tracks.t_s.numpy(), p),
        person=np.tile(np.arange(p), t),
        keypoint=np.tile(np.arange(k), (t * p, 1)),
        limbs=np.array(tracks.skeleton.limbs, int).reshape(-1, 2),
    )
    return sightings.of_bodies(sightings.shared.sum(1) >= MIN_KEYPOINTS)


def sightings_of_target(observations: TargetObservations) -> Sightings:
    """A board's corners, as points of which nothing is known but where they were seen."""
    _, t, k = observations.uv_px.shape[:3]
    times = observations.t_s.numpy()
    return Sightings(
        views=observations.views,
        uv_px=observations.uv_px.numpy(),
        sigma_px=observations.sigma_px.numpy(),
        t_s=times if np.isfinite(times).all() else np.arange(t, dtype=float),
        person=np.zeros(t, int),
        keypoint=np.tile(np.arange(k), (t, 1)),
        limbs=np.zeros((0, 2), int),
    )


def spread(sightings: Sightings, n: int) -> Sightings:
    """At most n bodies, evenly over what there is: neighbouring instants say the same twice."""
    if len(sightings.t_s) <= n:
        return sightings
    return sightings.of_bodies(np.unique(np.linspace(0, len(sightings.t_s) - 1, n).round().astype(int)))


def even_odd(sightings: Sightings, *, block_s: float = 2.0) -> tuple[Sightings, Sightings]:
    """Stretches of time in turn: to fit to, and to judge by. Neighbouring frames alone would share their errors.

    Stretches are shorter than ``block_s`` where that makes fewer than ten.
    """
    since_s = sightings.t_s - sightings.t_s.min(initial=np.inf)
    length_s = min(block_s, float(since_s.max(initial=0.0)) / 10 + 1e-9)
    even = np.floor(since_s / length_s).astype(int) % 2 == 0
    return sightings.of_bodies(even), sightings.of_bodies(~even)


def in_order(detections: Mapping[ViewId, Detections], timeline: Timeline) -> Tracks2D:
    """Tracks without a calibration: of a single person, or of people whose numbers are the same in all views.

    Where no view ever shows two people at once, whoever is seen is the same person; else the numbers are believed.
    """
    views = tuple(view for view in timeline.frame_of_view if view in detections and len(detections[view].frame))
    if len(views) < 2:
        raise CalibrationError(
            f"people are seen in {listed(views) or 'no view'}; needed are at least two views. Check the keypoints."
        )
    sets = {detections[view].keypoint_set for view in views}
    if len(sets) > 1:
        raise CalibrationError(
            f"the views have different keypoint sets ({', '.join(sorted(sets))}). Detect all views with one model."
        )
    lone = all(len(detections[view].frame.unique()) == len(detections[view].frame) for view in views)
    numbers = [0] if lone else _common_numbers({view: detections[view] for view in views})
    skeleton = load_skeleton(sets.pop())
    t, p, k = len(timeline.t_s), len(numbers), len(skeleton.keypoints)
    uv_px = torch.full((len(views), t, p, k, 1, 2), torch.nan, dtype=torch.float64)
    cov_px2 = torch.full((len(views), t, p, k, 1, 2, 2), torch.nan, dtype=torch.float64)
    log_weight = torch.full((len(views), t, p, k, 1), -torch.inf, dtype=torch.float64)
    for v, view in enumerate(views):
        for n, number in enumerate(numbers):
            found = detections[view]
            rows = torch.arange(len(found.frame)) if lone else (found.person == number).nonzero()[:, 0]
            instant, row = _nearest_frames(found.frame[rows].numpy(), timeline.frame_of_view[view].numpy())
            uv_px[v, instant, n, :, 0] = found.uv_px[rows[row], :, 0]
            cov_px2[v, instant, n, :, 0] = found.cov_px2[rows[row], :, 0]
            log_weight[v, instant, n, :, 0] = found.log_weight[rows[row], :, 0]
    people = tuple(f"P{n + 1}" for n in range(p))
    return Tracks2D(views, skeleton, people, timeline.t_s, timeline.rate, uv_px, cov_px2, log_weight)


def _common_numbers(detections: Mapping[ViewId, Detections]) -> list[int]:
    """Numbers of people that two views or more know."""
    known = [set(found.person[found.person >= 0].tolist()) for found in detections.values()]
    common = sorted(number for number in set.union(*known) if sum(number in each for each in known) >= 2)
    if not common:
        raise CalibrationError(
            "several people are seen at once, and nothing says who is who in which view. Needed without a calibration: "
            "one person alone in the volume, or keypoints whose person numbers are the same in all views."
        )
    return common


def _nearest_frames(
    frames: Int[np.ndarray, " n"], wanted: Float[np.ndarray, " t"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Instants, and the rows of the frames that are nearest to them: at most half a frame away."""
    if not len(frames):
        return np.zeros(0, int), np.zeros(0, int)
    target = np.where(np.isfinite(wanted), wanted, -1e9)
    right = (
        np.clip(np.searchsorted(frames, target), 1, len(frames) - 1) if len(frames) > 1 else np.zeros(len(target), int)
    )
    left = np.maximum(right - 1, 0)
    row = np.where(np.abs(frames[left] - target) <= np.abs(frames[right] - target), left, right)
    near = np.abs(frames[row] - target) <= 0.5 + 1e-6
    return np.flatnonzero(near), row[near]
