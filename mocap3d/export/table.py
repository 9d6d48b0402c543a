"""Columns of numbers and words as CSV, for what is not one row per instant."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mocap3d.export.description import program_version
from mocap3d.session.files import write_text_atomically


def write_table(columns: Mapping[str, Sequence[float | int | str]], path: Path, about: str) -> None:
    """A row per entry of the columns, which are of one length; NaN is an empty cell.

    Lines that start with ``#`` say what it is; ``pandas.read_csv(path, comment="#")`` skips them.
    """
    with write_text_atomically(path) as file:
        file.write(f"# program: mocap3d {program_version()}\n# {about}\n")
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))


def _cell(value: float | int | str) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
