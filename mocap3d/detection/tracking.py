"""Following people in one view between two searches: pure logic, no network and no picture.

Per frame: search if :attr:`Tracker.wants_search`, ask :meth:`Tracker.boxes` where to look, look, and tell
:meth:`Tracker.observe` what was seen there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from mocap3d.detection.boxes import PersonBox, box_of_keypoints, iou, oks
from mocap3d.detection.posture import BodyAxis

Keypoints = Float[np.ndarray, "k 2"]
Confidence = Float[np.ndarray, " k"]


@dataclass(frozen=True)
class TrackOptions:
    """How people are followed."""

    every: int = 8
    """Frames between two searches while all is well."""
    every_if_lost: int = 3
    """Frames between two searches while somebody is lost or nobody is there."""
    patience: int = 10
    """Frames for which somebody lost is still looked for where they should be."""
    min_score: float = 0.3
    """Mean confidence of the keypoints from which on somebody counts as seen."""
    same_oks: float = 0.7
    """Two tracks whose keypoints agree better than this have one person between them."""
    max_shrink: float = 0.9
    """A box shrinks no faster than this per frame: hidden legs must not cost the legs' place in the crop."""
    damping: float = 0.8
    """What is left of the velocity after each frame without a sighting."""


@dataclass(frozen=True, slots=True)
class Track:
    """One person in one view, as of the last frame."""

    person: int
    box: PersonBox
    velocity_px: tuple[float, float] = (0.0, 0.0)
    """Of the box centre, per frame."""
    uv_px: Keypoints | None = None
    sightings: int = 0
    missed: int = 0
    """Frames since the last sighting."""


