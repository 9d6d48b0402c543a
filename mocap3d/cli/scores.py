"""Score tables on the terminal and on disk."""

from pathlib import Path

from rich.markup import escape

from mocap3d.cli.console import Output
from mocap3d.evaluation.score_table import ScoreTable, interval, shown, write_table

COLUMNS = {"measure": "left", "value": "right", "unit": "left", "95 %": "left", "n": "right", "of": "left"}


def show(table: ScoreTable, output: Output, out: Path | None = None, stem: str = "scores") -> None:
    """The table, its notes, its JSON, and its files where a folder is named."""
    output.text(f"[bold]{escape(table.title)}[/]\n")
    rows = [[s.name, shown(s.value), s.unit, interval(s), str(s.n or ""), s.about] for s in table.scores]
    output.table(COLUMNS, rows)
    for note in table.notes:
        output.text(escape(note))
    files = () if out is None else write_table(table, out, stem)
    if files:
        output.text(f"written: {escape(', '.join(str(path) for path in files))}")
    output.result(table.as_json())
