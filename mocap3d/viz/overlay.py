"""The reconstruction drawn back into the pictures: the quickest way to see whether it is right."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.session.read_ahead import read_ahead
from mocap3d.session.records import CalibratedRig, Points3D, Tracks2D, VideoInfo
from mocap3d.session.video import frames
from mocap3d.skeletons.skeleton import Skeleton
from mocap3d.viz.bodies import limb_side
from mocap3d.viz.colours import PEOPLE, rgb

SIDES = {"left": (63, 169, 232), "right": (255, 138, 61), "middle": (217, 222, 228)}
"""Brighter than on paper: they must be seen on clothes and floors."""
_BACKGROUND = (27, 34, 43)
_SEEN, _EDGE = (255, 255, 255), (16, 24, 32)
_INSTANTS_AT_ONCE = 256
_CHI2_95 = 5.991
"""95 % quantile of chi-squared, 2 degrees of freedom."""
_LINE_OF_HEIGHT = 300
_BITS = 3
_LARGEST_PX = 1e5


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is drawn of one view, at n instants."""

    seen_px: Float[np.ndarray, "n p k 2"]
    """The detector's likeliest places."""
    expected_px: Float[np.ndarray, "n p k 2"]
    """The 3D keypoints as the camera sees them."""
    cov_px2: Float[np.ndarray, "n p k 2 2"]
    """Their doubt in the picture."""


def projected(
    number: int, rig: CalibratedRig, tracks: Tracks2D, points: Points3D, instants: Float[Tensor, " n"] | Tensor
) -> Drawn:
    """View ``number`` of the tracks; covariances by the camera's Jacobian: J cov J'."""
    camera = rig.cameras[tracks.views[number]].at(instants)
    p_in_world = points.p_in_world[instants]
    jacobian = camera.jacobian(p_in_world)
    cov_px2 = jacobian @ points.cov_m2[instants] @ jacobian.mT
    seen_px = tracks.uv_px[number, instants, :, :, 0]
    return Drawn(seen_px.numpy(), camera.project(p_in_world).numpy(), cov_px2.numpy())


def overlaid(
    number: int,
    video: VideoInfo | None,
    frame_of: Float[Tensor, " t"],
    rig: CalibratedRig,
    tracks: Tracks2D,
    points: Points3D,
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """A picture per instant: the frame nearest to it, or a dark one where there is none, drawn over."""
    size_px = rig.cameras[tracks.views[number]].size_px if video is None else video.size_px
    pictures = _pictures(video, frame_of, size_px)
    for start in range(0, len(points.t_s), _INSTANTS_AT_ONCE):
        instants = torch.arange(start, min(start + _INSTANTS_AT_ONCE, len(points.t_s)))
        drawn = projected(number, rig, tracks, points, instants)
        for row in range(len(instants)):
            picture = next(pictures)
            draw(picture, drawn, row, points.skeleton)
            _write(picture, f"{tracks.views[number]}  {float(points.t_s[start + row]):.2f} s")
            yield picture


def _pictures(
    video: VideoInfo | None, frame_of: Float[Tensor, " t"], size_px: tuple[int, int]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """A fresh picture for every instant, in order; a frame may serve several."""
    dark = np.full((size_px[1], size_px[0], 3), _BACKGROUND, np.uint8)
    n_frames = 0 if video is None else len(video.t_s)
    wanted = [round(f) if np.isfinite(f) and round(f) < n_frames else -1 for f in frame_of.tolist()]
    found = read_ahead(frames(video.path, [f for f in wanted if f >= 0])) if video is not None else iter(())
    at, picture = -1, dark
    for frame in wanted:
        while 0 <= at < frame or (at < 0 <= frame):
            at, picture = next(found)
        yield dark.copy() if frame < 0 else picture.copy()


def draw(picture: UInt8[np.ndarray, "h w 3"], drawn: Drawn, row: int, skeleton: Skeleton) -> None:
    """Boxes, ellipses, limbs and dots of everybody, into the picture."""
    width = max(1, round(len(picture) / _LINE_OF_HEIGHT))
    for person in range(drawn.seen_px.shape[1]):
        seen, expected = drawn.seen_px[row, person], drawn.expected_px[row, person]
        colour = rgb(PEOPLE[person % len(PEOPLE)])
        _draw_box(picture, seen, colour)
        for keypoint, cov_px2 in enumerate(drawn.cov_px2[row, person]):
            _draw_ellipse(picture, expected[keypoint], cov_px2, colour)
        for limb in skeleton.limbs:
            if _can_be_drawn(expected[list(limb)]):
                first, last = (_fixed(expected[end]) for end in limb)
                cv2.line(picture, first, last, SIDES[limb_side(skeleton, limb)], width, cv2.LINE_AA, _BITS)
        for place in seen:
            if _can_be_drawn(place):
                cv2.circle(picture, _fixed(place), round(1.6 * width) << _BITS, _EDGE, -1, cv2.LINE_AA, _BITS)
                cv2.circle(picture, _fixed(place), width << _BITS, _SEEN, -1, cv2.LINE_AA, _BITS)


def _draw_box(
    picture: UInt8[np.ndarray, "h w 3"], seen: Float[np.ndarray, "k 2"], colour: tuple[int, int, int]
) -> None:
    known = seen[np.isfinite(seen).all(-1)]
    if len(known):
        low, high = known.min(0), known.max(0)
        margin = 0.08 * (high - low)
        cv2.rectangle(picture, _fixed(low - margin), _fixed(high + margin), colour, 1, cv2.LINE_AA, _BITS)


def _draw_ellipse(
    picture: UInt8[np.ndarray, "h w 3"],
    centre: Float[np.ndarray, "2"],
    cov_px2: Float[np.ndarray, "2 2"],
    colour: tuple[int, int, int],
) -> None:
    """Where the keypoint is in 95 % of the cases, as far as 3D knows."""
    if not (_can_be_drawn(centre) and np.isfinite(cov_px2).all()):
        return
    variance, axes = np.linalg.eigh(cov_px2)
    minor, major = np.sqrt(np.clip(variance, 0, None) * _CHI2_95)
    if major < _LARGEST_PX:
        angle_deg = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
        lengths = (round(major * (1 << _BITS)), round(minor * (1 << _BITS)))
        cv2.ellipse(picture, _fixed(centre), lengths, angle_deg, 0, 360, colour, 1, cv2.LINE_AA, _BITS)


def _write(picture: UInt8[np.ndarray, "h w 3"], text: str) -> None:
    scale = len(picture) / 700
    place = (round(10 * scale), round(28 * scale))
    for colour, width in ((_EDGE, 5), (_SEEN, 2)):
        cv2.putText(
            picture,
            text,
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.8 * scale,
            colour,
            max(1, round(width * scale)),
            cv2.LINE_AA,
        )


def _can_be_drawn(places: Float[np.ndarray, "*n 2"]) -> bool:
    return bool(np.isfinite(places).all() and (np.abs(places) < _LARGEST_PX).all())


def _fixed(place: Float[np.ndarray, "2"]) -> tuple[int, int]:
    """Pixels in OpenCV's fixed-point numbers, kept to what they can hold."""
    x, y = np.clip(np.nan_to_num(place), -_LARGEST_PX, _LARGEST_PX) * (1 << _BITS)
    return round(float(x)), round(float(y))
