"""Which file of a session folder is its calibration."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.views import natural_key

OURS = "calibration.toml"
FOLDER = "calibration"
SUFFIXES = (".qca.txt", ".qca", ".xcp")
"""Qualisys and Vicon; TOML files are looked into."""
CAMERA_KEYS = {"matrix", "distortions", "rotation", "translation"}
"""Pose2Sim, anipose, FreeMoCap and Caliscope call them so."""


def find_calibration(root: Path, stated: Path | None) -> Path | None:
    """The file session.toml names, else calibration.toml, else the only foreign calibration; None where there is none.

    Looks into the session folder, then into its folder calibration/. SessionError where several foreign ones compete.
    """
    if stated is not None:
        if not (root / stated).is_file():
            raise SessionError(f"{root / 'session.toml'}: calibration = '{stated}' is not a file. Correct the path.")
        return root / stated
    for ours in (root / OURS, root / FOLDER / OURS):
        if ours.is_file():
            return ours
    candidates = [*_foreign(root), *_foreign(root / FOLDER)]
    if len(candidates) > 1:
        names = ", ".join(str(path.relative_to(root)) for path in candidates)
        raise SessionError(
            f"{root} holds several calibrations: {names}. One is needed: write calibration = "
            f'"{candidates[0].relative_to(root).as_posix()}" (or another of them) into session.toml.'
        )
    return candidates[0] if candidates else None


def _foreign(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if path.is_file() and not path.name.startswith(".") and _looks_like_calibration(path):
            yield path


def _looks_like_calibration(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(SUFFIXES) or (name.endswith(".toml") and _holds_cameras(path))


def _holds_cameras(path: Path) -> bool:
    """Whether a TOML file has a table with a lens and a pose; a broken file is left to whoever needs it."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return any(_is_camera(table) for table in _nested(tables))


def _nested(tables: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for table in tables.values():
        if isinstance(table, dict):
            yield table
            yield from _nested(table)


def _is_camera(table: Mapping[str, object]) -> bool:
    return table.keys() >= CAMERA_KEYS
