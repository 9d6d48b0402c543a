"""What a user may choose about finding people and their keypoints in videos."""

from dataclasses import dataclass, field
from typing import Literal

from mocap3d.detection.runtime import Device

ONNX = "onnx:"
"""Marks a detector that is a file of the user's."""
DEFAULT = "sapenet-s"
"""Which detector ``auto`` means for a session without keypoints."""


@dataclass(frozen=True)
class OnnxOptions:
    """What an ONNX file does not say of itself; the defaults are those of RTMPose, ViTPose and HRNet as exported."""

    colours: Literal["rgb", "bgr"] = "rgb"
    """Order of the colour channels that the model was trained with."""
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    """Taken off each channel of a picture of 0 to 255."""
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    """Divides each channel after that."""
    size_px: tuple[int, int] = (192, 256)
    """Width and height of the crops, where the model takes any."""
    cells: Literal["aligned", "corners", "centres"] = "aligned"
    """Which pixel a heatmap cell means: of a grid from edge to edge (UDP: ViTPose, HRNet), cell times stride (older
    HRNet), or the middle of the stride's pixels."""


@dataclass(frozen=True)
class DetectOptions:
    """Which detector, where it runs, and how often it looks for people anew."""

    detector: str = "auto"
    """auto (the session's keypoints if it has some, else sapenet-s), keypoints, sapenet-s, sapenet-m, a .safetensors
    file, blazepose, blazepose-heavy, or onnx:FILE."""
    keypoints: str | None = None
    """Keypoint set of an ONNX model, e.g. halpe26; else its number of keypoints decides."""
    device: Device = "auto"
    """Where the networks run; auto = cuda or mps where there is one."""
    batch: int = 16
    """Crops per network call at most. The result does not depend on it."""
    every: int = 10
    """Frames between two searches for people; between them, people are followed."""
    flip: bool = False
    """Look at the mirror image of each person, too, and take the mean: better, and twice as slow; SAPENet only."""
    guided: bool = True
    """Look again, guided by the 3D result, where somebody was missed or taken for somebody else."""
    onnx: OnnxOptions = field(default_factory=OnnxOptions)

    def __post_init__(self):
        for name in ("batch", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; needed at least 1.")
        if not (min(self.onnx.std) > 0 and min(self.onnx.size_px) > 0):
            raise ValueError(f"onnx.std {self.onnx.std} and onnx.size_px {self.onnx.size_px} must be above 0.")
