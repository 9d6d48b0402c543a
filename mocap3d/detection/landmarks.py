"""What BlazePose's landmark network says of a crop, as MediaPipe reads it: landmarks refined by their heatmaps.

Source: MediaPipe 0.10.14, ``tensors_to_pose_landmarks_and_segmentation`` and ``pose_landmarks_to_roi`` (Apache-2.0).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection import weights
from mocap3d.detection.blazepose import INPUT_PX, VARIANTS, LandmarkNet, RawLandmarks
from mocap3d.detection.boxes import ASPECT, MARGIN, PersonBox, upright_angle
from mocap3d.detection.runtime import deployed
from mocap3d.errors import DetectionError

N_BODY = 33
"""The first landmarks: the keypoints of the skeleton table ``blazepose33``, in its order."""
_STRIDE, _REACH, _MIN_PEAK = 4, 3, 0.5
_HIP, _RIM = 33, 34  # mid-hip and a point of the circle around the body: they place the next crop


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Of b crops, in crop pixels."""

    uv_px: Float[Tensor, "b 39 2"]
    visibility: Float[Tensor, "b 39"]
    """Probability that nothing hides it."""
    presence: Float[Tensor, "b 39"]
    """Probability that it is inside the crop."""
    score: Float[Tensor, " b"]
    """Probability that the crop shows a person at all."""


class LandmarkFinder:
    """Landmarks of the person in each square crop of 256 px; what is found in one depends on no other."""

    keypoint_set = "blazepose33"
    size_px = (INPUT_PX, INPUT_PX)

    def __init__(self, net: LandmarkNet, device: torch.device) -> None:
        self._device = device
        self._net = deployed(net, torch.zeros(1, 3, INPUT_PX, INPUT_PX, device=device))

    @classmethod
    def load(cls, name_or_path: str, device: torch.device) -> "LandmarkFinder":
        """With weights of tools/convert_blazepose.py, found by name or path."""
        file = weights.load(name_or_path)
        name = str(file.card.get("name", "")).removeprefix("blazepose-")
        if name not in VARIANTS:
            raise DetectionError(
                f"{file.path} holds '{file.card.get('name', 'no name')}'. Needed: blazepose-full or blazepose-heavy, "
                "as tools/convert_blazepose.py writes them."
            )
        net = LandmarkNet(name)
        weights.fill(net, file)
        return cls(net.to(device).eval(), device)

    def __call__(self, crops: UInt8[np.ndarray, "b 256 256 3"]) -> Landmarks:
        """RGB crops, cut by :func:`mocap3d.detection.crops.along` if people may lie or lean."""
        batch = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).float() / 255
        return read_landmarks(RawLandmarks(*(value.cpu() for value in self._net(batch))))


def read_landmarks(raw: RawLandmarks) -> Landmarks:
    """Raw outputs to landmarks."""
    return Landmarks(
        uv_px=refined(raw.landmark[..., :2], raw.heatmap) - 0.5,  # the network counts from the crop's corner
        visibility=torch.sigmoid(raw.landmark[..., 3]),
        presence=torch.sigmoid(raw.landmark[..., 4]),
        score=raw.score,
    )


def refined(xy: Float[Tensor, "b k 2"], heatmap: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2"]:
    """Each landmark moved to the centroid of the 7 x 7 heatmap cells around it, where one of them is sure enough.

    In the network's own coordinates, in which cell n begins at 4 n; a centroid of n means 4 n, as in the original.
    """
    cell = (xy / _STRIDE).floor()
    rows, columns = (torch.arange(n, dtype=xy.dtype) for n in heatmap.shape[-2:])
    across = (columns - cell[..., :1]).abs() <= _REACH
    down = (rows - cell[..., 1:]).abs() <= _REACH
    mass = torch.sigmoid(heatmap) * (down[..., :, None] & across[..., None, :])
    total = mass.sum((-2, -1)).clamp(min=1e-9)
    centroid = torch.stack([(mass.sum(-2) * columns).sum(-1), (mass.sum(-1) * rows).sum(-1)], -1) / total[..., None]
    inside = ((cell >= 0) & (cell < torch.tensor(heatmap.shape[:-3:-1]))).all(-1)
    sure = inside & (mass.amax((-2, -1)) >= _MIN_PEAK)
    return torch.where(sure[..., None], _STRIDE * centroid, xy)


def next_boxes(uv_px: Float[Tensor, "b 39 2"], scores: Sequence[float]) -> list[PersonBox]:
    """Where the same people are next, turned with them, from their landmarks in the image."""
    boxes: list[PersonBox] = []
    for points, score in zip(uv_px.double().numpy(), scores, strict=True):
        hip, rim = points[_HIP], points[_RIM]
        right, down = (float(value) for value in rim - hip)
        height = 2 * math.hypot(right, down) * MARGIN
        tilt = upright_angle(math.pi / 2 + math.atan2(down, right))
        boxes.append(PersonBox((float(hip[0]), float(hip[1])), (ASPECT * height, height), float(score), tilt))
    return boxes
