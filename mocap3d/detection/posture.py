"""Which way up a person is in a picture: crops are turned so that whoever lies or hangs stands upright in them."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mocap3d.skeletons.skeleton import load_skeleton

MIN_TILT_RAD = math.radians(10)
"""Networks are trained on people who lean a little; turning crops with every sway would only add noise."""
MIN_STRETCH = 0.8
"""Of the way from shoulders over hips to ankles: whoever is folded further (sits, touches the toes) has no axis."""
MIN_CONFIDENCE = 0.2


@dataclass(frozen=True, slots=True)
class BodyAxis:
    """Rows of a keypoint set along the body."""

    shoulders: tuple[int, ...]
    hips: tuple[int, ...]
    ankles: tuple[int, ...]

    @classmethod
    def of(cls, keypoint_set: str) -> "BodyAxis | None":
        """None where the set has not all of them."""
        names = load_skeleton(keypoint_set).keypoints
        rows = [tuple(names.index(side + part) for side in "LR" if side + part in names) for part in _PARTS]
        return cls(*rows) if all(rows) else None

    def tilt_rad(self, uv_px: Float[np.ndarray, "k 2"], confidence: Float[np.ndarray, " k"] | None = None) -> float:
        """From upright, clockwise in the image; 0 for people who stand, are folded, or are hardly seen."""
        sure = np.ones(len(uv_px)) if confidence is None else confidence
        known = np.isfinite(uv_px).all(1) & (sure >= MIN_CONFIDENCE)
        parts = [[row for row in rows if known[row]] for rows in (self.shoulders, self.hips, self.ankles)]
        if not all(parts):
            return 0.0
        top, middle, bottom = (uv_px[rows].mean(0) for rows in parts)
        right, down = (float(value) for value in top - bottom)
        if math.hypot(right, down) < MIN_STRETCH * (math.dist(top, middle) + math.dist(middle, bottom)):
            return 0.0
        return leaning(math.atan2(right, -down))


_PARTS = ("Shoulder", "Hip", "Ankle")


def leaning(tilt_rad: float) -> float:
    """The angle, or 0 for a lean that needs no turned crop."""
    return tilt_rad if abs(tilt_rad) >= MIN_TILT_RAD else 0.0