class Tracker:
    """The people of one view. Numbers are never given twice; a person counts from the second sighting on."""

    def __init__(self, options: TrackOptions | None = None, axis: BodyAxis | None = None) -> None:
        """With ``axis``, boxes turn with whoever lies or hangs."""
        self._options = options or TrackOptions()
        self._axis = axis
        self._tracks: tuple[Track, ...] = ()
        self._next = 0
        self._since_search = 0
        self._is_new = True
        self._confirmed: set[int] = set()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Everybody who is followed, the longest known first."""
        return self._tracks

    @property
    def confirmed(self) -> frozenset[int]:
        """Everybody who was ever seen twice, also those who left: sightings of others are to be thrown away."""
        return frozenset(self._confirmed)

    @property
    def wants_search(self) -> bool:
        """Whether this frame should be searched for people."""
        if self._is_new:
            return True
        troubled = not self._tracks or any(track.missed for track in self._tracks)
        return self._since_search >= (self._options.every_if_lost if troubled else self._options.every)

    def boxes(
        self, found: Sequence[PersonBox] | None = None, expected: Mapping[int, Keypoints] | None = None
    ) -> dict[int, PersonBox]:
        """Where each person should be in this frame.

        ``found`` is what a search of this frame gave, None without one. ``expected`` are keypoints of persons that
        somebody knows better, such as the projection of a predicted 3D skeleton: they go before the own guess.
        """
        self._tracks = tuple(self._predicted(track, (expected or {}).get(track.person)) for track in self._tracks)
        self._since_search += 1
        if found is not None:
            self._since_search = 1
            self._is_new = False
            self._match(found, expected or {})
        return {track.person: track.box for track in self._tracks}

    def observe(self, seen: Mapping[int, tuple[Keypoints, Confidence]]) -> frozenset[int]:
        """Takes in the keypoints seen in the boxes; gives the persons whose keypoints are good ones of their own."""
        updated = tuple(self._updated(track, seen.get(track.person)) for track in self._tracks)
        doubles = self._doubles(updated)
        kept = [track for track in updated if track.person not in doubles and self._is_kept(track)]
        self._tracks = tuple(sorted(kept, key=lambda track: track.person))
        self._confirmed |= {track.person for track in self._tracks if track.sightings >= 2}
        return frozenset(track.person for track in self._tracks if not track.missed)

    def _predicted(self, track: Track, expected: Keypoints | None) -> Track:
        box = None if expected is None else self._box(expected)
        if box is None:
            (x, y), (dx, dy) = track.box.centre_px, track.velocity_px
            box = replace(track.box, centre_px=(x + dx, y + dy))
        return replace(track, box=box)

    def _match(self, found: Sequence[PersonBox], expected: Mapping[int, Keypoints]) -> None:
        """Gives each lost person the box found nearby, and new people a track."""
        pairs = sorted(
            ((_likeness(track.box, box), t, f) for t, track in enumerate(self._tracks) for f, box in enumerate(found)),
            key=lambda pair: (-pair[0], pair[1:]),
        )
        tracks, used_tracks, used_boxes = list(self._tracks), set(), set()
        for likeness, t, f in pairs:
            if likeness <= 0 or t in used_tracks or f in used_boxes:
                continue
            used_tracks.add(t)
            used_boxes.add(f)
            if tracks[t].missed and tracks[t].person not in expected:
                tracks[t] = replace(tracks[t], box=found[f], velocity_px=(0.0, 0.0))
        for f, box in enumerate(found):
            if f not in used_boxes:
                tracks.append(Track(self._next, box))
                self._next += 1
        self._tracks = tuple(tracks)

    def _updated(self, track: Track, seen: tuple[Keypoints, Confidence] | None) -> Track:
        box = None if seen is None or not self._is_good(*seen) else self._box(*seen)
        if seen is None or box is None:
            damped = (self._options.damping * track.velocity_px[0], self._options.damping * track.velocity_px[1])
            return replace(track, velocity_px=damped, missed=track.missed + 1)
        height = max(box.size_px[1], self._options.max_shrink * track.box.size_px[1] if track.sightings else 0.0)
        box = replace(box, size_px=(height * box.size_px[0] / box.size_px[1], height))
        velocity = (0.0, 0.0)
        if track.uv_px is not None and not track.missed:
            velocity = _shift(track.uv_px, *seen)
        return replace(track, box=box, velocity_px=velocity, uv_px=seen[0], sightings=track.sightings + 1, missed=0)

    def _box(self, uv_px: Keypoints, confidence: Confidence | None = None) -> PersonBox | None:
        tilt = self._axis.tilt_rad(uv_px, confidence) if self._axis else 0.0
        return box_of_keypoints(uv_px, confidence, tilt_rad=tilt)

    def _is_good(self, uv_px: Keypoints, confidence: Confidence) -> bool:
        known = np.isfinite(uv_px).all(1)
        return bool(known.any()) and float(confidence[known].mean()) >= self._options.min_score

    def _doubles(self, tracks: Sequence[Track]) -> set[int]:
        """Of two tracks on one person, the one seen less often (the younger one, if equal) goes."""
        gone: set[int] = set()
        ranked = sorted((t for t in tracks if not t.missed), key=lambda t: (-t.sightings, t.person))
        for n, track in enumerate(ranked):
            for other in ranked[:n]:
                if other.person not in gone and self._is_double(track, other):
                    gone.add(track.person)
        return gone

    def _is_double(self, a: Track, b: Track) -> bool:
        if a.uv_px is None or b.uv_px is None:
            return False
        height = max(a.box.size_px[1], b.box.size_px[1])
        return oks(a.uv_px, b.uv_px, height_px=height) > self._options.same_oks

    def _is_kept(self, track: Track) -> bool:
        """Somebody seen only once must be seen again at once."""
        return track.missed <= (self._options.patience if track.sightings >= 2 else 1)


def _likeness(a: PersonBox, b: PersonBox) -> float:
    """Above 0 where two boxes may be of one person: boxes of a search and of keypoints differ by a third in size."""
    near = math.dist(a.centre_px, b.centre_px) / max(a.size_px[1], b.size_px[1])
    overlap = iou(a, b)
    return overlap - near + 0.5 if overlap > 0.25 and near < 0.35 else 0.0


def _shift(before_px: Keypoints, after_px: Keypoints, confidence: Confidence) -> tuple[float, float]:
    """How far a person moved: the median over the better half of the keypoints, as an arm that swings moves nobody."""
    shift = after_px - before_px
    known = np.isfinite(shift).all(1)
    if not known.any():
        return 0.0, 0.0
    good = known & (confidence >= np.median(confidence[known]))
    dx, dy = np.median(shift[good], axis=0)
    return float(dx), float(dy)
