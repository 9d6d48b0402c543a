"""DeepLabCut's h5 and csv, of one or several individuals.

Columns are (scorer, [individuals,] bodyparts, coords), coords being x, y and, where a network found them, likelihood.
"""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mocap3d.detection.foreign.build import RawKeypoints, build_detections
from mocap3d.detection.foreign.frames import number_in, single_file
from mocap3d.detection.foreign.keypoint_sets import set_of_names
from mocap3d.detection.foreign.pandas_h5 import Columns, read_frame
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, ViewId

_COORDS = ("x", "y", "likelihood")
_HEADERS = ("scorer", "individuals", "bodyparts", "coords")


def read_deeplabcut(path: Path, view: ViewId, *, skeleton: str | None = None) -> Detections:
    """One view; an individual is a track, and hand-labelled points, which have no likelihood, score 1.

    Bodyparts are matched to a skeleton table by their names, in any order and spelling of left and right.
    """
    file = single_file(path, (".h5", ".csv"))
    columns, frame, values = _read_csv(file) if file.suffix == ".csv" else read_frame(file)
    if not len(frame):
        raise DetectionError(f"{file} has no rows. Run DeepLabCut on this view again, or remove the file.")
    individuals, bodyparts, points = _by_individual(columns, values, file)
    table, positions = set_of_names(bodyparts, skeleton, str(file))
    ordered = np.full((len(individuals), len(frame), len(positions), 3), np.nan)
    for n, position in enumerate(positions):
        if position is not None:
            ordered[:, :, n] = points[:, :, position]
    raw = RawKeypoints(
        keypoint_set=table.name,
        frame=np.tile(frame, len(individuals)),
        person=np.repeat(np.arange(len(individuals)), len(frame)),
        uv_px=ordered[..., :2].reshape(-1, len(positions), 2),
        score=ordered[..., 2].reshape(-1, len(positions)),
        n_frames=int(frame.max()) + 1,
    )
    return build_detections(raw, view)


def _by_individual(
    columns: Columns, values: Float[np.ndarray, "n c"], file: Path
) -> tuple[list[str], list[str], Float[np.ndarray, "i n b 3"]]:
    """Individuals, bodyparts, and x y likelihood of each; NaN where an individual lacks a bodypart."""
    coords = {label[-1] for label in columns}
    if any(len(label) not in (3, 4) for label in columns) or not {"x", "y"} <= coords <= set(_COORDS):
        raise DetectionError(
            f"{file} has columns like {columns[:1]} and coordinates {', '.join(sorted(coords))}; needed are (scorer, "
            "[individuals,] bodyparts, coords) with x, y and likelihood. Give DeepLabCut's 2D output of one video."
        )
    names = [("single" if len(label) == 3 else label[1], label[-2], label[-1]) for label in columns]
    individuals, bodyparts = (list(dict.fromkeys(name[n] for name in names)) for n in (0, 1))
    points = np.full((len(individuals), len(values), len(bodyparts), 3), np.nan)
    if "likelihood" not in coords:
        points[..., 2] = 1.0
    for column, (individual, bodypart, coord) in enumerate(names):
        where = individuals.index(individual), slice(None), bodyparts.index(bodypart)
        points[*where, _COORDS.index(coord)] = values[:, column]
    return individuals, bodyparts, points


def _read_csv(file: Path) -> tuple[Columns, Int[np.ndarray, " n"], Float[np.ndarray, "n c"]]:
    """The same three things as from an h5: column labels, frames, values; an empty cell is NaN."""
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DetectionError(f"{file} is not a readable CSV ({error}). Export it from DeepLabCut again.") from None
    header = {row[0]: row for row in rows[:4] if row[0] in _HEADERS}
    body = rows[len(header) :]
    if not {"bodyparts", "coords"} <= header.keys():
        raise DetectionError(
            f"{file} does not begin with the rows scorer, bodyparts and coords. Is it DeepLabCut's output?"
        )
    # Labelled frames have up to three columns for the image's path; analysed videos one for the frame number.
    first = 1 + max(n for n, text in enumerate(header["bodyparts"]) if n == 0 or not text)
    try:
        columns = list(zip(*(row[first:] for row in header.values()), strict=True))
        values = np.array([[float(cell) if cell else np.nan for cell in row[first:]] for row in body])
        frame = [_frame(row[:first]) for row in body]
        return columns, np.array(frame, dtype=np.int64), values.reshape(len(body), len(columns))
    except (ValueError, IndexError) as error:
        raise DetectionError(
            f"{file} has a row that does not fit its header ({error}). Export it from DeepLabCut again."
        ) from None


def _frame(cells: list[str]) -> int:
    """Frame number of a row: the cell itself, or the number in an image's name."""
    number = number_in(Path(cells[-1]).stem)
    if number is None:
        raise ValueError(f"no frame number in {cells}")
    return number
