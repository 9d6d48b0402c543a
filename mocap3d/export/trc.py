"""Marker tracks as TRC, in the layout that OpenSim's strict reader accepts (tried with OpenSim 4.6).

Every cell, the last of a row too, ends with a tab: a reader that drops the text after the last tab then still counts
the empty cells of a missing last marker. TRC has no place for provenance or doubt: CSV, Parquet and NPZ keep them.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import torch

from mocap3d.errors import FormatError
from mocap3d.export.axes import OPENSIM, WORLD
from mocap3d.export.description import person_index
from mocap3d.session.files import write_text_atomically
from mocap3d.session.records import Points3D

_KEYS = "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame OrigNumFrames"
_ROWS_AT_ONCE = 4096


def write_trc(points: Points3D, person: str, path: Path, *, up: Literal["y", "z"] = "y") -> None:
    """One person's keypoints as markers, in metres; Y up as in OpenSim (``axes.OPENSIM``), or Z up as in the world.

    Missing points are empty cells. Refuses an unknown person, and a recording without a single instant.
    """
    if len(points.t_s) == 0:
        raise FormatError(
            f"{path}: there is no instant to write, and OpenSim hangs on a TRC without rows. Export none."
        )
    who = person_index(points.people, person)
    with write_text_atomically(path) as file:
        file.write(_header(path.name, points))
        for block in _blocks(points, who, up):
            file.write(block)


def marker_names(keypoints: Sequence[str]) -> list[str]:
    r"""Names that survive OpenSim (no blanks, tabs, ``\ * + /``), still unique."""
    names: list[str] = []
    for keypoint in keypoints:
        name = clean = re.sub(r"[^A-Za-z0-9_.#-]", "_", keypoint) or "_"
        n = 2
        while name in names:
            name, n = f"{clean}_{n}", n + 1
        names.append(name)
    return names


def rate_text(rate: Fraction) -> str:
    """60 as ``60``, 60000/1001 to all digits that a double holds."""
    return str(rate.numerator) if rate.denominator == 1 else repr(float(rate))


def _header(file_name: str, points: Points3D) -> str:
    names, n_frames, rate = marker_names(points.skeleton.keypoints), len(points.t_s), rate_text(points.rate)
    values = (rate, rate, n_frames, len(names), "m", rate, 1, n_frames)
    lines = (
        "PathFileType\t4\t(X/Y/Z)\t" + re.sub(r"\s", "_", file_name),
        _KEYS.replace(" ", "\t"),
        "\t".join(map(str, values)),
        "Frame#\tTime\t" + "".join(f"{name}\t\t\t" for name in names),
        "\t\t" + "".join(f"X{i}\tY{i}\tZ{i}\t" for i in range(1, len(names) + 1)),
        "",
    )
    return "".join(line + "\n" for line in lines)


def _blocks(points: Points3D, who: int, up: Literal["y", "z"]) -> Iterator[str]:
    axes = OPENSIM if up == "y" else WORLD
    # A format of the whole row: 60,000 rows of 26 markers take 2 s, cell by cell three times as long.
    row = "%d\t%.8f\t" + "%.6f\t" * (3 * len(points.skeleton.keypoints)) + "\n"
    for start in range(0, len(points.t_s), _ROWS_AT_ONCE):
        t_s = points.t_s[start : start + _ROWS_AT_ONCE]
        coordinates = axes.from_world(points.p_in_world[start : start + _ROWS_AT_ONCE, who]).flatten(1)
        frame = torch.arange(start + 1, start + 1 + len(t_s))
        table = torch.column_stack([frame.to(t_s), t_s, coordinates]).tolist()
        yield "".join(row % tuple(values) for values in table).replace("nan", "")
