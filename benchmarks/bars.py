"""The accuracy bars: one frozen setting of ours against a peer tuned for each condition, on fresh seeds."""

import tempfile
from dataclasses import replace
from pathlib import Path

from contenders import contenders
from measure import Row, measure
from report import CONSOLE, error_ratios
from rich.table import Table
from scenes import CONDITIONS, make_scene

_SHOWN = ("map", "anipose-tuned", "anipose-pairs")


def measure_bars(n_frames: int, seeds: tuple[int, ...]) -> dict[str, list[Row]]:
    """Per condition the rows of ours, of aniposelib with bones, and of it with all rigid pairs."""
    rows = {}
    for condition, standard in CONDITIONS.items():
        field = contenders(condition)
        with tempfile.TemporaryDirectory() as folder:
            options = [replace(standard, n_frames=n_frames, seed=seed) for seed in seeds]
            scenes = [make_scene(each, Path(folder)) for each in options]
            rows[condition] = measure(scenes, [field[name] for name in _SHOWN], repeats=1, peer_repeats=1)
        CONSOLE.print(f"measured: {condition}")
    return rows


def print_bars(bars: dict[str, list[Row]]) -> None:
    """MPJPE / P99 of all, ours by theirs, and the worst of it."""
    table = Table(title="MPJPE / P99 in mm; ratio = mocap3d by aniposelib tuned for the condition")
    for header in ("condition", "mocap3d", "aniposelib, bones", "ratio", "aniposelib, all pairs", "ratio"):
        table.add_column(header)
    found: list[tuple[float, float]] = []
    for condition, (ours, bones, pairs) in bars.items():
        ratios = error_ratios(ours, bones), error_ratios(ours, pairs)
        found += ratios
        cells = (_millimetres(ours), _millimetres(bones), _ratio(ratios[0]), _millimetres(pairs), _ratio(ratios[1]))
        table.add_row(condition, *cells)
    CONSOLE.print(table)
    mpjpe, p99 = (max(column) for column in zip(*found, strict=True))
    CONSOLE.print(f"Worst: MPJPE {mpjpe:.3f}, P99 {p99:.3f}")


def _millimetres(row: Row) -> str:
    return f"{row.error.mpjpe_mm:.2f} / {row.error.p99_mm:.2f}"


def _ratio(ratio: tuple[float, float]) -> str:
    return f"{ratio[0]:.3f} / {ratio[1]:.3f}"
