"""C3D marker tracks: integers or reals, Intel, DEC or SGI, any number of frames.

A point is missing where its fourth word is negative, whatever its coordinates hold: some programs leave those of the
frame before, or zeros. Read without a library, as those at hand miss SGI files and frames beyond 65,535.

Source: the C3D user guide of c3d.org, and files that ezc3d 1.7 and py-c3d 0.6 wrote.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.c3d_parameters import BLOCK, C3dHeader, read_header
from mocap3d.session.motion_files.markers import Event, MarkerTrial, metres_per
from mocap3d.session.motion_files.tree import unique
from mocap3d.session.rate import exact_rate

log = logging.getLogger("mocap3d")

QUANTITIES = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
MOST_IN_A_WORD = 65535


def read_c3d(path: Path) -> MarkerTrial:
    """Marker tracks, events, and what else is stored as points. Time 0 is where frame 1 is, as events count it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: not readable ({error.strerror}). Needed: a .c3d file.") from error
    header = read_header(raw, path)
    try:
        rate = exact_rate(float((header.numbers("POINT", "RATE").ravel() if _has_rate(header) else [header.rate])[0]))
    except ValueError as error:
        raise FormatError(f"{path}: its frame rate is unusable ({error}). Correct POINT:RATE.") from error
    values, words = _points(raw, header, path)
    labels = _labels(header, path)
    is_marker = np.array([_kind(header, label) is None for label in labels], bool)
    unit = (header.texts("POINT", "UNITS") or ["mm"])[0] or "mm"
    to_m = metres_per(unit, path)
    residual = np.where(words < 0, np.nan, (words.astype(np.int32) & 0xFF) * abs(header.scale) * to_m)
    names = unique([label for label, keep in zip(labels, is_marker, strict=True) if keep])
    t_s = (header.first_frame - 1 + np.arange(len(values))) / float(rate)
    return MarkerTrial(
        path, names, rate, t_s, values[:, is_marker] * to_m, _up(header), residual[:, is_marker],
        _events(header), _quantities(header, labels, values),
    )  # fmt: skip


def _has_rate(header: C3dHeader) -> bool:
    rate = header.numbers("POINT", "RATE").ravel()
    return bool(len(rate) and rate[0] > 0)


def _points(raw: bytes, header: C3dHeader, path: Path) -> tuple[Float[np.ndarray, "t k 3"], np.ndarray]:
    """Coordinates in the unit of the file, NaN where invalid, and the fourth words."""
    is_real = header.scale < 0
    per_frame = 4 * header.n_points + header.n_analog
    start, size = (header.data_block - 1) * BLOCK, per_frame * (4 if is_real else 2)
    n_frames = _n_frames(header)
    n_held = (len(raw) - start) // size if size else n_frames
    if n_held < n_frames:
        raise FormatError(f"{path}: it announces {n_frames} frames and holds {n_held}. It was cut off: copy it again.")
    if n_frames == MOST_IN_A_WORD and (n_held - n_frames) * size >= BLOCK:
        log.warning("%s: states %d frames, the most that fit its header, but holds about %d.", path, n_frames, n_held)
    block = memoryview(raw)[start : start + n_frames * size]
    numbers = header.order.float32(block) if is_real else header.order.int16(block)
    points = numbers.reshape(n_frames, per_frame)[:, : 4 * header.n_points].reshape(n_frames, header.n_points, 4)
    words = np.nan_to_num(points[..., 3], nan=-1).astype(np.int32)
    p = points[..., :3] * (1.0 if is_real else header.scale)
    return np.where((words < 0)[..., None] | np.isnan(p).any(-1, keepdims=True), np.nan, p), words


def _n_frames(header: C3dHeader) -> int:
    """From TRIAL, which may hold two words per number, POINT:LONG_FRAMES, POINT:FRAMES or the header, in this order."""
    if header.n_points + header.n_analog == 0:
        return 0
    first, last = (_two_words(header, f"ACTUAL_{name}_FIELD") for name in ("START", "END"))
    if first is not None and last is not None and last >= first:
        return last - first + 1
    for name in ("LONG_FRAMES", "FRAMES"):
        stated = header.numbers("POINT", name).ravel()
        if len(stated) and stated[0] != 0:
            return int(stated[0]) if name == "LONG_FRAMES" or stated[0] > 0 else int(stated[0]) & 0xFFFF
    return header.last_frame - header.first_frame + 1


def _two_words(header: C3dHeader, name: str) -> int | None:
    words = header.numbers("TRIAL", name).ravel().astype(int) & 0xFFFF
    return int(words[0] + (words[1] << 16)) if len(words) == 2 else None


def _labels(header: C3dHeader, path: Path) -> list[str]:
    """One per point: LABELS goes on in LABELS2, ...; points beyond the last label are numbered."""
    labels = list(header.texts("POINT", "LABELS"))
    n = 2
    while more := header.texts("POINT", f"LABELS{n}"):
        labels, n = labels + more, n + 1
    if len(set(labels[: header.n_points])) < min(len(labels), header.n_points):
        log.warning("%s: labels come more than once; the later ones are numbered, like 'Hand_2'.", path)
    return [labels[k] if k < len(labels) else f"point{k + 1}" for k in range(header.n_points)]


def _kind(header: C3dHeader, label: str) -> str | None:
    return next((kind for kind in QUANTITIES if label and label in header.texts("POINT", kind)), None)


def _quantities(
    header: C3dHeader, labels: list[str], values: Float[np.ndarray, "t k 3"]
) -> Mapping[str, Mapping[str, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    for k, label in enumerate(labels):
        kind = _kind(header, label)
        if kind is not None:
            found.setdefault(kind, {})[label] = values[:, k]
    return found


def _up(header: C3dHeader) -> Literal["x", "y", "z"] | None:
    """The screen's vertical axis, where that is stated."""
    axis = (header.texts("POINT", "Y_SCREEN") or [""])[0].strip().lower().lstrip("+")
    return cast(Literal["x", "y", "z"], axis) if axis in ("x", "y", "z") else None


def _events(header: C3dHeader) -> tuple[Event, ...]:
    """Of the EVENT group, in order of time; times are minutes and seconds."""
    times = header.numbers("EVENT", "TIMES")
    labels, sides = header.texts("EVENT", "LABELS"), header.texts("EVENT", "CONTEXTS")
    if times.ndim != 2 or times.shape[0] != 2:
        return ()
    seconds = (60 * times[0] + times[1]).tolist()
    padded = [*sides, *["General"] * len(labels)]
    events = [Event(t_s, label, side) for t_s, label, side in zip(seconds, labels, padded, strict=False)]
    return tuple(sorted(events, key=lambda event: event.t_s))
