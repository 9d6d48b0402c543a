"""Where other programs keep what mocap3d looks for in videos/, keypoints/, calibration/ and session.toml."""

import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.calibration_file import calibrations_in, find_calibration
from mocap3d.session.keypoints import may_be_keypoints
from mocap3d.session.rate import exact_rate
from mocap3d.session.video import is_video

_PLACES: dict[str, tuple[tuple[str, ...], Callable[[Path], bool]]] = {
    "videos": (("synchronized_videos", "videos-raw"), is_video),
    "keypoints": (("pose-sync", "pose", "pose-2d"), may_be_keypoints),
}
"""Of FreeMoCap and anipose; of Pose2Sim (what it has put in step comes first) and anipose."""
_UPWARDS = 2
"""Pose2Sim keeps the calibration beside its trials, or beside their participants."""


def found_elsewhere(root: Path) -> dict[str, tuple[str, ...]]:
    """For keys of session.toml what they could say, best first: other programs' places where the usual one is empty."""
    found = {
        key: tuple(name for name in names if _holds(root / name, is_wanted))
        for key, (names, is_wanted) in _PLACES.items()
        if not _holds(root / key, lambda path: not path.name.startswith("."))
    }
    return {key: places for key, places in (found | {"calibration": _calibrations_above(root)}).items() if places}


def rate_elsewhere(root: Path) -> tuple[Path, Fraction] | None:
    """The frame rate that Pose2Sim's nearest Config.toml states for a trial, and that file; None where it is 'auto'."""
    folder = root.resolve()
    for path in (folder / "Config.toml", *(above / "Config.toml" for above in islice(folder.parents, _UPWARDS))):
        with suppress(OSError, ValueError, KeyError, TypeError):
            stated = tomllib.loads(path.read_text(encoding="utf-8-sig"))["project"]["frame_rate"]
            return None if stated == "auto" else (path, exact_rate(stated))
    return None


def lie_within(root: Path) -> Iterator[Path]:
    """Folders in a folder that look like sessions, of ours or of others."""
    names = {*_PLACES, *(name for places, _ in _PLACES.values() for name in places)}
    for inner in sorted(root.iterdir()):
        if not inner.name.startswith(".") and any((inner / name).is_dir() for name in names):
            yield inner


def _holds(folder: Path, is_wanted: Callable[[Path], bool]) -> bool:
    return folder.is_dir() and any(map(is_wanted, folder.iterdir()))


def _calibrations_above(root: Path) -> tuple[str, ...]:
    """Those in the nearest folder called like one above a session without any."""
    try:
        if find_calibration(root, None) is not None:
            return ()
    except SessionError:  # several
        return ()
    above = root.resolve()
    for _ in range(_UPWARDS):
        above = above.parent
        if not os.access(above, os.R_OK | os.X_OK):
            return ()
        folders = sorted(path for path in above.iterdir() if path.name.lower().startswith("calib") and path.is_dir())
        if found := [path for folder in folders for path in calibrations_in(folder)]:
            return tuple(Path(os.path.relpath(path, root.resolve())).as_posix() for path in found)
    return ()
