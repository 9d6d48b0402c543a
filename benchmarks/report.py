"""What was measured, as tables for the terminal and as JSON. Nothing here is extrapolated."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from measure import Row
from rich.console import Console
from rich.table import Table

CONSOLE = Console(width=150)
_OURS = "mocap3d"


def print_rows(rows: Sequence[Row], title: str) -> None:
    """One line per contender and size."""
    table = Table(title=title)
    table.add_column("method")
    for header in ("frames", "views", "CPU s", "us/frame", "wall s", "MPJPE mm", "P99 mm", "acc m/s2", "peak MiB", "n"):
        table.add_column(header, justify="right")
    for row in rows:
        table.add_row(row.name, *_cells(row))
    CONSOLE.print(table)


def _cells(row: Row) -> tuple[str, ...]:
    error = row.error
    return (
        f"{row.n_frames:,}",
        str(row.n_cams),
        f"{row.cpu_s:.3g}",
        f"{row.cpu_us_per_frame:,.0f}",
        f"{row.wall_s:.3g}",
        f"{error.mpjpe_mm:.2f}",
        f"{error.p99_mm:.2f}",
        f"{error.acceleration_m_s2:.2f}",
        f"{row.peak_mib:,.0f}",
        str(row.n_timings),
    )


def print_ratios(rows: Sequence[Row]) -> None:
    """Ours against every peer measured at the same size in the same run."""
    table = Table(title="mocap3d against the peers, same run")
    for header in ("mocap3d", "peer", "frames"):
        table.add_column(header)
    for header in ("times faster (CPU)", "MPJPE ratio", "P99 ratio"):
        table.add_column(header, justify="right")
    for ours, peer in _rivals(rows):
        speed, (mpjpe, p99) = peer.cpu_s / ours.cpu_s, error_ratios(ours, peer)
        table.add_row(ours.name, peer.name, f"{ours.n_frames:,}", f"{speed:.3g}", f"{mpjpe:.3f}", f"{p99:.3f}")
    if table.row_count:
        CONSOLE.print(table)


def error_ratios(ours: Row, peer: Row) -> tuple[float, float]:
    """(MPJPE, P99), ours by theirs: below one is better."""
    return ours.error.mpjpe_mm / peer.error.mpjpe_mm, ours.error.p99_mm / peer.error.p99_mm


def _rivals(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    ours = [row for row in rows if row.name.startswith(_OURS)]
    peers = [row for row in rows if not row.name.startswith(_OURS)]
    return [(a, b) for a in ours for b in peers if (a.n_frames, a.n_cams) == (b.n_frames, b.n_cams)]


def print_growth(rows: Sequence[Row], small: tuple[int, int], large: tuple[int, int]) -> None:
    """How many times the CPU time grows from one (frames, views) to another, per contender."""
    cpu_s = {(row.name, row.n_frames, row.n_cams): row.cpu_s for row in rows}
    for name in dict.fromkeys(row.name for row in rows):
        growth = cpu_s[name, *large] / cpu_s[name, *small]
        sizes = " -> ".join(f"{n_frames:,} frames of {n_cams} views" for n_frames, n_cams in (small, large))
        CONSOLE.print(f"{name}: {sizes}: {growth:.2f} times the CPU time")


def write_json(rows: Sequence[Row], settings: dict[str, object], path: Path) -> None:
    """The rows, what was asked, and on what machine."""
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    machine = {
        "machine": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    path.write_text(
        json.dumps({**machine, "asked": asked, "rows": [row.to_json() for row in rows]}, indent=1), encoding="utf-8"
    )
