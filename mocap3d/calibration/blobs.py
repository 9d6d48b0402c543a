"""Wands and lone moving points in one picture: round spots that stand out from what is around them."""

from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mocap3d.calibration.free_points import Wand
from mocap3d.calibration.sighting import Sighting, nothing_seen

MIN_FILL, MAX_SLENDERNESS = 0.55, 1.8
"""A disc fills 0.785 of its box; motion makes it longer."""
MAX_SPOTS = 12
CENTROID_SHARE, FLOOR_PX = 0.03, 0.05
"""One sigma of a spot's middle: a share of its diameter, and at least so much."""
MAX_BEND, MAX_RATIO_ERROR = 0.03, 0.12
"""Of a wand's length: how far the middle marker may lie beside the line, and from its place along it (perspective)."""


@dataclass(frozen=True)
class WandFinder:
    """Finds one wand, or one point."""

    pattern: Wand

    def __call__(self, grey: UInt8[np.ndarray, "height width"]) -> Sighting:
        """The markers, if they are the only ones that could be it."""
        uv_px, diameter_px = find_spots(grey, self.pattern)
        at = np.array(self.pattern.positions_mm)
        chosen = _three(uv_px, at[1] / at[2]) if len(at) == 3 else _all(uv_px, len(at))
        if chosen is None:
            return nothing_seen(len(at), n_markers=len(uv_px))
        sigma_px = np.maximum(CENTROID_SHARE * diameter_px[chosen], FLOOR_PX)
        return Sighting(uv_px[chosen], sigma_px, n_markers=len(uv_px))


def find_spots(
    grey: UInt8[np.ndarray, "height width"], pattern: Wand
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"]]:
    """Middles and diameters of the round spots of a picture, the most striking first."""
    shown = grey if pattern.appearance == "bright" else cv2.bitwise_not(grey)
    low_px, high_px = pattern.diameters_px
    around = 2 * int(1.5 * high_px / 2) + 1
    raised = cv2.subtract(shown, cv2.blur(shown, (around, around))).astype(np.float32)
    n, labels, boxes, _ = cv2.connectedComponentsWithStats((raised > pattern.min_contrast / 2).astype(np.uint8))
    spots = []
    for label in range(1, n):
        left, top, width, height, area = (int(number) for number in boxes[label])
        diameter = (width * height) ** 0.5
        is_round = area > MIN_FILL * width * height and max(width, height) < MAX_SLENDERNESS * min(width, height) + 1
        if not (low_px <= diameter <= high_px and is_round):
            continue
        window = np.s_[top : top + height, left : left + width]
        weight = np.where(labels[window] == label, raised[window], 0).astype(np.float64)
        if weight.max() >= pattern.min_contrast:
            v, u = np.mgrid[top : top + height, left : left + width]
            middle = (float((weight * u).sum() / weight.sum()), float((weight * v).sum() / weight.sum()))
            spots.append((float(weight.sum()), middle, diameter))
    spots.sort(reverse=True)
    return np.array([s[1] for s in spots], np.float64).reshape(-1, 2), np.array([s[2] for s in spots], np.float64)


def _all(uv_px: Float[np.ndarray, "n 2"], wanted: int) -> np.ndarray | None:
    """The spots from left to right, if there are just as many as wanted."""
    return np.argsort(uv_px[:, 0], kind="stable") if len(uv_px) == wanted else None


def _three(uv_px: Float[np.ndarray, "n 2"], ratio: float) -> np.ndarray | None:
    """Three spots in line whose middle one divides it as the wand's does, in the wand's order; None if two sets do."""
    fitting: dict[frozenset[int], tuple[float, tuple[int, ...]]] = {}
    for first, middle, last in permutations(range(min(len(uv_px), MAX_SPOTS)), 3):
        whole, part = uv_px[last] - uv_px[first], uv_px[middle] - uv_px[first]
        length2 = float(whole @ whole)
        bend = abs(float(whole[0] * part[1] - whole[1] * part[0])) / length2
        error = abs(float(whole @ part) / length2 - ratio)
        three = frozenset((first, middle, last))
        if bend < MAX_BEND and error < min(MAX_RATIO_ERROR, fitting.get(three, (1.0, ()))[0]):
            fitting[three] = error, (first, middle, last)
    return np.array(next(iter(fitting.values()))[1]) if len(fitting) == 1 else None
