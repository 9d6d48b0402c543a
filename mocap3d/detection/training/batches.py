"""Training batches: which samples step n takes and how each is varied follows from the seed alone, whoever makes it."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from mocap3d.detection.training.augment import AugmentOptions, draw_geometry, drawn_prior, varied, warped
from mocap3d.detection.training.data import Heap, Sample

AHEAD = 3
"""Batches in the making, so that the network never waits for a slow one."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What the network is shown, and what it should say. Pixels are its input's."""

    image: UInt8[Tensor, "b 3 h w"]
    """RGB, channels last in memory."""
    prior_uv_px: Float[Tensor, "b k 2"]
    """Where the keypoints are said to be; NaN = nothing is said."""
    uv_px: Float[Tensor, "b k 2"]
    visibility: Int[Tensor, "b k"]
    weight: Float[Tensor, "b k"]
    p_in_cam: Float[Tensor, "b k 3"]
    matrix: Float[Tensor, "b 3 3"]
    cam_from_world: Float[Tensor, "b 3 4"]
    instant: Int[Tensor, " b"]
    """Equal and not negative: the same person at the same moment."""
    clip: Int[Tensor, " b"]
    """Equal and not negative: the same person in one motion."""
    frame: Int[Tensor, " b"]
    inverse_depth: Float[Tensor, "b 1 h w"] | None

    def to(self, device: torch.device) -> "Batch":
        """On another device."""
        if device.type == "cpu":
            return self
        moved = {
            name: value.to(device, non_blocking=True)
            for name in self.__slots__
            if isinstance(value := getattr(self, name), Tensor)
        }
        return replace(self, **moved)


def gathered(samples: Sequence[Sample], priors: Sequence[np.ndarray] | None = None) -> Batch:
    """Samples of one size as a batch. Of an unknown place, which no loss may look at, 0 is made."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))

    uv_px = stack("uv_px")
    depth = stack("inverse_depth")[:, None] if samples and samples[0].inverse_depth is not None else None
    return Batch(
        image=stack("image").permute(0, 3, 1, 2),
        prior_uv_px=torch.full_like(uv_px, torch.nan) if priors is None else torch.from_numpy(np.stack(priors)),
        uv_px=uv_px.nan_to_num(),
        visibility=stack("visibility").long(),
        weight=torch.where(uv_px.isfinite().all(-1), stack("weight"), 0.0),
        p_in_cam=stack("p_in_cam"),
        matrix=stack("matrix"),
        cam_from_world=stack("cam_from_world"),
        **{name: torch.tensor([getattr(sample, name) for sample in samples]) for name in ("instant", "clip", "frame")},
        inverse_depth=depth,
    )


@dataclass(frozen=True)
class BatchOptions:
    """What a batch is made of."""

    batch: int = 16
    """Pictures per step."""
    share: tuple[float, ...] = ()
    """Share of each data folder in every batch; none = as many as each folder has samples."""
    views_per_instant: int = 1
    """Where a folder has several views of one moment, so many of them come together (multi-view consistency)."""
    frames_per_clip: int = 1
    """Where a folder has clips, so many consecutive frames come together (temporal smoothness needs 3)."""
    workers: int = 1
    """Threads that read and vary pictures."""

    def __post_init__(self):
        for name in ("batch", "views_per_instant", "frames_per_clip", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; needed a whole number of at least 1.")


class Batches:
    """An endless row of batches; ``batch(n)`` is the same whenever and in whichever thread it is made."""

    def __init__(
        self, heaps: Sequence[Heap], size_px: tuple[int, int], options: BatchOptions, augment: AugmentOptions, *,
        seed: int, depth: bool = False,
    ):  # fmt: skip
        self._heaps, self._size_px, self._options, self._augment = tuple(heaps), size_px, options, augment
        self._seed, self._depth = seed, depth
        self._units = [heap.units(views=options.views_per_instant, frames=options.frames_per_clip) for heap in heaps]
        self._counts = _counts(options, [len(heap) for heap in heaps], [units.shape[1] for units in self._units])
        self._order = lru_cache(maxsize=2 * len(self._heaps))(self._order_of_epoch)

    @property
    def steps_per_epoch(self) -> float:
        """Steps in which as many pictures are shown as there are."""
        return sum(map(len, self._heaps)) / sum(self._counts)

    def stream(self, first_step: int) -> Generator[Batch]:
        """Batches from a step on, made ahead of time by worker threads (OpenCV lets go of Python's lock)."""
        with ThreadPoolExecutor(self._options.workers, thread_name_prefix="batches") as pool:
            ahead: deque[Future[Batch]] = deque()
            step = first_step
            try:
                while True:
                    while len(ahead) < AHEAD + self._options.workers - 1:
                        ahead.append(pool.submit(self.batch, step))
                        step += 1
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        samples: list[Sample] = []
        priors: list[np.ndarray] = []
        for source, count in enumerate(self._counts):
            width = self._units[source].shape[1]
            for place in range(count // width):
                rng = np.random.default_rng([self._seed, step, source, place])
                unit = self._unit(source, step * (count // width) + place)
                made = self._unit_samples(source, unit, rng)
                priors += [drawn_prior(sample, rng, self._augment) for sample in made]
                samples += made
        return gathered(samples, priors)

    def _unit(self, source: int, draw: int) -> np.ndarray:
        """The samples of a draw: every unit once per epoch, in another order each time."""
        epoch, place = divmod(draw, len(self._units[source]))
        return self._units[source][self._order(source, epoch)[place]]

    def _order_of_epoch(self, source: int, epoch: int) -> np.ndarray:
        return np.random.default_rng([self._seed, source, epoch]).permutation(len(self._units[source]))

    def _unit_samples(self, source: int, unit: np.ndarray, rng: np.random.Generator) -> list[Sample]:
        """The varied samples of one draw. What left and right mean must be the same in all of them."""
        heap, first = self._heaps[source], draw_geometry(rng, self._augment)
        # Frames in a row move alike, or else their second differences would be ours.
        one_camera = self._options.frames_per_clip > 1
        made = []
        for n, index in enumerate(unit):
            own = first if n == 0 or one_camera else draw_geometry(rng, self._augment)
            geometry = replace(own, is_flipped=first.is_flipped)
            border = None if rng.random() < 0.7 else tuple(rng.integers(0, 256, 3).tolist())
            sample = warped(heap.sample(int(index), depth=self._depth), geometry, self._size_px, border=border)
            other = int(rng.integers(len(heap))) if rng.random() < self._augment.second_person else None
            made.append(varied(sample, None if other is None else heap.sample(other), rng, self._augment))
        return made


def _counts(options: BatchOptions, sizes: Sequence[int], widths: Sequence[int]) -> list[int]:
    """Pictures of each heap in a batch: by share, in whole units, at least one unit of each, the rest to the first."""
    shares = np.array(options.share or sizes, np.float64)
    wanted = options.batch * shares / shares.sum()
    counts = [max(1, round(want / width)) * width for want, width in zip(wanted, widths, strict=True)]
    first = counts[0] + options.batch - sum(counts)
    return [max(widths[0], first // widths[0] * widths[0]), *counts[1:]]
