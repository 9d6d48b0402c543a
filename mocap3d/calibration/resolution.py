"""What to do when a video has another size than its camera was calibrated at."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.session.records import ViewId
from mocap3d.session.views import listed

log = logging.getLogger("mocap3d")

PADDING_PX = 16
"""Video codecs pad pictures to multiples of 16 px."""
ASPECT_TOLERANCE = 0.005

Size = tuple[int, int]


def fit_to_videos(cameras: Mapping[ViewId, Camera], sizes_px: Mapping[ViewId, Size]) -> dict[ViewId, Camera]:
    """Each view's camera for a video of (width, height): itself, a rescaled one, or an error; itself without a video.

    At most 16 px more or less in one dimension: the calibration's pixels are kept, as codecs crop or pad at the right
    and bottom edge. The same aspect ratio: the lens is rescaled. Anything else has no certain answer and is refused.
    What was done is said once for all views of the same sizes.
    """
    fitted, alike = dict(cameras), defaultdict[tuple[Size, Size], list[ViewId]](list)
    for view, camera in cameras.items():
        video_px = sizes_px.get(view, camera.size_px)
        if video_px != camera.size_px:
            alike[camera.size_px, video_px].append(view)
            if not _is_padding(camera.size_px, video_px):
                _check_shape(camera.size_px, video_px, view)
                fitted[view] = rescaled(camera, video_px)
    for (calibrated_px, video_px), views in alike.items():
        done = _kept(calibrated_px, video_px) if _is_padding(calibrated_px, video_px) else _RESCALED
        log.warning("%s %s", _found(views, calibrated_px, video_px), done)
    return fitted


def rescaled(camera: Camera, size_px: Size) -> Camera:
    """The same camera with its picture scaled to another size; scaling is about the picture's corner at -0.5 px."""
    scale = torch.tensor([size_px[i] / camera.size_px[i] for i in (0, 1)], dtype=camera.lens.f_px.dtype)
    lens = replace(camera.lens, f_px=camera.lens.f_px * scale, c_px=(camera.lens.c_px + 0.5) * scale - 0.5)
    return replace(camera, lens=lens, size_px=size_px)


def _is_padding(a: Size, b: Size) -> bool:
    """One dimension is equal, and the other differs by no more than codecs pad."""
    off_px = sorted(abs(x - y) for x, y in zip(a, b, strict=True))
    return off_px[0] == 0 and 0 < off_px[1] <= PADDING_PX


def _same_shape(a: Size, b: Size) -> bool:
    return abs(a[0] * b[1] / (a[1] * b[0]) - 1) < ASPECT_TOLERANCE


def _check_shape(calibrated_px: Size, video_px: Size, view: ViewId) -> None:
    """CalibrationError where the video is not just larger or smaller."""
    if _same_shape(calibrated_px, video_px):
        return
    found, turned_px = _found([view], calibrated_px, video_px), (calibrated_px[1], calibrated_px[0])
    if video_px == turned_px or _is_padding(turned_px, video_px) or _same_shape(turned_px, video_px):
        raise CalibrationError(
            f"{found} One of the two was turned by 90 degrees, and which way cannot be told from the sizes. Use the "
            "video as the camera stored it (remove the rotation from its header or re-export it), or calibrate with "
            "board videos that were turned like this one."
        )
    raise CalibrationError(
        f"{found} The picture was cropped or stretched in a way that cannot be undone from the sizes. Film at "
        f"{_text(calibrated_px)}, or film the board at {_text(video_px)} and calibrate again."
    )


def _found(views: Sequence[ViewId], calibrated_px: Size, video_px: Size) -> str:
    who, whose = ("view {} was", "its video is") if len(views) == 1 else ("views {} were", "their videos are")
    return f"{who.format(listed(views))} calibrated at {_text(calibrated_px)} but {whose} {_text(video_px)}."


_RESCALED = "It is the same shape, so the lens was rescaled; keypoints must be in the video's pixels."


def _kept(calibrated_px: Size, video_px: Size) -> str:
    """Sizes alone do not tell padding from scaling, so the text says what would be wrong when."""
    off_px = max(abs(a - b) for a, b in zip(calibrated_px, video_px, strict=True))
    return (
        "The calibration's pixels are kept. That is right where the video was padded or cropped at its right "
        f"or bottom edge, as codecs do, and for keypoints that were found in a {_text(calibrated_px)} picture. If a "
        "video was scaled to this size (look for black bars at its edges) and the keypoints were found in it, they are "
        f"up to {off_px} px off: find them in the original video."
    )


def _text(size_px: Size) -> str:
    return f"{size_px[0]}x{size_px[1]}"
