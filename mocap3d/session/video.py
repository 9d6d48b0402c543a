"""Videos by PyAV: sizes and true times without decoding, and frames in order.

Frame i is the i-th picture in order of presentation, here and in every other room.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from jaxtyping import UInt8

from mocap3d.errors import SessionError
from mocap3d.session.images import image_frames, probe_images
from mocap3d.session.rate import frame_times, snapped
from mocap3d.session.records import VideoInfo

SUFFIXES = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".mxf", ".3gp")
)
REMEDY = "Copy the file again from the camera; if it is damaged there too, re-encode what plays of it with ffmpeg."


def is_video(path: Path) -> bool:
    """Whether it is a file of a known video suffix."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def probe(path: Path) -> VideoInfo:
    """Size, rate and frame times of a video, or of a folder of images; SessionError where it is not whole.

    The times are those of the video's packets, read without decoding them; one frame is decoded for the true size.
    """
    if path.is_dir():
        return probe_images(path)
    stamps = _read_stamps(path)
    height, width = _upright(next(_decoded(path, stamps))).shape[:2]
    rate, t_s = frame_times(stamps.ticks, stamps.tick_s, stamps.declared)
    return VideoInfo(path=path, size_px=(width, height), rate=rate, t_s=t_s)


def frames(
    path: Path, indices: Iterable[int] | None = None
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """(index, RGB picture) of the wanted frames of a video or image folder, in ascending order; None = all.

    Decodes from the start and never seeks, so that index and picture belong together in every file. Pictures are
    turned as the container's rotation says, as OpenCV does. SessionError where a frame up to the last wanted is lost.
    """
    wanted = None if indices is None else sorted(set(indices))
    assert not wanted or wanted[0] >= 0, "frames are counted from 0"
    if path.is_dir():
        yield from image_frames(path, wanted)
    elif wanted is None or wanted:
        yield from _video_frames(path, wanted)


def _video_frames(path: Path, wanted: list[int] | None) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    stamps = _read_stamps(path)
    end = len(stamps.ticks) if wanted is None else wanted[-1] + 1
    if end > len(stamps.ticks):
        raise SessionError(f"{path}: frame {end - 1} is wanted, but it has {len(stamps.ticks)} frames. {REMEDY}")
    due = set(range(end) if wanted is None else wanted)
    for index, frame in enumerate(itertools.islice(_decoded(path, stamps), end)):
        if index in due:
            yield index, _upright(frame)


@dataclass(frozen=True, slots=True)
class _Stamps:
    """What a container says of the times of its video, before anything is decoded."""

    ticks: list[int]
    """Presentation times of the frames, ascending."""
    tick_s: Fraction
    declared: list[Fraction]
    """Rates that the container claims, the more trustworthy first."""
    is_on_frames: bool
    """Whether decoded frames carry the same times. Not in AVI: H.264 comes out of it with times out of order."""


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """The container of a video that has a video stream; FFmpeg's complaints become a SessionError."""
    try:
        if path.stat().st_size == 0:
            raise SessionError(f"{path} is empty (0 bytes); a video was needed. {REMEDY}")
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SessionError(
                    f"{path} holds {_streams(container)}, but no pictures. Put the camera's video there."
                )
            yield container
    except (FFmpegError, OSError) as error:
        raise SessionError(f"{path} cannot be read as a video ({error.strerror}). {REMEDY}") from None


def _read_stamps(path: Path) -> _Stamps:
    with _opened(path) as container:  # PyAV's streams die with their container: nothing of them may leave this block
        stream = container.streams.video[0]
        # Only the marks are kept: the packets together are the whole file.
        packets = [(p.pts, p.is_discard, p.is_corrupt) for p in container.demux(stream) if p.size]
        _check_count(len(packets), sum(not is_corrupt for *_, is_corrupt in packets), stream.frames, path)
        # Frames that an edit list cuts away are to be discarded, and no decoder gives them out.
        stated = [pts for pts, is_discard, _ in packets if not is_discard]
        ticks = sorted(tick for tick in stated if tick is not None)
        tick_s = Fraction(stream.time_base or 1)  # from PyAV 19 on its fractions are of a class of its own
        declared = [snapped(Fraction(rate)) for rate in (stream.average_rate, stream.base_rate) if rate]
        if not stated or len(ticks) < len(stated):
            return _without_times(path, len(stated), declared)
        if len(ticks) > 1:
            interval_s = (ticks[-1] - ticks[0]) * tick_s / (len(ticks) - 1)
            _check_end(stream.metadata.get("DURATION", ""), float(ticks[-1] * tick_s + interval_s), path)
        return _Stamps(ticks, tick_s, declared, is_on_frames="avi" not in container.format.name)


def _check_count(n_packets: int, n_whole: int, n_promised: int, path: Path) -> None:
    n_promised = max(n_promised, n_packets)
    if n_whole < n_promised or not n_packets:
        raise SessionError(f"{path} is cut short: {n_whole} of {n_promised or 'all'} frames are there. {REMEDY}")


def _without_times(path: Path, n: int, declared: list[Fraction]) -> _Stamps:
    """A stream whose frames carry no times: all there is is the declared rate."""
    if not declared or not n:
        raise SessionError(f"{path} states no times of its frames and no rate. Re-encode it with ffmpeg -r <rate>.")
    return _Stamps(list(range(n)), 1 / declared[0], declared, is_on_frames=False)


def _check_end(promised: str, end_s: float, path: Path) -> None:
    """Matroska counts no frames, but its writers note when the stream ends, as 00:01:02.345000000; a tenth may lack."""
    try:
        hours, minutes, seconds = map(float, promised.split(":"))
    except ValueError:
        return
    promised_s = hours * 3600 + minutes * 60 + seconds
    if end_s < 0.9 * promised_s:
        raise SessionError(f"{path} is cut short: {end_s:.2f} of {promised_s:.2f} s are there. {REMEDY}")


def _decoded(path: Path, stamps: _Stamps) -> Iterator[av.VideoFrame]:
    """All frames in order of presentation; SessionError at the first that is lost, since all later ones would shift.

    Decoders pass over some damaged frames without a word: only the times tell.
    """
    index = -1
    with _opened(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        try:
            for index, frame in enumerate(container.decode(video=0)):
                if stamps.is_on_frames and stamps.ticks[index : index + 1] != [frame.pts]:
                    raise SessionError(_LOST.format(path, index))
                yield frame
        except FFmpegError:
            raise SessionError(_LOST.format(path, index + 1)) from None
    if index + 1 < len(stamps.ticks):
        raise SessionError(_LOST.format(path, index + 1))


def _upright(frame: av.VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as the camera's display shows it; angles other than quarter turns are left alone, as by OpenCV."""
    turns, rest = divmod(frame.rotation % 360, 90)
    picture = frame.to_ndarray(format="rgb24", threads=1)  # more would be started anew for every picture
    return cv2.rotate(picture, _TURNED[turns]) if turns and not rest else picture


def _streams(container: InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


# By quarter turns to the left. A picture of 1920 x 1080 takes OpenCV 2.5 to 3 ms, and NumPy's rot90 10.
_TURNED = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
_LOST = "{}: frame {} is damaged and cannot be decoded. " + REMEDY
