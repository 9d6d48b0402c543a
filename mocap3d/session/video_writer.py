"""Pictures to a video file that every player shows."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from mocap3d.session.files import written_aside


def write_video(path: Path, pictures: Iterable[UInt8[np.ndarray, "h w 3"]], rate: Fraction) -> None:
    """H.264 of RGB pictures of one size, whole or not at all; an odd last column or row is left out."""
    with written_aside(path) as aside, av.open(str(aside), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "23", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        for n, picture in enumerate(pictures):
            height, width = (side - side % 2 for side in picture.shape[:2])
            if n == 0:
                stream.width, stream.height = width, height
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
