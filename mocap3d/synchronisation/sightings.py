"""What a view saw and when: rays to everybody's keypoints, and how fast they turn."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mocap3d.geometry.camera import Camera
from mocap3d.session.records import Detections

MOST = 4
"""People per frame: those with the best scores."""
_LEAST_LOG_SCORE = float(np.log(0.2))
_TURN_OVER_S = 0.05
"""To either side: a speed from neighbouring frames would be noise."""
_LEAP_RAD = 0.02
"""What leaves the straight way by more, in that time, is an outlier: 10 m/s2 at 3 m are 0.008."""
_FAR_RAD = 0.1
"""Sightings farther apart than that are not of the same person a moment later."""


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """One view's frames, each with up to ``MOST`` people in no particular order."""

    centre_in_world: Float[np.ndarray, " 3"]
    t_s: Float[np.ndarray, " n"]
    """When each frame was taken, by what is known of the view's clock."""
    ray: Float[np.ndarray, "n p k 3"]
    """Unit directions in the world; NaN = not seen."""

    @property
    def step_s(self) -> float:
        """From frame to frame; a second where there is one only."""
        return float(np.median(np.diff(self.t_s))) if len(self.t_s) > 1 else 1.0

    def at(
        self, frame: Int[np.ndarray, " s"], late_s: Float[np.ndarray, " s"]
    ) -> tuple[Float[np.ndarray, "s p k 3"], Float[np.ndarray, "s p k 3"]]:
        """Rays so long after these frames, or before them, and their change per second.

        Rays are linear between two frames. The change is that between the same, frames earlier and later: its noise
        then has nothing in common with that of the rays, though errors last, and least squares of the two are unbiased.
        """
        towards = np.where(late_s < 0, -1, 1)
        share = np.abs(late_s / self.step_s)
        reach = max(2, round(_TURN_OVER_S / self.step_s))
        now, before, after = (
            self._between(frame, frame + by, frame + by + towards, share) for by in (0, -reach, reach)
        )
        span_s = self.t_s[(frame + reach).clip(max=len(self.t_s) - 1)] - self.t_s[(frame - reach).clip(min=0)]
        turn = (after - before) / np.maximum(span_s, self.step_s)[:, None, None, None]
        leaps = np.linalg.norm(after + before - 2 * now, axis=-1, keepdims=True) > _LEAP_RAD
        return now, np.where(leaps, np.nan, turn)

    def _between(
        self,
        frame: Int[np.ndarray, " s"],
        first: Int[np.ndarray, " s"],
        second: Int[np.ndarray, " s"],
        share: Float[np.ndarray, " s"],
    ) -> Float[np.ndarray, "s p k 3"]:
        """Each person of a frame between two others; where the share is 0, the second need not be there."""
        share = share[:, None, None, None]
        near = self._followed(frame, first)
        return np.where(share == 0, near, (1 - share) * near + share * self._followed(frame, second))

    def _followed(self, frame: Int[np.ndarray, " s"], other: Int[np.ndarray, " s"]) -> Float[np.ndarray, "s p k 3"]:
        """Of each person the nearest one in another frame; NaN where none is near, and where there is no such frame."""
        is_in = ((other >= 0) & (other < len(self.t_s)))[:, None, None, None]
        now, then = self.ray[frame], np.where(is_in, self.ray[other.clip(0, len(self.t_s) - 1)], np.nan)
        apart = np.stack([median_size(now - then[:, [q]]) for q in range(then.shape[1])], -1)
        best = apart.argmin(-1)
        found = np.take_along_axis(then, best[:, :, None, None], 1)
        return np.where((apart.min(-1) < _FAR_RAD)[..., None, None], found, np.nan)


def sightings(found: Detections, camera: Camera, t_s: Float[np.ndarray, " n"]) -> Sightings:
    """What ``found`` holds, by frame; the first alternative of keypoints whose score is not low."""
    uv_px = found.uv_px[:, :, 0].clone()
    uv_px[found.log_weight[:, :, 0] < _LEAST_LOG_SCORE] = np.nan
    direction = camera.rays(uv_px)[1].numpy()
    frame = found.frame.numpy()
    score = found.log_weight[:, :, 0].exp().sum(1).numpy()
    order = np.lexsort((-score, frame))
    place = np.arange(len(order)) - np.searchsorted(frame[order], frame[order])
    is_kept = (place < MOST) & (frame[order] < len(t_s))
    kept, place = order[is_kept], place[is_kept]
    ray = np.full((len(t_s), int(place.max(initial=0)) + 1, *direction.shape[1:]), np.nan)
    ray[frame[kept], place] = direction[kept]
    return Sightings(camera.centre_in_world.numpy(), t_s, ray)


def median_size(apart: Float[np.ndarray, "*b k 3"]) -> Float[np.ndarray, "*b"]:
    """Median length of those that are known; infinite where none is."""
    size = np.sort(np.linalg.norm(apart, axis=-1), axis=-1)  # NaN last
    n_known = np.isfinite(size).sum(-1)
    middle = np.take_along_axis(size, np.maximum(n_known - 1, 0)[..., None] // 2, -1)[..., 0]
    return np.where(n_known > 0, middle, np.inf)


def baseline_of(a: Sightings, b: Sightings) -> Float[np.ndarray, " 3"]:
    """Unit vector from the first camera to the second; 0 where they stand in one place, and nothing can be told."""
    apart = b.centre_in_world - a.centre_in_world
    return apart / max(float(np.linalg.norm(apart)), 1e-9)
