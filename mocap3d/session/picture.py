"""One picture from a file."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from mocap3d.errors import FormatError


def read_picture(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """RGB; FormatError where there is none."""
    content = np.fromfile(path, dtype=np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if picture is None:
        raise FormatError(f"{path}: no readable picture. Needed: the data set's pictures beside its annotations.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
