"""Runs contenders on scenes in turn, so that a busy moment of the machine strikes all alike."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from statistics import median

import numpy as np
from contenders import Contender
from scenes import Error, Scene
from scipy.signal import butter, sosfiltfilt
from workers import Measured, start_worker

CALLS = {"ours": 3, "peers": 1}  # within a process; ours are so short that a first call's page faults would show


@dataclass(frozen=True, slots=True)
class Row:
    """One contender at one size: medians of the times, and of the errors over seeds.

    A mean over seeds would flatter us: aniposelib's optimiser loses track on some (46 mm instead of 3.6).
    """

    name: str
    n_frames: int
    n_cams: int
    cpu_s: float
    cpu_range_s: tuple[float, float]
    wall_s: float
    n_timings: int
    peak_mib: float
    """Largest over the processes, imports and workload included."""
    error: Error

    @property
    def cpu_us_per_frame(self) -> float:
        """CPU time of one instant with all its keypoints and views."""
        return 1e6 * self.cpu_s / self.n_frames

    def to_json(self) -> dict[str, object]:
        """Everything, flat."""
        flat = asdict(self)
        return flat | flat.pop("error") | {"cpu_us_per_frame": self.cpu_us_per_frame}


def measure(scenes: list[Scene], field: list[Contender], *, repeats: int, peer_repeats: int) -> list[Row]:
    """All contenders on scenes that differ in their seed alone; ours run before the peers and again after them."""
    runs: dict[str, list[tuple[Measured, Error]]] = {}
    for n_round in range(max(repeats, peer_repeats)):
        for contender in field:
            for scene in scenes:
                if n_round < (repeats if contender.whose == "ours" else peer_repeats):
                    for name, measured in _run(contender, scene):
                        runs.setdefault(name, []).append((measured, scene.error(measured.p_in_world)))
    options = scenes[0].options
    return [_row(name, options.n_frames, options.n_cams, done) for name, done in runs.items()]


def _run(contender: Contender, scene: Scene) -> Iterator[tuple[str, Measured]]:
    """The contender in a process of its own, and its filtered twin if it has one."""
    with start_worker(contender.whose) as worker:
        measured = worker.run(contender.method, contender.settings, scene.path, calls=CALLS[contender.whose])
    yield contender.name, measured
    if contender.butterworth_hz:
        name = f"{contender.name} + Butterworth {contender.butterworth_hz:g} Hz"
        yield name, _low_passed(measured, contender.butterworth_hz, scene.options.fps)


def _low_passed(measured: Measured, cut_off_hz: float, fps: float) -> Measured:
    """Pose2Sim's default filter, fourth order and without lag, with the time that it takes."""
    start = time.process_time()
    p_in_world = sosfiltfilt(butter(2, cut_off_hz / (fps / 2), output="sos"), measured.p_in_world, axis=0)
    took_s = time.process_time() - start
    cpu_s, wall_s = (tuple(t + took_s for t in times) for times in (measured.cpu_s, measured.wall_s))
    return replace(measured, p_in_world=p_in_world, cpu_s=cpu_s, wall_s=wall_s)


def _row(name: str, n_frames: int, n_cams: int, done: list[tuple[Measured, Error]]) -> Row:
    cpu_s, wall_s = (_flat(getattr(m, which) for m, _ in done) for which in ("cpu_s", "wall_s"))
    errors = [np.array(list(asdict(error).values())) for _, error in done]
    return Row(
        name=name,
        n_frames=n_frames,
        n_cams=n_cams,
        cpu_s=median(cpu_s),
        cpu_range_s=(min(cpu_s), max(cpu_s)),
        wall_s=median(wall_s),
        n_timings=len(cpu_s),
        peak_mib=max(m.peak_bytes for m, _ in done) / 2**20,
        error=Error(*(median(column) for column in zip(*errors, strict=True))),
    )


def _flat(groups: Iterable[tuple[float, ...]]) -> list[float]:
    return [value for group in groups for value in group]
