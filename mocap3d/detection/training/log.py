"""The tables that a training run writes: CSV, and TensorBoard's events where that is installed."""

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from mocap3d.session.files import write_text

Row = Mapping[str, float | int | str]


class Table:
    """A CSV file with a row per step; of a run that goes on, rows after the step it goes on from are dropped."""

    def __init__(self, path: Path, *, keep_to: int = 0):
        self._path = path
        self.rows: list[dict[str, Any]] = []
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= keep_to]

    def add(self, row: Row) -> None:
        """Writes the table anew, which is whole at any time; columns are those that any row has."""
        self.rows.append(dict(row))
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self._path, text.getvalue())


class Events:
    """TensorBoard's file, where its package is at hand; else nothing."""

    def __init__(self, folder: Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._writer = None
        else:
            self._writer = SummaryWriter(str(folder))

    def add(self, prefix: str, row: Row) -> None:
        """Every number of a row."""
        if self._writer is not None:
            for name, value in row.items():
                if isinstance(value, int | float) and name != "step":
                    self._writer.add_scalar(f"{prefix}/{name}", value, int(row["step"]))
