"""How a result was made: versions, settings, and the hashes of the files that it came from."""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mocap3d.session.records import Session

_PACKAGES = ("mocap3d", "torch", "numpy", "scipy", "numba", "opencv-contrib-python-headless", "av")
HASHED_BYTES = 64 << 20
"""Larger files are told by their size: reading hours of video would take longer than everything else."""


def versions() -> dict[str, str]:
    """Of Python and of what computes; a package that was never installed says so."""
    return {"Python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def inputs(session: Session) -> Iterator[tuple[str, str]]:
    """(path within the session, SHA-256 or size) of session.toml, the calibration, videos and keypoints."""
    single = [session.root / "session.toml", *([session.calibration] if session.calibration else [])]
    for path in single:
        if path.is_file():
            yield _within(session.root, path), fingerprint(path)
    for path in [video.path for video in session.videos.values()]:
        yield _within(session.root, path), fingerprint(path)
    for source in session.keypoints.values():
        yield _within(session.root, source.path), fingerprint(source.path)


def fingerprint(path: Path) -> str:
    """SHA-256 of a small file; the size of a large one, and the number of files of a folder."""
    if path.is_dir():
        return f"{sum(1 for _ in path.iterdir()):,} files"
    size = path.stat().st_size
    if size > HASHED_BYTES:
        return f"{size / 2**20:,.0f} MB, too large to be hashed here"
    with path.open("rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"


def flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested option tables as (dotted key, value)."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"


def _within(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
