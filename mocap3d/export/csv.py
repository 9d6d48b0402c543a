"""One person's keypoints as CSV, one row per instant, with doubt and provenance beside every point.

Lines that start with ``#`` state axes, units and rate; ``pandas.read_csv(path, comment="#")`` skips them.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from mocap3d.export.axes import WORLD
from mocap3d.export.description import PROVENANCE_WORDS, describe, person_index
from mocap3d.session.files import write_text_atomically
from mocap3d.session.records import Points3D

_COLUMNS = ("x", "y", "z", "sigma_x", "sigma_y", "sigma_z", "provenance", "n_views")
_ROWS_AT_ONCE = 4096


def write_csv(points: Points3D, person: str, path: Path) -> None:
    """Columns ``frame, t_s`` and, per keypoint, position and one sigma (m, world), provenance and views.

    Missing numbers are empty cells. Refuses an unknown person.
    """
    who = person_index(points, person)
    with write_text_atomically(path) as file:
        for key, value in {**describe(points, WORLD), "person": person}.items():
            file.write(f"# {key}: {' '.join(value.split())}\n")
        file.write(_column_names(points))
        for block in _blocks(points, who):
            file.write(block)


def _column_names(points: Points3D) -> str:
    line = io.StringIO()
    named = (f"{keypoint}_{column}" for keypoint in points.skeleton.keypoints for column in _COLUMNS)
    csv.writer(line, lineterminator="\n").writerow(["frame", "t_s", *named])
    return line.getvalue()


def _blocks(points: Points3D, who: int) -> Iterator[str]:
    # A format of the whole row: 60,000 rows of 26 keypoints take 5 s, cell by cell three times as long.
    row = "%d,%.8f" + ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%s,%d" * len(points.skeleton.keypoints) + "\n"
    for start in range(0, len(points.t_s), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        instants = enumerate(zip(points.t_s[part].tolist(), _cells(points, part, who), strict=True), start + 1)
        yield "".join(row % (frame, t_s, *cells) for frame, (t_s, cells) in instants).replace("nan", "")


def _cells(points: Points3D, part: slice, who: int) -> list[list[float | int | str]]:
    """One list per instant: ``_COLUMNS`` of every keypoint."""
    sigma_m = points.cov_m2[part, who].diagonal(dim1=-2, dim2=-1).sqrt()
    numbers = torch.cat([points.p_in_world[part, who], sigma_m], dim=-1).numpy().astype(object)
    words = np.array(list(PROVENANCE_WORDS.values()), dtype=object)[points.provenance[part, who].numpy()]
    n_views = points.n_views[part, who].numpy().astype(object)
    cells = np.concatenate([numbers, words[..., None], n_views[..., None]], axis=-1)
    return cells.reshape(len(cells), -1).tolist()
