"""Fusion beside aniposelib and Pose2Sim, on known truth, in one run: `python benchmarks/fusion.py --help`."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

import tyro
from bars import measure_bars, print_bars
from contenders import contenders
from measure import Row, measure
from report import print_growth, print_ratios, print_rows, write_json
from scenes import make_scene
from tuning import tune_peers

from mocap3d.synthesis.workload import WorkloadOptions

MethodName = Literal[
    "tri", "map", "map-cov", "anipose", "anipose-default", "anipose-tuned", "anipose-pairs", "pose2sim"
]
OURS: tuple[MethodName, ...] = ("tri", "map", "map-cov")
PEERS: tuple[MethodName, ...] = ("anipose", "anipose-default", "anipose-tuned", "anipose-pairs", "pose2sim")


@dataclass(frozen=True)
class FusionBenchmark:
    """What to measure."""

    frames: tuple[int, ...] = (600, 6000, 60000)
    """Lengths of the sequence."""
    peer_frames: int = 6000
    """The peers run up to this length (aniposelib: 25 ms per frame); longer ones are left out, never extrapolated."""
    seeds: tuple[int, ...] = (101,)
    """One scene each; times and errors are medians over them."""
    cameras: tuple[int, ...] = (8,)
    """Numbers of cameras."""
    outliers: float = 0.05
    """Fraction of gross outliers."""
    noise_corr: float = 0.5
    """Share of the noise variance that is correlated in time."""
    fps: float = 60.0
    """Frames per second."""
    methods: tuple[MethodName, ...] = OURS + PEERS
    """Which to run."""
    repeats: int = 3
    """Rounds of ours."""
    peer_repeats: int = 1
    """Rounds of the peers."""
    json: Path | None = None
    """Where to write all numbers."""
    bars: bool = False
    """Instead: the accuracy bars over all conditions (600 frames, seeds as given)."""
    scaling: bool = False
    """Instead: how our time grows, 6,000 to 60,000 frames and 8 to 32 cameras."""
    tune: bool = False
    """Instead: search aniposelib's best settings for every condition, on seeds that nothing else uses."""


TUNING_SEEDS, TUNING_FRAMES, BARS_FRAMES = (90, 91), 300, 600


def measure_sizes(asked: FusionBenchmark, sizes: Sequence[tuple[int, int]]) -> list[Row]:
    """Rows for every (frames, cameras); prints each size when it is done."""
    rows = []
    for n_frames, n_cams in sizes:
        names = [name for name in asked.methods if name in OURS or n_frames <= asked.peer_frames]
        with tempfile.TemporaryDirectory() as folder:
            options = [_scene_options(asked, n_frames, n_cams, seed) for seed in asked.seeds]
            scenes = [make_scene(each, Path(folder), straighten="pose2sim" in names) for each in options]
            field = [contenders()[name] for name in names]
            done = measure(scenes, field, repeats=asked.repeats, peer_repeats=asked.peer_repeats)
        print_rows(done, f"{n_frames:,} frames, {n_cams} cameras")
        rows += done
    return rows


def _scene_options(asked: FusionBenchmark, n_frames: int, n_cams: int, seed: int) -> WorkloadOptions:
    return WorkloadOptions(
        n_frames=n_frames,
        n_cams=n_cams,
        seed=seed,
        fps=asked.fps,
        outliers=asked.outliers,
        noise_corr=asked.noise_corr,
    )


def main(asked: FusionBenchmark) -> None:
    """The table, or one of its three alternatives."""
    if asked.tune:
        tune_peers(TUNING_FRAMES, TUNING_SEEDS)
        return
    rows = _bars(asked) if asked.bars else _scaling(asked) if asked.scaling else _table(asked)
    if asked.json:
        write_json(rows, asdict(asked), asked.json)


def _bars(asked: FusionBenchmark) -> list[Row]:
    bars = measure_bars(BARS_FRAMES, asked.seeds)
    print_bars(bars)
    return [row for rows in bars.values() for row in rows]


def _scaling(asked: FusionBenchmark) -> list[Row]:
    rows = measure_sizes(replace(asked, methods=OURS), [(6000, 8), (60000, 8), (6000, 32)])
    print_growth(rows, (6000, 8), (60000, 8))
    print_growth(rows, (6000, 8), (6000, 32))
    return rows


def _table(asked: FusionBenchmark) -> list[Row]:
    rows = measure_sizes(asked, list(product(asked.frames, asked.cameras)))
    print_ratios(rows)
    return rows


if __name__ == "__main__":
    main(tyro.cli(FusionBenchmark))
