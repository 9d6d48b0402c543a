"""Detections drawn into the pictures that they were found in."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from mocap3d.session.read_ahead import read_ahead
from mocap3d.session.records import Detections, VideoInfo
from mocap3d.session.video import frames
from mocap3d.skeletons.skeleton import load_skeleton

COLOURS = ((0, 200, 255), (255, 120, 0), (0, 230, 90), (255, 60, 160), (250, 220, 0), (150, 110, 255))
FAINT = 0.3
"""Keypoints of a lower score are drawn hollow."""
_LINE_OF_HEIGHT = 400
_FIXED_BITS = 3


def overlaid(video: VideoInfo, detections: Detections) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Every frame of a view, with a box and a skeleton for each person; people keep their colours."""
    rows = np.searchsorted(detections.frame.numpy(), np.arange(len(video.t_s) + 1))
    for frame, picture in read_ahead(frames(video.path)):
        picture = np.ascontiguousarray(picture)
        for row in range(rows[frame], rows[frame + 1]):
            draw(picture, detections, row)
        yield picture


def draw(picture: UInt8[np.ndarray, "h w 3"], detections: Detections, row: int) -> None:
    """One sighting, into the picture."""
    person = int(detections.person[row])
    colour, width = COLOURS[person % len(COLOURS)], max(1, round(len(picture) / _LINE_OF_HEIGHT))
    uv_px, score = detections.uv_px[row, :, 0].numpy(), detections.log_weight[row, :, 0].exp().numpy()
    x0, y0, x1, y1 = (int(side) for side in detections.box_px[row].nan_to_num(-1).round().tolist())
    cv2.rectangle(picture, (x0, y0), (x1, y1), colour, 1, cv2.LINE_AA)
    cv2.putText(picture, str(person), (x0, y0 - 3), cv2.FONT_HERSHEY_PLAIN, float(width), colour, width, cv2.LINE_AA)
    for a, b in load_skeleton(detections.keypoint_set).limbs:
        if min(score[a], score[b]) >= FAINT:
            cv2.line(picture, _fixed(uv_px[a]), _fixed(uv_px[b]), colour, width, cv2.LINE_AA, _FIXED_BITS)
    for at, sure in zip(uv_px, score >= FAINT, strict=True):
        if np.isfinite(at).all():
            fill = -1 if sure else 1
            cv2.circle(picture, _fixed(at), 2 * width << _FIXED_BITS, colour, fill, cv2.LINE_AA, _FIXED_BITS)


def _fixed(uv_px: Any) -> tuple[int, int]:
    """Pixels in OpenCV's fixed-point numbers, kept to what it can hold."""
    x, y = np.clip(uv_px * (1 << _FIXED_BITS), -1e5, 1e6).round().astype(int)
    return int(x), int(y)
