"""TRC marker tracks, as OpenSim, Pose2Sim, OpenCap and Cortex write them.

As lax as OpenSim's MarkerData where a variation is harmless; refused where OpenSim would misread it in silence.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.markers import MarkerTrial, metres_per
from mocap3d.session.motion_files.tree import unique
from mocap3d.session.rate import exact_rate

log = logging.getLogger("mocap3d")

_NEEDED = ("DataRate", "NumFrames", "NumMarkers", "Units")


def read_trc(path: Path) -> MarkerTrial:
    """Marker tracks; empty cells and ``nan`` are missing. TRC states no axes: Y is up by custom.

    Reads all rows there are, where NumFrames announces others (OpenSim's MarkerData cuts them off in silence).
    """
    lines = _lines(path)
    stated = _stated(path, lines)
    try:
        n_markers, n_frames = int(float(stated["NumMarkers"])), int(float(stated["NumFrames"]))
        rate = exact_rate(float(stated["DataRate"]))
    except ValueError as error:
        raise _refused(path, f"a number in line 3 is none: {error}") from error
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    if len(names) != n_markers:
        raise _refused(path, f"NumMarkers says {n_markers}, but line 4 names {len(names)} markers")
    rows = [_row(path, number, line, n_markers) for number, line in enumerate(lines[5:], start=6) if line.strip()]
    table = np.array(rows, float).reshape(-1, 2 + 3 * n_markers)
    if len(table) != n_frames:
        log.warning("%s: NumFrames says %d, but it has %d rows; all are read.", path, n_frames, len(table))
    if np.isnan(table[:, 1]).any():
        raise _refused(path, "a row has no time")
    p_in_file = table[:, 2:].reshape(len(table), n_markers, 3) * metres_per(stated["Units"], path)
    p_in_file[np.isnan(p_in_file).any(axis=-1)] = np.nan
    return MarkerTrial(path, unique(names), rate, table[:, 1], p_in_file, up="y")


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    if len(lines) < 5 or not lines[0].startswith("PathFileType"):
        raise _refused(path, f"it begins with '{lines[0][:40] if lines else ''}'")
    if "\t" not in lines[1] and "," in lines[1]:  # saved by a spreadsheet
        lines = [line.replace(",", "\t") for line in lines]
    return lines


def _stated(path: Path, lines: Sequence[str]) -> dict[str, str]:
    """The values of line 3 by the keys of line 2."""
    keys, values = lines[1].split(), lines[2].split()
    stated = dict(zip(keys, values, strict=False))
    for key in _NEEDED:
        if key not in stated:
            raise _refused(path, f"its header states no {key}")
    return stated


def _row(path: Path, number: int, line: str, n_markers: int) -> list[float]:
    """Frame, time and coordinates; NaN in empty cells, and in those that an editor cut off at the end of the row."""
    cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
    wanted = 2 + 3 * n_markers
    lacking = max(0, wanted - len(cells))
    if any(cells[wanted:]) or lacking % 3 or len(cells) < 2:
        raise _refused(path, f"line {number} has {len(cells)} cells, and {n_markers} markers need {wanted}")
    try:
        numbers = [float(cell) if cell else np.nan for cell in cells[:wanted]]
    except ValueError as error:
        raise _refused(path, f"line {number}: {error}") from error
    return numbers + [np.nan] * (wanted - len(numbers))


def _refused(path: Path, found: str) -> FormatError:
    return FormatError(
        f"{path}: not readable as TRC ({found}). Needed: five header lines with DataRate, NumFrames, NumMarkers and "
        "Units, then rows separated by tabs. Export it again from the program that wrote it."
    )
