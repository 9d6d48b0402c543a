"""Detections that were made before, kept in ``derived/detections/`` under a hash of all that they were made from.

An entry holds a span of frames of one view. Its name is a hash of the video's content, the weights, the options that
matter and the code: whatever changes, the name changes, and nothing goes stale. A damaged entry counts as none.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch

from mocap3d.session.files import write_atomically
from mocap3d.session.images import image_paths
from mocap3d.session.records import Detections, ViewId

log = logging.getLogger("mocap3d")

FOLDER = "derived/detections"
_VERSION = 1
_BLOCK = 1 << 22
_FLOATS = ("box_px", "uv_px", "cov_px2", "log_weight")
_INTEGERS = ("frame", "person")
_KNOWN: dict[object, str] = {}
"""Hashes of this run: nobody edits a video within it, but a second look asks again."""


def digest_video(path: Path, told: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 of a video's bytes, or of an image folder's names and bytes; ``told`` how many bytes were read since.

    Size and date are not enough: cameras write files of equal size, and copying programs keep or change dates.
    """
    files = image_paths(path) if path.is_dir() else [path]
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    state = (path.resolve(), *stats)
    if state not in _KNOWN:
        digest = hashlib.sha256()
        for file, (name, size, _) in zip(files, stats, strict=True):
            digest.update(f"{name if path.is_dir() else ''}\0{size}\0".encode())
            for block in _blocks(file):
                digest.update(block)
                told(len(block))
        _KNOWN[state] = digest.hexdigest()
    return _KNOWN[state]


def size_bytes(path: Path) -> int:
    """How much :func:`digest_video` has to read."""
    return sum(p.stat().st_size for p in image_paths(path)) if path.is_dir() else path.stat().st_size


def key_of(parts: Mapping[str, object]) -> str:
    """One name for everything that the result depends on; the program's own code is added."""
    text = json.dumps({**parts, "code": code_digest(), "version": _VERSION}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def code_digest() -> str:
    """Hash of the source of this room, foreign formats aside: so nobody has to remember to raise a number."""
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here / "estimators").glob("*.py")])
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


class Cache:
    """The entries of one session."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def path(self, view: ViewId, key: str, first: int) -> Path:
        """Where the span of a view that begins with frame ``first`` lies."""
        return self.folder / f"{view}-{key}-{first:07d}.npz"

    def read(self, view: ViewId, key: str, first: int) -> Detections | None:
        """The entry; None where there is none, or a damaged one, which is told."""
        path = self.path(view, key, first)
        if not path.exists():
            return None
        try:
            return _read(path, view, key)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("%s is damaged (%s): these frames are looked at again.", path, error)
            return None

    def write(self, detections: Detections, key: str, first: int) -> None:
        """Keeps an entry, whole or not at all, in single precision: see :func:`stored`."""
        arrays = {name: getattr(detections, name).numpy().astype(np.float32) for name in _FLOATS}
        arrays |= {name: getattr(detections, name).numpy() for name in _INTEGERS}
        names = {"key": key, "keypoint_set": detections.keypoint_set, "n_frames": detections.n_frames}
        with write_atomically(self.path(detections.view, key, first)) as file:
            np.savez_compressed(file, **names, **arrays)


def stored(detections: Detections) -> Detections:
    """As an entry gives them back: what was just found and what was kept must be equal to the last bit."""
    rounded = {name: getattr(detections, name).float().double() for name in _FLOATS}
    whole = {name: getattr(detections, name) for name in _INTEGERS}
    return Detections(
        view=detections.view, keypoint_set=detections.keypoint_set, n_frames=detections.n_frames, **whole, **rounded
    )


def _read(path: Path, view: ViewId, key: str) -> Detections:
    with np.load(path, allow_pickle=False) as content:
        held = {name: content[name] for name in content.files}
    if str(held["key"]) != key:
        raise ValueError("it belongs to something else")
    n, (_, k, m, *_) = len(held["frame"]), held["uv_px"].shape
    shapes = {
        "person": (n,),
        "box_px": (n, 4),
        "uv_px": (n, k, m, 2),
        "cov_px2": (n, k, m, 2, 2),
        "log_weight": (n, k, m),
    }
    if any(held[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("its arrays do not fit each other")
    floats = {name: torch.from_numpy(held[name].astype(np.float64)) for name in _FLOATS}
    integers = {name: torch.from_numpy(held[name]) for name in _INTEGERS}
    return Detections(
        view=view, keypoint_set=str(held["keypoint_set"]), n_frames=int(held["n_frames"]), **integers, **floats
    )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
