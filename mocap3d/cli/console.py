"""What commands have in common: their output options, progress and warnings on stderr, results on stdout."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

_STEPS = 20
"""Fewer than so many are stages of a whole, whose pace tells nothing."""
_WIDEST = 1000
"""Columns that results may take: a narrow terminal breaks their lines, but no name or number is cut to ``c…``."""
_Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclass(frozen=True)
class OutputOptions:
    """Where to say what."""

    json: _Flag = False
    """Print the result as JSON on stdout, and nothing else there."""
    quiet: _Flag = False
    """Print nothing but warnings and errors."""


class Output:
    """Results on stdout, progress and warnings on stderr."""

    def __init__(self, options: OutputOptions):
        self.options = options
        self.warnings: list[str] = []
        """What the rooms warned of."""
        self._results = Console(highlight=False, soft_wrap=True, width=_WIDEST)
        self._talk = Console(stderr=True, highlight=False)

    def text(self, text: str = "") -> None:
        """A line for people; nothing if they want JSON or peace. Bold and colours as rich marks them up."""
        if not (self.options.json or self.options.quiet):
            self._results.print(text)

    def table(self, heads: Mapping[str, str], rows: list[list[str]]) -> None:
        """Columns with their heads, each justified ``left`` or ``right``."""
        if self.options.json or self.options.quiet:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        for head, side in heads.items():
            table.add_column(head, justify="right" if side == "right" else "left", no_wrap=True)
        for row in rows:
            table.add_row(*map(escape, row))
        self._results.print(table)

    def result(self, content: Mapping[str, Any]) -> None:
        """The JSON, if that is wanted; warnings go with it."""
        if self.options.json:
            print(json.dumps(_as_json({**content, "warnings": self.warnings}), indent=1, allow_nan=False))

    @contextmanager
    def working(self, first: str) -> Iterator["Bar"]:
        """While the block runs: a progress bar, which says ``first`` at once, and readable warnings."""
        handler = _Warnings(self)
        log = logging.getLogger("mocap3d")
        log.addHandler(handler)
        was, log.propagate = log.propagate, False
        try:
            with _progress(self._talk, is_hidden=self.options.quiet) as progress:
                yield Bar(progress, self._talk, self.options, first)
        finally:
            log.removeHandler(handler)
            log.propagate = was

    def warn(self, text: str) -> None:
        """A warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._talk.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)

    def fail(self, text: str) -> None:
        """What ended one of several tasks."""
        self._talk.print(f"[red]error:[/] {escape(text)}", soft_wrap=True)


class Bar:
    """A pipeline's progress: a bar where somebody watches, a line per stage in a log file."""

    def __init__(self, progress: Progress, console: Console, options: OutputOptions, first: str):
        self._progress, self._console, self._options = progress, console, options
        self._task, self._stage = progress.add_task(escape(first), total=None), ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Told by the pipeline."""
        if stage != self._stage:  # what is left is told by the pace of this stage alone
            self._progress.reset(self._task, description=escape(stage), total=total)
        self._progress.update(self._task, description=escape(stage), completed=done, total=total)
        if stage != self._stage and not (self._options.quiet or self._console.is_terminal):
            self._console.print(f"{stage} ...", markup=False, soft_wrap=True)
        self._stage = stage


def _progress(console: Console, *, is_hidden: bool) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=is_hidden or not console.is_terminal,
    )


class _Rate(ProgressColumn):
    """How many per second, where there is something to count."""

    def render(self, task: Task) -> str:
        """Called by rich."""
        pace = task.finished_speed or task.speed
        return f"{pace:,.1f}/s" if pace and (task.total or 0) > _STEPS else ""


class _Warnings(logging.Handler):
    """Hands the warnings of the rooms on, each once."""

    def __init__(self, output: Output):
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Called by ``logging``."""
        self._output.warn(record.getMessage())


def _as_json(content: Any) -> Any:
    """NaN and infinity as null: JSON has neither."""
    if isinstance(content, Mapping):
        return {key: _as_json(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_as_json(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content
