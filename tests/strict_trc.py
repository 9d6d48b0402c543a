"""A TRC reader as strict as OpenSim 4.6's TRCFileAdapter: it shares no code with the writer.

A tab ends a cell; what follows the last tab counts only if it is not empty. A file from OpenSim may or may not have a
blank line 6.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_HEADER = "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame OrigNumFrames"
KEYS = _HEADER.split()


@dataclass(frozen=True)
class Trc:
    values: dict[str, str]
    markers: list[str]
    frame: np.ndarray
    t_s: np.ndarray
    xyz: np.ndarray
    """(frames, markers, 3); NaN where a cell is empty or says nan."""


def read_trc(path: Path) -> Trc:
    lines = path.read_bytes().decode().split("\n")
    assert lines[0].split()[0] == "PathFileType"
    assert cells(lines[1]) == KEYS
    values = [cell for cell in cells(lines[2]) if cell]
    assert len(values) == len(KEYS)
    value_of = dict(zip(KEYS, values, strict=True))
    names = [cell for cell in cells(lines[3]) if cell]
    n = int(value_of["NumMarkers"])
    assert names[:2] == ["Frame#", "Time"]
    assert len(names) == n + 2
    assert [c for c in cells(lines[4]) if c] == [f"{axis}{i}" for i in range(1, n + 1) for axis in "XYZ"]
    rows = [cells(line) for line in lines[5:] if line.strip()]
    assert {len(row) for row in rows} == {3 * n + 2}
    assert int(value_of["NumFrames"]) == len(rows)
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return Trc(value_of, names[2:], table[:, 0], table[:, 1], table[:, 2:].reshape(len(rows), n, 3))


def cells(line: str) -> list[str]:
    *ended, rest = line.rstrip("\r").split("\t")
    return [cell.strip() for cell in ended] + ([rest.strip()] if rest else [])
