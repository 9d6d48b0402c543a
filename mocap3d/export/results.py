"""The results folder: every format of every person, put in place together, and what an earlier run left taken away."""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from mocap3d.errors import SessionError
from mocap3d.export.axes import WORLD
from mocap3d.export.csv import write_csv
from mocap3d.export.description import describe
from mocap3d.export.npz import write_npz
from mocap3d.export.parquet import write_parquet
from mocap3d.export.trc import write_trc
from mocap3d.session.files import write_text
from mocap3d.session.records import Points3D

Format = Literal["trc", "csv", "parquet", "npz"]
FORMATS: tuple[Format, ...] = ("trc", "csv", "parquet", "npz")
SUMMARY = "summary.json"


def write_results(
    points: Points3D, summary: Mapping[str, Any], folder: Path, formats: Sequence[Format] = FORMATS
) -> tuple[Path, ...]:
    """<person>.trc and .csv, points.parquet, points.npz and summary.json; their paths.

    All files appear together, after all have been written: an error or Ctrl-C leaves the folder as it was. Files that
    an earlier summary.json lists and this one does not are removed, so that nobody of an earlier run stays behind.
    """
    with _put_in_place(folder) as aside:
        for person, stem in zip(points.people, file_stems(points.people), strict=True):
            if "trc" in formats:
                write_trc(points, person, aside / f"{stem}.trc")
            if "csv" in formats:
                write_csv(points, person, aside / f"{stem}.csv")
        if "parquet" in formats:
            write_parquet(points, aside / "points.parquet")
        if "npz" in formats:
            write_npz(points, aside / "points.npz")
        names = sorted(path.name for path in aside.iterdir())
        content = {"program": describe(points, WORLD)["program"], **summary, "files": names}
        write_text(aside / SUMMARY, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return tuple(folder / name for name in (*names, SUMMARY))


def file_stems(people: Sequence[str]) -> list[str]:
    """People's names as file names that every system takes, still unique where case does not count."""
    stems: list[str] = []
    for person in people:
        stem = clean = re.sub(r"[^\w.-]+", "_", person).strip("._") or "person"
        n = 2
        while stem.casefold() in (other.casefold() for other in stems):
            stem, n = f"{clean}_{n}", n + 1
        stems.append(stem)
    return stems


@contextmanager
def _put_in_place(folder: Path) -> Iterator[Path]:
    """A folder beside the files to be, whose content moves into ``folder`` if the block ends well."""
    aside = folder / f".{secrets.token_hex(4)}-writing"
    try:
        aside.mkdir(parents=True)
        yield aside
        written = sorted(aside.iterdir())
        stale = _files_of_last_time(folder) - {path.name for path in written}
        for path in written:
            os.replace(path, folder / path.name)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise SessionError(
            f"{folder} cannot be written to ({error.strerror or error}). Needed: a folder that you may write to, with "
            "free space, and its files closed in other programs. Or choose another folder."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # which only an empty one lets happen


def _files_of_last_time(folder: Path) -> set[str]:
    """Names of files of ours that the summary there lists."""
    try:
        listed = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    names = listed if isinstance(listed, list) else []
    return {name for name in map(str, names) if Path(name).name == name and Path(name).suffix[1:] in FORMATS}
