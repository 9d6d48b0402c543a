"""Coordinates as OpenSim's .mot: tabs, an exact count of columns and rows, inDegrees stated, and never NaN.

OpenSim's Storage takes NaN for 0 and stops reading there, and an empty cell for its right neighbour: so what is not
known is bridged, the file begins and ends where the person is known, and its header says how much was bridged.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mocap3d.export.axes import OPENSIM
from mocap3d.export.coordinates import bridged_coordinates, coordinates_of
from mocap3d.export.description import program_version
from mocap3d.session.files import write_text_atomically
from mocap3d.session.records import Motion

_ROWS_AT_ONCE = 4096


def write_mot(motion: Motion, person: str, path: Path) -> None:
    """One person's coordinates, degrees and metres, for the model of ``write_osim``. Refuses a person never placed."""
    coordinates, part, n_bridged = bridged_coordinates(coordinates_of(motion, person), person)
    factor = np.array([1.0 if is_length else math.degrees(1.0) for is_length in coordinates.is_length])
    table = np.column_stack([motion.t_s[part].numpy(), coordinates.values * factor])
    with write_text_atomically(path) as file:
        file.write(
            f"Coordinates\nversion=1\nnRows={len(table)}\nnColumns={table.shape[1]}\ninDegrees=yes\n\n"
            f"Units are S.I. units (seconds, metres), angles are in degrees.\n"
            f"Axes: {OPENSIM.description}. Person: {' '.join(person.split())}. mocap3d {program_version()}.\n"
            f"Rows with numbers bridged between known ones: {n_bridged}.\n\nendheader\n"
        )
        file.write("\t".join(("time", *coordinates.names)) + "\n")
        file.writelines(_blocks(table))


def _blocks(table: np.ndarray) -> Iterator[str]:
    row = "%.8f" + "\t%.8f" * (table.shape[1] - 1) + "\n"
    for start in range(0, len(table), _ROWS_AT_ONCE):
        yield "".join(row % tuple(values) for values in table[start : start + _ROWS_AT_ONCE].tolist())
