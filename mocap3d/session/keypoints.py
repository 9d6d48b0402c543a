"""Which program wrote a view's 2D keypoints; the files are looked into, not read."""

from pathlib import Path

import h5py

from mocap3d.errors import SessionError
from mocap3d.session.records import KeypointSource

SUFFIXES = frozenset({".json", ".h5", ".hdf5", ".csv", ".npz", ".slp"})
KNOWN = (
    "a folder of OpenPose JSON (one file per frame), COCO .json, DeepLabCut .h5 or .csv, SLEAP analysis .h5, "
    "mocap3d .npz"
)
HEAD_BYTES = 4096


def may_be_keypoints(path: Path) -> bool:
    """Whether a file or folder is to be looked at; pictures, notes and hidden files are not."""
    if path.name.startswith("."):
        return False
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def keypoint_source(path: Path) -> KeypointSource:
    """The source with its format, told from the content; SessionError where that is none of the known ones."""
    if not path.exists():
        raise SessionError(f"{path} is not there. Needed: {KNOWN}. Correct the path in session.toml.")
    try:
        return KeypointSource(path=path, format=_format(path))
    except OSError as error:
        raise SessionError(
            f"{path} cannot be read as keypoints ({error.strerror or error}). Needed: {KNOWN}."
        ) from None


def _format(path: Path) -> str:
    if path.is_dir():
        return _of_folder(path)
    match path.suffix.lower():
        case ".npz":
            return "mocap3d"
        case ".h5" | ".hdf5":
            return _of_hdf5(path)
        case ".csv":
            return _of_csv(path)
        case ".json":
            return _of_json(path)
        case ".slp":
            raise SessionError(
                f"{path} is a SLEAP project. In SLEAP choose File > Export Analysis HDF5, and put that here instead."
            )
    raise SessionError(f"{path} is in no known keypoint format. Needed: {KNOWN}.")


def _of_folder(folder: Path) -> str:
    first = min((p for p in folder.iterdir() if p.suffix == ".json" and not p.name.startswith(".")), default=None)
    if first is None:
        raise SessionError(f"{folder} holds no JSON files. Needed: {KNOWN}. Put them there, or remove the folder.")
    if '"people"' not in _head(first):
        raise SessionError(f'{first} is not a frame of OpenPose: it has no "people". Needed: {KNOWN}.')
    return "openpose"


def _of_json(path: Path) -> str:
    head = _head(path)
    if '"people"' in head:
        raise SessionError(
            f"{path} is a single frame of OpenPose. Put the frames of a view into a folder of its name, e.g. "
            f"{path.parent / 'cam1'}."
        )
    if head.lstrip("\ufeff \r\n\t")[:1] not in ("[", "{") or not head.strip():
        raise SessionError(f"{path} is not JSON. Needed: {KNOWN}. Export it again.")
    return "coco"


def _of_csv(path: Path) -> str:
    if not _head(path).lstrip("\ufeff").startswith("scorer"):
        raise SessionError(
            f"{path} is not a table of DeepLabCut: its first row does not begin with 'scorer'. Needed: {KNOWN}."
        )
    return "deeplabcut"


def _of_hdf5(path: Path) -> str:
    with h5py.File(path, "r") as file:
        if {"tracks", "node_names"} <= set(file):
            return "sleap"
        # pandas marks each table it writes; DeepLabCut's is called df_with_missing.
        if any("pandas_type" in item.attrs for item in file.values()):
            return "deeplabcut"
        names = ", ".join(sorted(file)) or "nothing"
    raise SessionError(
        f"{path} is neither a SLEAP analysis file (tracks, node_names) nor DeepLabCut's (df_with_missing); it holds "
        f"{names}. Export it again from that program."
    )


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES).decode("utf-8", errors="replace")
