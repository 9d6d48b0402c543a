"""Shards of rendered samples on disk: resumed where they stopped, and the same for the same seed."""

import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from mocap3d.errors import Mocap3dError
from mocap3d.session.files import write_text
from mocap3d.session.samples import Samples, encoded_inverse_depth, write_samples
from mocap3d.synthesis.rendering.fabric import fabric_bank
from mocap3d.synthesis.rendering.scenes import clip, still
from mocap3d.synthesis.rendering.sensor import encoded
from mocap3d.synthesis.rendering.shot import Shot
from mocap3d.synthesis.rendering.studio import Studio, StudioOptions, open_studio

PER_SHARD = 1000


@dataclass(frozen=True)
class PeopleOptions:
    """Which pictures of people to make."""

    n: int = 1000
    """How many pictures."""
    seed: int = 0
    """The same seed gives the same pictures."""
    multiview: int = 1
    """Cameras that film each person; with 1 every picture is a person of its own."""
    frames: int = 1
    """Consecutive frames of each motion, 30 per second."""
    depth: bool = False
    """Store inverse depth too."""
    jobs: int = 1
    """Processes that render, each a shard (1000 pictures) at a time."""

    def __post_init__(self) -> None:
        """Refuses counts that make no pictures, and seeds that no generator takes."""
        for name in ("n", "multiview", "frames", "jobs"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: needed is at least 1.")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: needed is at least 0.")

    @property
    def is_clip(self) -> bool:
        """Whether the samples belong together."""
        return self.multiview * self.frames > 1

    @property
    def per_shard(self) -> int:
        """Clips are not torn."""
        return max(1, PER_SHARD // (self.multiview * self.frames)) * self.multiview * self.frames

    @property
    def n_shards(self) -> int:
        """The last one may be smaller."""
        return -(-self.n // self.per_shard)

    def count(self, shard: int) -> int:
        """Samples in a shard."""
        return min(self.per_shard, self.n - shard * self.per_shard)


def render_people(
    folder: Path,
    options: PeopleOptions,
    studio: StudioOptions,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Path]:
    """Writes the shards that are not there yet; all of their paths. ``progress`` is told shards done and wanted."""
    paths = [folder / f"shard_{n:05d}.npz" for n in range(options.n_shards)]
    _check_recipe(folder, options, studio)
    missing = [n for n, path in enumerate(paths) if not _is_whole(path, options.count(n))]
    done = len(paths) - len(missing)
    progress(done, len(paths))
    for _ in _rendered(folder, options, studio, missing):
        done += 1
        progress(done, len(paths))
    return paths


def _is_whole(path: Path, count: int) -> bool:
    """Whether a shard is there with all its samples: copies may be torn, and a smaller --n left a smaller last one."""
    if not path.exists():
        return False
    try:
        with np.load(path, allow_pickle=False) as file:
            return len(file["instant"]) == count
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return False


def _recipe(options: PeopleOptions, studio: StudioOptions) -> str:
    return f"{replace(options, n=1, jobs=1)} {studio}\n"


def _check_recipe(folder: Path, options: PeopleOptions, studio: StudioOptions) -> None:
    """A folder is of one recipe: shards of another would silently be mixed in."""
    recipe = folder / "recipe.txt"
    if recipe.exists() and recipe.read_text(encoding="utf-8") != _recipe(options, studio):
        raise Mocap3dError(
            f"{folder} holds pictures made with other options: {recipe.read_text(encoding='utf-8').strip()}. "
            "Name another folder, or give the same options to go on with it."
        )


def _rendered(folder: Path, options: PeopleOptions, studio: StudioOptions, missing: list[int]) -> Iterator[int]:
    if not missing:
        return
    opened = open_studio(studio)
    write_text(folder / "recipe.txt", _recipe(options, studio))
    if options.jobs == 1 or len(missing) < 2:
        for number in missing:
            _write_shard(opened, folder, options, number)
            yield number
        return
    # By now the caches are filled, which the processes would else all do, and wrong folders refused.
    with ProcessPoolExecutor(min(options.jobs, len(missing)), mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_write_alone, folder, options, studio, number) for number in missing]
        for finished in as_completed(waiting):
            yield finished.result()


_OPEN: dict[StudioOptions, Studio] = {}
"""Of a worker process: opened once."""


def _write_alone(folder: Path, options: PeopleOptions, studio: StudioOptions, number: int) -> int:
    if studio not in _OPEN:
        _OPEN[studio] = open_studio(studio)
    _write_shard(_OPEN[studio], folder, options, number)
    return number


def _write_shard(studio: Studio, folder: Path, options: PeopleOptions, number: int) -> None:
    write_samples(folder / f"shard_{number:05d}.npz", rendered_shard(studio, options, number))


def rendered_shard(studio: Studio, options: PeopleOptions, number: int) -> Samples:
    """The samples of one shard; each depends on (seed, shard, place) alone."""
    cv2.setNumThreads(1)  # pictures are small, and the processes share the machine
    count = options.count(number)
    fabrics = fabric_bank(np.random.default_rng([options.seed, number]), studio.panoramas)
    shots: list[tuple[int, int, Shot]] = []
    for place in range(-(-count // (options.multiview * options.frames))):
        rng = np.random.default_rng([options.seed, number, place])
        group = number * options.per_shard + place
        shots += [(group, frame, shot) for frame, shot in _shots(studio, fabrics, options, rng)]
    return _samples(shots[:count], options, np.random.default_rng([options.seed, number, PER_SHARD]))


def _shots(studio: Studio, fabrics: np.ndarray, options: PeopleOptions, rng: Generator) -> Iterator[tuple[int, Shot]]:
    if options.is_clip:
        yield from clip(studio, fabrics, options.multiview, options.frames, rng)
    else:
        yield 0, still(studio, fabrics, rng)


def _samples(shots: list[tuple[int, int, Shot]], options: PeopleOptions, rng: Generator) -> Samples:
    group, frame = (np.array([shot[k] for shot in shots], np.int64) for k in (0, 1))
    alone = np.full(len(shots), -1, np.int64)
    made = [shot for _, _, shot in shots]
    visibility = np.stack([shot.visibility for shot in made])
    return Samples(
        encoded=tuple(encoded(shot.picture, int(rng.integers(60, 96))) for shot in made),
        uv_px=np.stack([shot.uv_px for shot in made]),
        visibility=visibility,
        weight=np.ones(visibility.shape, np.float32),
        p_in_cam=np.stack([shot.p_in_cam for shot in made]),
        matrix=np.stack([shot.view.matrix for shot in made]).astype(np.float32),
        cam_from_world=np.stack([shot.view.cam_from_world for shot in made]).astype(np.float32),
        instant=group * options.frames + frame if options.is_clip else alone,
        clip=group if options.is_clip else alone,
        frame=frame,
        inverse_depth=tuple(encoded_inverse_depth(shot.inverse_depth) for shot in made) if options.depth else None,
    )
