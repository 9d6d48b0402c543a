"""BlazePose's landmark network as an estimator: a baseline to compare with."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection import weights
from mocap3d.detection.heatmaps import Modes
from mocap3d.detection.landmarks import N_BODY, LandmarkFinder

SIGMA_OF_CROP = 0.01
"""One sigma of a sure landmark as share of the crop's height; the network states none, and fusion measures its size."""
_FAINTEST = 1e-3


class BlazePoseEstimator:
    """One alternative per keypoint; the score is that of the person times the landmark's visibility and presence."""

    def __init__(self, name: str, device: torch.device) -> None:
        self._find = LandmarkFinder.load(name, device)
        self.keypoint_set, self.size_px = self._find.keypoint_set, self._find.size_px
        self.fingerprint = f"blazepose {weights.load(name).sha256}"

    def __call__(
        self,
        crops: UInt8[np.ndarray, "b h w 3"],
        expected_px: Float[Tensor, "b k 2"] | None = None,  # noqa: ARG002, it cannot be told
    ) -> Modes:
        """See :class:`mocap3d.detection.estimators.estimator.Estimator`."""
        found = self._find(crops)
        score = found.score[:, None] * found.visibility[:, :N_BODY] * found.presence[:, :N_BODY]
        score = score.clamp(_FAINTEST, 1.0)
        variance_px2 = (SIGMA_OF_CROP * self.size_px[1] / score).square()
        cov_px2 = variance_px2[..., None, None] * torch.eye(2)
        return Modes(found.uv_px[:, :N_BODY, None], cov_px2[:, :, None], score.log()[..., None])
