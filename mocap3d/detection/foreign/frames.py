"""Frame numbers from file names, and the one file that a source stands for."""

import os
import re
from pathlib import Path

from mocap3d.errors import DetectionError

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def number_in(name: str) -> int | None:
    """The last number of a file name, cam01_000012_keypoints.json -> 12; None where there is none."""
    found = _LAST_NUMBER.search(name)
    return int(found[1]) if found else None


def frame_files(folder: Path, suffix: str) -> list[tuple[int, str]]:
    """(frame number, path) of a folder's files in order of their frames; numbers may have gaps.

    Paths are strings: building 60,000 Path objects takes as long as reading the files.
    """
    if not folder.is_dir():
        raise DetectionError(f"{folder} is no folder; needed is a folder with one {suffix} file per frame.")
    names = [entry for entry in os.listdir(folder) if entry.endswith(suffix) and not entry.startswith(".")]
    if not names:
        raise DetectionError(
            f"{folder} holds no {suffix} file; needed is one per frame. Run the detector on this view, or remove "
            "the folder."
        )
    name_of_frame: dict[int, str] = {}
    for name in sorted(names):
        frame = number_in(name.removesuffix(suffix))
        if frame is None:
            raise DetectionError(
                f"{folder / name} has no frame number in its name. Name the files like view_000012{suffix}."
            )
        if frame in name_of_frame:
            raise DetectionError(
                f"{folder}: '{name_of_frame[frame]}' and '{name}' both end in the frame number {frame}. Keep one file "
                f"per frame, named like view_000012{suffix}, and one view per folder."
            )
        name_of_frame[frame] = name
    return [(frame, os.path.join(folder, name_of_frame[frame])) for frame in sorted(name_of_frame)]


def single_file(path: Path, suffixes: tuple[str, ...]) -> Path:
    """The file itself, or the only file with one of ``suffixes`` in a folder."""
    if path.is_file():
        return path
    found = sorted(file for file in path.glob("*") if file.suffix in suffixes) if path.is_dir() else []
    if len(found) != 1:
        raise DetectionError(
            f"{path} holds {len(found) or 'no'} {' or '.join(suffixes)} files; needed is exactly one for this view. "
            "Put the detector's file there, and nothing else."
        )
    return found[0]
