"""The results folder: every format of every person, put in place together, and what an earlier run left taken away."""

import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from mocap3d.errors import FormatError, SessionError
from mocap3d.export.animated import write_person_bvh, write_person_glb
from mocap3d.export.c3d import write_c3d
from mocap3d.export.csv import write_csv
from mocap3d.export.description import program_version
from mocap3d.export.mot import write_mot
from mocap3d.export.motion_npz import write_motion_npz
from mocap3d.export.npz import write_npz
from mocap3d.export.options import ExportOptions
from mocap3d.export.osim import write_ik_setup, write_osim
from mocap3d.export.parquet import write_angles_parquet, write_joints_parquet, write_parquet
from mocap3d.export.trc import write_trc
from mocap3d.session.files import check_replaceable, write_text
from mocap3d.session.motion_files.markers import Event
from mocap3d.session.records import JointAngles, Motion, Points3D

log = logging.getLogger("mocap3d")

Format = Literal["trc", "c3d", "csv", "parquet", "npz", "bvh", "glb", "mot", "osim"]
ALL_FORMATS: tuple[Format, ...] = get_args(Format)
NEED_MOTION: tuple[Format, ...] = ("bvh", "glb", "mot", "osim")
FORMATS: tuple[Format, ...] = ALL_FORMATS
"""What is written unless asked otherwise."""
RESULTS = "results"
"""The folder of a session into which they go."""
SUMMARY, POINTS, MOTION = "summary.json", "points.npz", "motion.npz"
_ENDINGS = {*ALL_FORMATS, "xml", "html"}


@dataclass(frozen=True, slots=True)
class Results:
    """Everything there is to export."""

    points: Points3D
    motion: Motion | None = None
    angles: JointAngles | None = None
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    """Gait events by person."""


