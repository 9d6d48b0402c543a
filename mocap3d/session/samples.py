"""Pictures of single people with their keypoints, as they lie on disk: what synthesis writes and training reads.

One file (a shard) is an npz archive without pickle. Pictures stay as JPEG or PNG bytes, so that a shard of a thousand
crops is some ten megabytes and reading it costs no decoding.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Int8, Int64, UInt8, UInt16

from mocap3d.errors import FormatError
from mocap3d.session.files import write_atomically
from mocap3d.session.views import natural_key

_KIND = "mocap3d samples 1"
_BYTES = ("encoded", "inverse_depth")
_LAYOUT: dict[str, tuple[type, tuple[str | int, ...]]] = {
    "uv_px": (np.float32, ("n", "k", 2)),
    "visibility": (np.int8, ("n", "k")),
    "weight": (np.float32, ("n", "k")),
    "p_in_cam": (np.float32, ("n", "k", 3)),
    "matrix": (np.float32, ("n", 3, 3)),
    "cam_from_world": (np.float32, ("n", 3, 4)),
    "instant": (np.int64, ("n",)),
    "clip": (np.int64, ("n",)),
    "frame": (np.int64, ("n",)),
}
FULL_SCALE_PER_M = 8.0
"""Inverse depth, in 1/m, that a 16-bit picture stores as 65535; what is nearer than 12.5 cm is cut off there."""


class Visibility(IntEnum):
    """What a picture shows of a keypoint."""

    UNKNOWN = 0
    """Outside the picture, or not labelled."""
    HIDDEN = 1
    """Behind the own body, another person or a thing."""
    VISIBLE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A shard of n person crops and their labels for k keypoints. Pixels are the crop's; NaN is unknown."""

    encoded: tuple[bytes, ...]
    """The pictures, JPEG or PNG."""
    uv_px: Float32[np.ndarray, "n k 2"]
    """Also where hidden, and where outside of the picture."""
    visibility: Int8[np.ndarray, "n k"]
    weight: Float32[np.ndarray, "n k"]
    """How far a label is to be believed: 1 is exact, less is a pseudo-label, 0 none."""
    p_in_cam: Float32[np.ndarray, "n k 3"]
    """Metres."""
    matrix: Float32[np.ndarray, "n 3 3"]
    """Camera matrix of the crop."""
    cam_from_world: Float32[np.ndarray, "n 3 4"]
    """Rotation beside translation in metres."""
    instant: Int64[np.ndarray, " n"]
    """Equal numbers: the same person at the same moment, seen by other cameras; -1 stands alone."""
    clip: Int64[np.ndarray, " n"]
    """Equal numbers: the same person in one motion; -1 where there is only a still."""
    frame: Int64[np.ndarray, " n"]
    """Running number in the clip; 0 for a still."""
    inverse_depth: tuple[bytes, ...] | None = None
    """16-bit PNGs of 1/depth, 65535 being FULL_SCALE_PER_M; 0 is background."""

    def __len__(self) -> int:
        return len(self.encoded)

    def picture(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """A crop, RGB."""
        picture = cv2.imdecode(np.frombuffer(self.encoded[index], np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise FormatError(f"sample {index} is not readable as a JPEG or PNG picture. Make the shard again.")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def inverse_depth_per_m(self, index: int) -> Float32[np.ndarray, "h w"]:
        """A crop's 1/depth, 0 where there is only background; FormatError where the shard holds none."""
        if self.inverse_depth is None:
            raise FormatError("this shard holds no depth. Make it again with depth (`mocap3d synth people --depth`).")
        stored = cv2.imdecode(np.frombuffer(self.inverse_depth[index], np.uint8), cv2.IMREAD_UNCHANGED)
        if stored is None or stored.dtype != np.uint16:
            raise FormatError(f"the depth of sample {index} is not a 16-bit PNG. Make the shard again.")
        return stored.astype(np.float32) * np.float32(FULL_SCALE_PER_M / 65535)


def encoded_inverse_depth(per_m: Float32[np.ndarray, "h w"]) -> bytes:
    """1/depth as the 16-bit PNG that :class:`Samples` holds."""
    stored: UInt16[np.ndarray, "h w"] = np.round(np.clip(per_m / FULL_SCALE_PER_M, 0, 1) * 65535).astype(np.uint16)
    return cv2.imencode(".png", stored)[1].tobytes()


def write_samples(path: Path, samples: Samples) -> None:
    """One shard, wholly there or not at all; the same samples give the same bytes."""
    arrays: dict[str, Any] = {"kind": np.array(_KIND)}
    for name in _LAYOUT:
        arrays[name] = getattr(samples, name)
    for name in _BYTES:
        blobs: Sequence[bytes] | None = getattr(samples, name)
        if blobs is not None:
            arrays[name] = np.frombuffer(b"".join(blobs), np.uint8)
            arrays[f"{name}_size"] = np.array([len(blob) for blob in blobs], np.int64)
    with write_atomically(path) as file:
        np.savez(file, **arrays)


def read_samples(path: Path) -> Samples:
    """The shard that :func:`write_samples` wrote; FormatError where it is another file, or a torn one."""
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path}: not readable as samples ({error}). Make it again.") from error
    if str(content.get("kind")) != _KIND:
        found = content.get("kind", "no 'kind'")
        raise FormatError(f"{path}: found {found}, needed '{_KIND}'. Make it again with this version.")
    try:
        arrays: dict[str, Any] = {name: content[name] for name in _LAYOUT}
        blobs: dict[str, Any] = {name: _split(content, name) for name in _BYTES if f"{name}_size" in content}
        encoded = blobs.pop("encoded")
    except (KeyError, IndexError) as error:
        raise FormatError(f"{path}: the field {error} is missing. Make it again.") from error
    _check(path, arrays, len(encoded), blobs)
    return Samples(encoded, **arrays, **blobs)


def read_folder(folder: Path) -> list[Path]:
    """The shards of a folder in natural order; FormatError where there are none."""
    if not folder.is_dir():
        raise FormatError(f"{folder}: there is no such folder. Needed: one that `mocap3d synth people` wrote.")
    paths = sorted(
        (path for path in folder.glob("*.npz") if not path.name.startswith(".")),
        key=lambda path: natural_key(path.name),
    )
    if not paths:
        raise FormatError(f"{folder} holds no .npz shards. Make some with `mocap3d synth people --out {folder}`.")
    return paths


def _split(content: dict[str, np.ndarray], name: str) -> tuple[bytes, ...]:
    whole = content[name].tobytes()
    ends = np.cumsum(content[f"{name}_size"])
    return tuple(whole[end - size : end] for end, size in zip(ends, content[f"{name}_size"], strict=True))


def _check(path: Path, arrays: dict[str, Any], n: int, blobs: dict[str, Any]) -> None:
    """Every field is of the n pictures and the same keypoints, and finite where it must be."""
    n_keypoints = arrays["uv_px"].shape[1] if arrays["uv_px"].ndim == 3 else -1
    sizes = {"n": n, "k": n_keypoints}
    for name, (dtype, shape) in _LAYOUT.items():
        needed = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in shape)
        found = arrays[name]
        if found.shape != needed or found.dtype != dtype:
            raise FormatError(
                f"{path}: {name} is {found.dtype} of the shape {found.shape}, needed {np.dtype(dtype)} of {needed}. "
                "Make it again."
            )
    if "inverse_depth" in blobs and len(blobs["inverse_depth"]) != n:
        raise FormatError(f"{path}: {len(blobs['inverse_depth'])} depth pictures for {n} samples. Make it again.")
    if not np.isfinite(arrays["uv_px"][arrays["visibility"] != Visibility.UNKNOWN]).all():
        raise FormatError(f"{path}: a labelled keypoint has no position. Mark it UNKNOWN, or leave it out.")
