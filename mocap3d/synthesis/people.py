"""The cast of a scene: people from clips, or walkers, put into the volume that the cameras watch."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from mocap3d.errors import FormatError, Mocap3dError
from mocap3d.session.rig import VolumeTable
from mocap3d.synthesis.motion.keypoints import halpe26_of
from mocap3d.synthesis.motion.read import read_clip
from mocap3d.synthesis.occlusion import Keypoints
from mocap3d.synthesis.walk import Circle, Gait, walking_person

SOLE_M = 0.012
"""Height of the lowest keypoint of a foot that stands."""


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """People by their keypoints, and how tall they are."""

    people: tuple[Keypoints, ...]
    heights_m: tuple[float, ...]

    def points(self, names: Sequence[str]) -> Float[np.ndarray, "t p k 3"]:
        """In the order of ``names``."""
        return np.stack([np.stack([person[name] for name in names], axis=1) for person in self.people], axis=1)


def people_walking(n_people: int, volume: VolumeTable, *, n_frames: int, rate: Fraction, seed: int) -> Cast:
    """Walkers of different heights, spread around one circle, in step with nobody but equally fast."""
    if n_people < 1:
        raise Mocap3dError(f"a scene with {n_people} people was asked for. Needed: at least 1.")
    rng = np.random.default_rng([seed, 1])
    low, high = np.asarray(volume.min_m), np.asarray(volume.max_m)
    centre, radius = (low + high)[:2] / 2, float(0.4 * (high - low)[:2].min())
    cadence_hz, start = rng.uniform(1.7, 1.95), rng.uniform(0, 2 * np.pi)
    people, heights = [], []
    for n in range(n_people):
        height_m = float(np.clip(rng.normal(1.72, 0.08), 1.5, 1.95))
        # The same speed for all, whatever their height: nobody runs into anybody.
        gait = Gait(cadence_hz, 0.62 * 1.75 / height_m, rng.uniform(0.25, 0.5), rng.uniform())
        way = Circle((float(centre[0]), float(centre[1])), radius, float(start + 2 * np.pi * n / n_people))
        person = walking_person(
            n_frames, rate_hz=float(rate), height_m=height_m, gait=gait, way=way, seed=1000 * seed + n
        )
        people.append(person)
        heights.append(height_m)
    return Cast(tuple(people), tuple(heights))


def people_from_clips(paths: Sequence[Path], volume: VolumeTable, *, n_frames: int, rate: Fraction) -> Cast:
    """One person per clip, brought to the scene's rate; all moved alike, so that couples stay in touch."""
    people, heights = [], []
    for path in paths:
        clip = read_clip(path)
        keypoints, height_m = halpe26_of(clip)
        people.append(_at_rate(keypoints, clip.rate, rate, n_frames, path))
        heights.append(height_m)
    n_frames = min(len(person["Hip"]) for person in people)
    people = [{name: p[:n_frames] for name, p in person.items()} for person in people]
    hips = np.concatenate([person["Hip"][:, :2] for person in people])
    middle = (hips.min(axis=0) + hips.max(axis=0)) / 2
    shift = (np.asarray(volume.min_m) + np.asarray(volume.max_m))[:2] / 2 - middle
    floors = [_floor_m(person) for person in people]
    moved = [
        {name: p + np.array([*shift, SOLE_M - floor]) for name, p in person.items()}
        for person, floor in zip(people, floors, strict=True)
    ]
    return Cast(tuple(moved), tuple(heights))


def _at_rate(
    keypoints: Keypoints, clip_rate: Fraction, rate: Fraction, n_frames: int, path: Path
) -> dict[str, Float[np.ndarray, "n 3"]]:
    """By cubic splines through the clip's frames: exact where frames coincide."""
    length = len(keypoints["Hip"])
    if length < 2:
        raise FormatError(f"{path}: found {length} frames of motion. Needed: at least 2.")
    n_frames = min(n_frames, int((length - 1) * rate / clip_rate) + 1)
    clip_frame = np.arange(n_frames) * float(clip_rate / rate)
    return {name: CubicSpline(np.arange(length), p)(clip_frame) for name, p in keypoints.items()}


def _floor_m(person: Keypoints) -> float:
    """Where the feet stand: almost the lowest they ever are."""
    feet = [person[side + name][:, 2] for side in "LR" for name in ("Heel", "BigToe", "SmallToe")]
    return float(np.percentile(np.min(feet, axis=0), 5))
