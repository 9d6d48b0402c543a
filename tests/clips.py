"""Small videos whose every frame shows its own number, so that a frame can be recognised after decoding."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE_PX = (64, 48)


def picture(index: int) -> np.ndarray:
    """Grey that tells the index, with a red mark in the top left corner that tells which way is up."""
    image = np.full((*SIZE_PX[::-1], 3), 10 + 5 * index, np.uint8)
    image[:16, :16] = (255, 0, 0)
    return image


def index_of(image: np.ndarray) -> int:
    """The index that a decoded picture shows, from its middle."""
    height, width = image.shape[:2]
    return round((float(image[height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4].mean()) - 10) / 5)


def make_clip(
    path: Path,
    *,
    n: int = 12,
    rate: Fraction | int = 30,
    ticks: Sequence[int] | None = None,
    tick_s: Fraction = Fraction(1, 1000),
    rotation_deg: float = 0,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a video with PyAV: ``ticks`` are its presentation times in ``tick_s``, else the rate makes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if ticks is not None:
            stream.codec_context.time_base = tick_s
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for index in range(n):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts = index
            if ticks is not None:
                frame.pts, frame.time_base = ticks[index], tick_s
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
