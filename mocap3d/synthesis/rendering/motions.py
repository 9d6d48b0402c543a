"""A folder of motion files as poses to draw from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from mocap3d.errors import FormatError
from mocap3d.session.views import natural_key
from mocap3d.synthesis.motion.keypoints import halpe26_of
from mocap3d.synthesis.motion.read import READERS, read_clip

_SHORTEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One person's recorded motion."""

    name: str
    rate_hz: float
    keypoints: Mapping[str, Float[np.ndarray, "t 3"]]
    """halpe26 by name, metres, Z up."""
    height_m: float

    def __len__(self) -> int:
        return len(self.keypoints["Hip"])

    def at(self, frame: int) -> dict[str, Float[np.ndarray, " 3"]]:
        """All keypoints of a frame."""
        return {name: track[frame] for name, track in self.keypoints.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Motions:
    """Recordings to choose from, and the couples among them: files that end in _A and _B are one take."""

    recordings: tuple[Recording, ...]
    couples: tuple[tuple[int, int], ...]

    def any_frame(self, rng: Generator) -> tuple[Recording, int]:
        """A frame of any recording; long ones do not crowd out short ones."""
        recording = self.recordings[self._choose(rng)]
        return recording, int(rng.integers(len(recording)))

    def any_stretch(self, rng: Generator, n_frames: int, rate_hz: float) -> tuple[Recording, list[int]]:
        """Frames about 1/rate apart, of a recording that is long enough."""
        for _ in range(100):
            recording = self.recordings[self._choose(rng)]
            step = max(1, round(recording.rate_hz / rate_hz))
            last = len(recording) - step * (n_frames - 1)
            if last > 0:
                start = int(rng.integers(last))
                return recording, [start + step * n for n in range(n_frames)]
        raise FormatError(
            f"no motion file lasts {n_frames} frames at {rate_hz:g} per second. Give longer ones, or fewer --frames."
        )

    def _choose(self, rng: Generator) -> int:
        share = np.sqrt([len(recording) for recording in self.recordings])
        return int(rng.choice(len(share), p=share / share.sum()))


def read_motions(folder: Path) -> Motions:
    """Every .amc, .bvh, .npz and .npy below a folder; FormatError where there is none, or one is broken."""
    if not folder.is_dir():
        raise FormatError(f"{folder}: there is no such folder. Needed: one with motion files ({', '.join(READERS)}).")
    paths = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in READERS),
        key=lambda path: natural_key(str(path.relative_to(folder))),
    )
    recordings = [recording for path in paths if len(recording := _recording(path)) >= _SHORTEST]
    if not recordings:
        raise FormatError(f"{folder} holds no motion files. Needed: some of {', '.join(READERS)}.")
    place = {recording.name: n for n, recording in enumerate(recordings)}
    couples = [
        (place[name], place[f"{name[:-2]}_B"]) for name in place if name.endswith("_A") and f"{name[:-2]}_B" in place
    ]
    return Motions(tuple(recordings), tuple(couples))


def _recording(path: Path) -> Recording:
    clip = read_clip(path)
    keypoints, height_m = halpe26_of(clip)
    return Recording(path.stem, float(clip.rate), keypoints, height_m)
