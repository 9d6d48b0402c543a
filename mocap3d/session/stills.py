"""Single pictures of a recording without decoding all of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from jaxtyping import UInt8

from mocap3d.errors import SessionError
from mocap3d.session.records import VideoInfo
from mocap3d.session.video import REMEDY, frames

AFFORDABLE_PX = 1.5e9
"""Up to so many pixels a video is decoded from its start, for exactly the wanted frames: some seconds of one core."""

Still = tuple[int, UInt8[np.ndarray, "h w 3"]]
"""Frame number and RGB picture."""


def stills(
    video: VideoInfo, wanted: Sequence[int], *, width_px: int, affordable_px: float = AFFORDABLE_PX
) -> Iterator[Still]:
    """Small pictures of the wanted frames (ascending); of a long video the key frames before them, each once.

    The number that comes with a picture is that of the frame that it shows.
    """
    if not wanted:
        return
    width, height = video.size_px
    size_px = (width_px, max(1, round(height * width_px / width)))
    is_short = (wanted[-1] + 1) * width * height <= affordable_px
    if video.path.is_dir() or is_short or video.path.suffix.lower() == ".avi":  # AVI's times are not its frames'
        for frame, picture in frames(video.path, wanted):
            yield frame, cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return
    yield from _key_frames(video, wanted, size_px)


def _key_frames(video: VideoInfo, wanted: Sequence[int], size_px: tuple[int, int]) -> Iterator[Still]:
    t_s, shown = video.t_s.numpy(), -1
    with _opened(video.path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        first_s = _next_time(container, stream, video.path)
        for frame in wanted:
            tick = round((t_s[frame] + first_s) / float(stream.time_base or 1))
            container.seek(tick, stream=stream, backward=True)
            picture = next(container.decode(stream), None)
            if picture is None or picture.time is None:
                continue
            at = int(np.abs(t_s - (picture.time - first_s)).argmin())
            if at > shown:
                shown = at
                yield at, _upright(picture, size_px)


def _opened(path: Path) -> InputContainer:
    try:
        return av.open(str(path))
    except (FFmpegError, OSError) as error:
        raise SessionError(f"{path} cannot be read as a video ({error.strerror}). {REMEDY}") from None


def _next_time(container: InputContainer, stream: VideoStream, path: Path) -> float:
    """When the first picture is shown, by the container's own clock, which need not start at 0."""
    first = next(container.decode(stream), None)
    if first is None or first.time is None:
        raise SessionError(f"{path}: its first frame cannot be decoded. {REMEDY}")
    return first.time


def _upright(frame: av.VideoFrame, size_px: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    turns, rest = divmod(frame.rotation, 90)
    turns = 0 if rest else turns
    width, height = size_px[::-1] if turns % 2 else size_px
    picture = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, turns)).astype(np.uint8, copy=False)
