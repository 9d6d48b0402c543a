"""Which file of a session folder is its calibration; or which folder, where several files are one."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.views import natural_key

OURS = "calibration.toml"
FOLDER = "calibration"
SUFFIXES = (".qca.txt", ".qca", ".xcp")
"""Qualisys and Vicon; others are looked into."""
SETS = (
    {"intri.yml", "extri.yml"},
    {"intrinsics.yml", "extrinsics.yml"},
    {"cameras.txt", "images.txt"},
    {"cameras.bin", "images.bin"},
)
"""Of EasyMocap, OpenCV's stereo sample and COLMAP: one calibration each."""
OPENCAP = "*/cameraIntrinsicsExtrinsics.pickle"
ONE_CAMERA = rb"^camera_matrix\s*:|<camera_matrix"
"""OpenCV writes a file per camera."""
SIGNS = {
    ".xml": rb"<camera\b|" + ONE_CAMERA,
    ".txt": rb"<camera\b",
    ".json": rb'"camera_poses"',
    ".yml": rb"^(nb_camera|cam\d+)\s*:|" + ONE_CAMERA,
    ".yaml": rb"^(nb_camera|cam\d+)\s*:|" + ONE_CAMERA,
}
"""Theia and Qualisys, MultiCal, MC-Calib, Kalibr and OpenCV: what stands near the beginning."""
START_BYTES = 65536
CAMERA_KEYS = {"matrix", "distortions", "rotation", "translation"}
"""Pose2Sim, anipose, FreeMoCap and Caliscope call them so."""


def find_calibration(root: Path, stated: Path | None) -> Path | None:
    """The file session.toml names, else calibration.toml, else the only foreign calibration; None where there is none.

    Looks into the session folder, then into its folder calibration/. SessionError where several foreign ones compete.
    """
    if stated is not None:
        if not (root / stated).exists():
            toml = root / "session.toml"
            raise SessionError(f"{toml}: calibration = '{stated}' is not a file or folder. Correct the path.")
        return root / stated
    for ours in (root / OURS, root / FOLDER / OURS):
        if ours.is_file():
            return ours
    candidates = [*calibrations_in(root), *calibrations_in(root / FOLDER)]
    if len(candidates) > 1:
        names = ", ".join(str(path.relative_to(root)) for path in candidates)
        raise SessionError(
            f"{root} holds several calibrations: {names}. One is needed: write calibration = "
            f'"{candidates[0].relative_to(root).as_posix()}" (or another of them) into session.toml.'
        )
    return candidates[0] if candidates else None


def calibrations_in(folder: Path) -> Iterator[Path]:
    """Other programs' calibrations that lie in a folder; the folder itself where its files are one."""
    if not folder.is_dir():
        return
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    names = {path.name for path in files}
    per_camera = [
        path for path in files if path.suffix.lower() in (".yml", ".yaml", ".xml") and _begins(path, ONE_CAMERA)
    ]
    if any(each <= names for each in SETS) or any(folder.glob(OPENCAP)) or len(per_camera) > 1:
        yield folder
        return
    yield from (path for path in sorted(files, key=lambda p: natural_key(p.name)) if _looks_like_calibration(path))


def _looks_like_calibration(path: Path) -> bool:
    name, suffix = path.name.lower(), path.suffix.lower()
    if name.endswith(SUFFIXES):
        return True
    return _holds_cameras(path) if suffix == ".toml" else suffix in SIGNS and _begins(path, SIGNS[suffix])


def _begins(path: Path, sign: bytes) -> bool:
    """Whether a sign stands near the beginning of a file; one that cannot be read is left to whoever needs it."""
    with suppress(OSError), path.open("rb") as file:
        return re.search(sign, file.read(START_BYTES), re.MULTILINE | re.IGNORECASE) is not None
    return False


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
