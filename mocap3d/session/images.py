"""A folder of images as a view's video: one image per frame, in natural order of their names."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.error import FFmpegError
from jaxtyping import UInt8

from mocap3d.errors import SessionError
from mocap3d.session.records import VideoInfo
from mocap3d.session.views import natural_key

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def image_paths(folder: Path) -> list[Path]:
    """The folder's images in natural order: frame2 before frame10."""
    images = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return sorted(images, key=lambda p: natural_key(p.name))


def probe_images(folder: Path) -> VideoInfo:
    """Size and number of images, from their headers and the first picture; no rate, and so times of NaN.

    SessionError where there are none, one is unreadable, or their sizes differ.
    """
    paths = image_paths(folder)
    if not paths:
        raise SessionError(
            f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}). Put one per frame there, or remove the folder."
        )
    stored = _stored_size(paths[0])
    for path in paths:
        _check_size(path, _stored_size(path), paths[0], stored)
    height, width = _read(paths[0]).shape[:2]
    unknown = torch.full((len(paths),), torch.nan, dtype=torch.float64)
    return VideoInfo(path=folder, size_px=(width, height), rate=None, t_s=unknown)


def image_frames(
    folder: Path, indices: Sequence[int] | None
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """(index, RGB picture) of the wanted images, all where None; turned as their EXIF says."""
    paths = image_paths(folder)
    wanted = range(len(paths)) if indices is None else indices
    first = None
    for index in wanted:
        if index >= len(paths):
            raise SessionError(
                f"{folder}: frame {index} is wanted, but it holds {len(paths)} images. Add the missing ones."
            )
        picture = _read(paths[index])
        first = first or (paths[index], picture.shape[1::-1])
        _check_size(paths[index], picture.shape[1::-1], *first)
        yield index, picture


def _read(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    # Not cv2.imread: on Windows it cannot open names outside the system's code page.
    content = np.fromfile(path, dtype=np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if picture is None:
        raise _unreadable(path)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _stored_size(path: Path) -> tuple[int, int]:
    """(width, height) of the pixels in the file, before EXIF turns them."""
    with path.open("rb") as file:
        head = file.read(24)
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 24:  # PyAV would decode it: 20 ms for 2 Mpx, this 0.05
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.width and stream.height:
                return stream.width, stream.height
    except (FFmpegError, OSError, IndexError):
        pass
    raise _unreadable(path)


def _check_size(path: Path, size: tuple[int, ...], first: Path, first_size: tuple[int, ...]) -> None:
    if size != first_size:
        raise SessionError(
            f"{path} has {size[0]}x{size[1]} px, but {first.name} has {first_size[0]}x{first_size[1]}. All images of "
            "a view must be of one size, as the camera gave them. Remove the odd ones, or export them again."
        )


def _unreadable(path: Path) -> SessionError:
    return SessionError(
        f"{path} cannot be read as an image. Export it again; removing it would shift all later frames."
    )
