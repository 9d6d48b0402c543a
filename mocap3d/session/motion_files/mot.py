"""OpenSim's .mot and .sto tables: coordinates, forces or anything else over time.

Whether angles are in degrees follows OpenSim 4.6's Storage: stated by inDegrees; else radians where a version is
stated, and degrees in the older headers of SIMM without one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.tree import unique
from mocap3d.session.views import did_you_mean

log = logging.getLogger("mocap3d")


@dataclass(frozen=True, slots=True, eq=False)
class MotionTable:
    """Columns over time, in the units of the file."""

    path: Path
    name: str
    columns: tuple[str, ...]
    """Without time; each once."""
    t_s: Float[np.ndarray, " t"]
    values: Float[np.ndarray, "t c"]
    in_degrees: bool
    """Holds for angles; lengths are in metres either way."""

    def column(self, name: str) -> Float[np.ndarray, " t"]:
        """One column; refuses an unknown name and offers the nearest one."""
        if name not in self.columns:
            raise FormatError(f"{self.path}: there is no column '{name}'.{did_you_mean(name, self.columns)}")
        return self.values[:, self.columns.index(name)]


def read_mot(path: Path) -> MotionTable:
    """A table; refuses an empty cell, which OpenSim takes for the next column's number. NaN is kept."""
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    end = next((n for n, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    body = [line for line in lines[(end or 0) + 1 :] if line.strip()]
    if end is None or not body:
        raise _refused(path, "no 'endheader' found, or nothing behind it")
    stated = _stated(lines[:end])
    names = body[0].split()
    rows = [_row(path, line, names) for line in body[1:]]
    table = np.array(rows, float).reshape(-1, len(names))
    announced = stated.get("nrows", stated.get("datarows", str(len(rows))))
    if announced != str(len(rows)):
        log.warning("%s: its header announces %s rows, but it has %d; all are read.", path, announced, len(rows))
    title = (lines[0].removeprefix("name ") if end else "").strip()
    return MotionTable(path, title, unique(names[1:]), table[:, 0], table[:, 1:], _in_degrees(stated))


def _stated(header: Sequence[str]) -> dict[str, str]:
    """Keys in lower case, of ``key=value`` lines and of SIMM's ``key value`` ones."""
    pairs = [line.split("=", 1) if "=" in line else line.split(maxsplit=1) for line in header]
    return {pair[0].strip().lower(): pair[1].strip() for pair in pairs if len(pair) == 2}


def _in_degrees(stated: dict[str, str]) -> bool:
    return stated.get("indegrees", "no" if "version" in stated else "yes").lower() in ("yes", "true", "1")


def _row(path: Path, line: str, names: Sequence[str]) -> list[float]:
    cells = line.rstrip().split("\t") if "\t" in line else line.split()
    try:
        if len(cells) != len(names):
            raise ValueError(f"{len(cells)} cells under {len(names)} names")
        return [float(cell) for cell in cells]
    except ValueError as error:
        raise _refused(path, f"the row of time '{cells[0].strip()}': {error}") from error


def _refused(path: Path, found: str) -> FormatError:
    return FormatError(
        f"{path}: not readable as an OpenSim table ({found}). Needed: a header up to 'endheader', a line of names that "
        "begins with time, and a number in every cell. Export it again from the program that wrote it."
    )
