"""What all networks that find keypoints in crops of people have in common."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection.heatmaps import Modes


@runtime_checkable
class Estimator(Protocol):
    """Keypoints of the person in the middle of each crop."""

    @property
    def keypoint_set(self) -> str:
        """Name of a skeleton table."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of its crops."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for two estimators only if they find the same in the same crops: weights and what else matters."""
        ...

    def __call__(self, crops: UInt8[np.ndarray, "b h w 3"], expected_px: Float[Tensor, "b k 2"] | None = None) -> Modes:
        """In crop pixels, most likely alternative first; ``log_weight`` is the log of a score in (0, 1], -inf = none.

        ``crops`` are RGB, as many as wanted; what is found in one depends on no other. ``expected_px`` (NaN unknown) is
        where the person's keypoints should be, for those that can be told whom to look at; others ignore it.
        """
        ...