def write_results(
    points: Points3D,
    summary: Mapping[str, Any],
    folder: Path,
    formats: Sequence[Format] = FORMATS,
    *,
    motion: Motion | None = None,
    angles: JointAngles | None = None,
    events: Mapping[str, Sequence[Event]] | None = None,
    also: Mapping[str, Callable[[Path], None]] | None = None,
) -> tuple[Path, ...]:
    """A file per person and format, tables and archives of all people, ``also`` by name, and summary.json; their paths.

    All files appear together, after all have been written: an error or Ctrl-C leaves the folder as it was. Files that
    an earlier summary.json lists and this one does not are removed, so that nobody of an earlier run stays behind.
    """
    results = Results(points, motion, angles, events or {})
    if motion is None and (needing := [name for name in formats if name in NEED_MOTION]):
        log.warning("No skeleton was fitted, so there is no %s.", ", ".join(needing))
    with _put_in_place(folder, take_away=True) as aside:
        _write_formats(results, aside, formats, points.people, ExportOptions())
        for name, write in (also or {}).items():
            write(aside / name)
        names = sorted(path.name for path in aside.iterdir())
        content = {"program": f"mocap3d {program_version()}", **summary, "files": names}
        write_text(aside / SUMMARY, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return tuple(folder / name for name in (*names, SUMMARY))


def write_more(
    results: Results, folder: Path, formats: Sequence[Format], options: ExportOptions, people: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Files of further formats into a folder, beside what is there; their paths. A file of the same name is replaced.

    ``people`` are those to write, all where none is named. Refuses formats that need a motion where there is none.
    """
    if results.motion is None and (needing := [name for name in formats if name in NEED_MOTION]):
        raise FormatError(
            f"{', '.join(needing)} need a fitted skeleton, and these results hold points only. Reconstruct the session "
            "again with the skeleton fit, or export trc, c3d, csv, parquet or npz."
        )
    for person in people:
        if person not in results.points.people:
            known = ", ".join(results.points.people) or "nobody"
            raise FormatError(f"there is no person '{person}' in these results. Name one of: {known}.")
    with _put_in_place(folder, take_away=False) as aside:
        _write_formats(results, aside, formats, people or results.points.people, options)
        names = sorted(path.name for path in aside.iterdir())
    _list_more(folder, names)
    return tuple(folder / name for name in names)


def check_writable(folder: Path) -> None:
    """Refuses a folder that results could not be written into: before the hours that they may take, not after them."""
    check_replaceable(folder / name for name in sorted(_files_of_last_time(folder)))
    with _put_in_place(folder, take_away=False):
        pass


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


def _write_formats(
    results: Results, folder: Path, formats: Sequence[Format], people: Sequence[str], options: ExportOptions
) -> None:
    stem_of = dict(zip(results.points.people, file_stems(results.points.people), strict=True))
    for person in people:
        for name, write in _of_person(results, person, options).items():
            if name in formats:
                write(folder / f"{stem_of[person]}.{name}")
    if "parquet" in formats:
        write_parquet(results.points, folder / "points.parquet")
        if results.motion is not None:
            write_joints_parquet(results.motion, folder / "joints.parquet")
        if results.angles is not None:
            write_angles_parquet(results.angles, folder / "angles.parquet")
    if "npz" in formats:
        write_npz(results.points, folder / POINTS)
        if results.motion is not None:
            write_motion_npz(results.motion, results.angles, folder / MOTION)


def _of_person(results: Results, person: str, options: ExportOptions) -> dict[Format, Callable[[Path], None]]:
    """What writes each of one person's files."""
    points, motion, angles = results.points, results.motion, results.angles
    up = "z" if options.target == "visual3d" else "y"
    has_skeleton = motion is not None and person in motion.people
    segments_of = motion if has_skeleton and options.target == "visual3d" else None
    events = results.events.get(person, ())
    writers: dict[Format, Callable[[Path], None]] = {
        "trc": lambda path: write_trc(points, person, path, up=up),
        "c3d": lambda path: write_c3d(points, person, path, events, segments_of=segments_of),
        "csv": lambda path: write_csv(points, person, path, motion=motion, angles=angles),
    }
    if motion is not None and person in motion.people and _is_placed(motion, person):
        writers |= {
            "bvh": lambda path: write_person_bvh(motion, person, path, options),
            "glb": lambda path: write_person_glb(motion, person, path, options),
            "mot": lambda path: write_mot(motion, person, path),
            "osim": lambda path: _write_model(points, motion, person, path),
        }
    return writers


def _write_model(points: Points3D, motion: Motion, person: str, path: Path) -> None:
    """The model, the set-up of its inverse kinematics, and the markers for that: it runs as it is."""
    setup, markers = path.with_name(f"{path.stem}_ik.xml"), path.with_suffix(".trc")
    write_osim(motion, person, points.skeleton, path)
    write_ik_setup(motion, person, points.skeleton, setup, model=path.name, markers=markers.name)
    write_trc(points, person, markers)


def _is_placed(motion: Motion, person: str) -> bool:
    """Whether there is a single instant to write; a person without one is said, and does not stop the others' files."""
    is_placed = bool(motion.root_in_world[:, motion.people.index(person)].isfinite().all(-1).any())
    if not is_placed:
        log.warning("%s has no fitted skeleton at any instant: no %s is written.", person, ", ".join(NEED_MOTION))
    return is_placed


@contextmanager
def _put_in_place(folder: Path, *, take_away: bool) -> Iterator[Path]:
    """A folder beside the files to be, whose content moves into ``folder`` if the block ends well."""
    aside = folder / f".{secrets.token_hex(4)}-writing"
    try:
        aside.mkdir(parents=True)
        yield aside
        written = sorted(aside.iterdir())
        stale = _files_of_last_time(folder) - {path.name for path in written} if take_away else set()
        check_replaceable(folder / name for name in sorted(stale.union(path.name for path in written)))
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


def _list_more(folder: Path, names: Sequence[str]) -> None:
    """Adds files to those of the summary there, so that the next reconstruction takes them away too."""
    try:
        content = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        content["files"] = sorted({*content["files"], *names})
    except (OSError, ValueError, KeyError, TypeError):
        return
    write_text(folder / SUMMARY, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _files_of_last_time(folder: Path) -> set[str]:
    """Names of files of ours that the summary there lists."""
    try:
        listed = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    names = listed if isinstance(listed, list) else []
    return {name for name in map(str, names) if Path(name).name == name and Path(name).suffix[1:] in _ENDINGS}
