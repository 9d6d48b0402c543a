"""Scores as a table: what was measured, of what, with which interval, and what it must not be compared with."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np

from mocap3d.evaluation.metrics.bootstrap import Interval, mean_interval
from mocap3d.session.files import write_text_atomically


@dataclass(frozen=True, slots=True)
class Score:
    """One row."""

    name: str
    value: float
    unit: str
    low: float = nan
    high: float = nan
    """95 % confidence interval; NaN where there is none."""
    n: int = 0
    """Frames, joints or pictures that it is over."""
    about: str = ""
    """Protocol and convention."""

    @staticmethod
    def of(name: str, unit: str, interval: Interval, about: str = "") -> "Score":
        """From a bootstrapped mean."""
        return Score(name, interval.mean, unit, interval.low, interval.high, interval.n, about)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """What `mocap3d evaluate` prints and writes."""

    title: str
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain tables; NaN becomes null."""
        rows = [{key: _plain(value) for key, value in asdict(score).items()} for score in self.scores]
        return {"title": self.title, "scores": rows, "notes": list(self.notes), **self.details}

    def as_markdown(self) -> str:
        """For a paper's supplement."""
        head = "| measure | value | 95 % | unit | n | of |\n|---|---:|---|---|---:|---|\n"
        rows = "".join(
            f"| {s.name} | {shown(s.value)} | {interval(s)} | {s.unit} | {s.n or ''} | {s.about} |\n"
            for s in self.scores
        )
        return f"# {self.title}\n\n{head}{rows}\n" + "".join(f"- {note}\n" for note in self.notes)

    def value(self, name: str) -> float:
        """Of the first row of that name."""
        return next(score.value for score in self.scores if score.name == name)


def scored(name: str, unit: str, per_track: Sequence[Any], about: str = "", factor: float = 1.0) -> Score:
    """Mean over the frames of all tracks; whole tracks are drawn for its interval. Several tracks make groups."""
    arrays = [np.asarray(values, np.float64) * factor for values in per_track]
    values = np.concatenate(arrays) if arrays else np.zeros(0)
    group = np.repeat(np.arange(len(arrays)), [len(values) for values in arrays]) if len(arrays) > 1 else None
    return Score.of(name, unit, mean_interval(values, group), about)


def shown(value: float) -> str:
    """Four significant digits; a dash where unknown."""
    return f"{value:.4g}" if isfinite(value) else "-"


def interval(score: Score) -> str:
    """As text; empty where there is none."""
    return f"{shown(score.low)} to {shown(score.high)}" if isfinite(score.low) else ""


def write_table(table: ScoreTable, folder: Path, stem: str) -> tuple[Path, Path]:
    """<stem>.json and <stem>.md."""
    paths = folder / f"{stem}.json", folder / f"{stem}.md"
    with write_text_atomically(paths[0]) as file:
        file.write(json.dumps(table.as_json(), indent=1, allow_nan=False) + "\n")
    with write_text_atomically(paths[1]) as file:
        file.write(table.as_markdown())
    return paths


def _plain(value: Any) -> Any:
    return (float(f"{value:.6g}") if isfinite(value) else None) if isinstance(value, float) else value
