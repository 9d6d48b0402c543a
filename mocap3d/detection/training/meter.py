"""What a training run tells while it runs: speed, loss, and how long it will take."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

Progress = Callable[[str, int, int], None]
"""Told what is being done now, how many steps are behind, and how many there are."""


class Clock:
    """Seconds of a run, all of its sessions together."""

    def __init__(self, before_s: float):
        self._before_s, self._start = before_s, time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        """Until now."""
        return self._before_s + time.perf_counter() - self._start


class Meter:
    """Means of what the steps report, since the last time they were told."""

    def __init__(self, progress: Progress | None, share: float):
        self._progress, self._first_share, self._start = progress, share, time.perf_counter()
        self._sums: dict[str, Tensor] = {}
        self._restart()

    def _restart(self) -> None:
        self._sums, self._steps, self._images, self.waited_s = {}, 0, 0, 0.0
        self._since = time.perf_counter()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what the network waits for."""
        start = time.perf_counter()
        yield
        self.waited_s += time.perf_counter() - start

    def add(self, terms: Mapping[str, Tensor], images: int) -> None:
        """One step."""
        self._steps, self._images = self._steps + 1, self._images + images
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()

    def row(self) -> dict[str, float]:
        """Means of the terms, pictures per second, and the share of the time that the network waited for pictures."""
        spent_s = max(time.perf_counter() - self._since, 1e-9)
        means = {name: float(f"{float(value) / self._steps:.5g}") for name, value in self._sums.items()}
        means |= {"images_per_s": round(self._images / spent_s, 2), "waiting": round(self.waited_s / spent_s, 3)}
        self._restart()
        return means

    def say(self, stage: str, share: float) -> None:
        """Tells the stage; ``share`` of the whole run is done."""
        if self._progress is not None:
            self._progress(stage, round(1000 * share), 1000)

    def line(self, step: int, row: Mapping[str, float | int], share: float) -> str:
        """One line for people."""
        done = share - self._first_share
        left_s = (time.perf_counter() - self._start) * (1 - share) / done if done > 0 else float("nan")
        speed = f"{row['images_per_s']:.1f} pictures/s"
        return f"training: step {step}, loss {row['loss']:.3f}, {speed}, {_duration(left_s)} left"


def _duration(seconds: float) -> str:
    if seconds != seconds:
        return "unknown time"
    return (
        f"{seconds / 3600:.1f} h"
        if seconds >= 5400
        else f"{seconds / 60:.0f} min"
        if seconds >= 90
        else f"{seconds:.0f} s"
    )
