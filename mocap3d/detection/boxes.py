"""Person boxes in an image: 3 wide to 4 high, centred on the person, and turned with whoever lies or hangs."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

ASPECT = 3 / 4
"""Width by height."""
MARGIN = 1.25
"""A box is so much larger than what it must hold."""


@dataclass(frozen=True, slots=True)
class PersonBox:
    """Where one person is in one image. Pixel (0, 0) is the centre of the top-left pixel."""

    centre_px: tuple[float, float]
    size_px: tuple[float, float]
    """(width, height), across and along the person."""
    score: float = 1.0
    """How sure it is that there is a person, 0 to 1."""
    tilt_rad: float = 0.0
    """From upright, clockwise in the image."""

    @property
    def corners_px(self) -> tuple[float, float, float, float]:
        """x0 y0 x1 y1 of the upright rectangle around it."""
        (x, y), (w, h) = self.centre_px, self.size_px
        cos, sin = abs(math.cos(self.tilt_rad)), abs(math.sin(self.tilt_rad))
        across, down = (cos * w + sin * h) / 2, (sin * w + cos * h) / 2
        return x - across, y - down, x + across, y + down

    @property
    def area_px2(self) -> float:
        """Of the upright rectangle around it."""
        x0, y0, x1, y1 = self.corners_px
        return (x1 - x0) * (y1 - y0)


def iou(a: PersonBox, b: PersonBox) -> float:
    """Intersection over union of the upright rectangles around two boxes."""
    ax0, ay0, ax1, ay1 = a.corners_px
    bx0, by0, bx1, by1 = b.corners_px
    shared = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    union = a.area_px2 + b.area_px2 - shared
    return shared / union if union > 0 else 0.0


def box_around(low: Float[np.ndarray, " 2"], high: Float[np.ndarray, " 2"], score: float = 1.0) -> PersonBox:
    """The smallest box of the right aspect with a margin around the rectangle from ``low`` to ``high``."""
    width, height = (float(side) for side in high - low)
    height = max(height, width / ASPECT, 1.0) * MARGIN
    x, y = (float(middle) for middle in (low + high) / 2)
    return PersonBox((x, y), (ASPECT * height, height), score)


def box_of_keypoints(
    uv_px: Float[np.ndarray, "k 2"],
    confidence: Float[np.ndarray, " k"] | None = None,
    *,
    tilt_rad: float = 0.0,
    min_confidence: float = 0.2,
    min_keypoints: int = 3,
) -> PersonBox | None:
    """The box, turned by ``tilt_rad``, around what is known of a person; None where too few keypoints are."""
    known = np.isfinite(uv_px).all(1)
    if confidence is not None:
        known &= confidence >= min_confidence
    if known.sum() < min_keypoints:
        return None
    score = 1.0 if confidence is None else float(np.clip(confidence[known].mean(), 0, 1))
    cos, sin = math.cos(tilt_rad), math.sin(tilt_rad)
    image_from_person = np.array([[cos, -sin], [sin, cos]])
    along = uv_px[known] @ image_from_person
    box = box_around(along.min(0), along.max(0), score)
    x, y = (float(value) for value in image_from_person @ np.array(box.centre_px))
    return replace(box, centre_px=(x, y), tilt_rad=tilt_rad)


def oks(
    a_px: Float[np.ndarray, "k 2"], b_px: Float[np.ndarray, "k 2"], *, height_px: float, sigma: float = 0.08
) -> float:
    """Object keypoint similarity of two poses: 1 = the same, 0 = nothing in common; NaN keypoints do not count.

    One sigma for every keypoint (COCO's range from 0.026, eyes, to 0.107, hips) relative to the square root of the
    person's area, which is taken as 0.53 of a 3 x 4 box around the keypoints.

    Source: Lin et al., COCO keypoint evaluation.
    """
    area = 0.53 * ASPECT * (height_px / MARGIN) ** 2
    distance2 = ((a_px - b_px) ** 2).sum(1)
    known = np.isfinite(distance2)
    if not known.any():
        return 0.0
    return float(np.exp(-distance2[known] / (2 * area * (2 * sigma) ** 2)).mean())


def upright_angle(tilt_rad: float) -> float:
    """An angle brought to (-pi, pi]."""
    return math.pi - (math.pi - tilt_rad) % (2 * math.pi)
