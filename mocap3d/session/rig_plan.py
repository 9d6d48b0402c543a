"""What a rig is expected to reach: the error map of a volume, as planning hands it to whoever draws it."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mocap3d.session.rig import CameraTable, VolumeTable


@dataclass(frozen=True, slots=True)
class PlaceMap:
    """Numbers of a grid of places where somebody may stand; y rows, x columns, in metres."""

    x_m: Float[Tensor, " x"]
    y_m: Float[Tensor, " y"]
    error_mm: Float[Tensor, "y x"]
    """Root mean square of the expected error in 3D, over the keypoints that two views see; NaN where none is."""
    worst_mm: Float[Tensor, "y x"]
    """The same of the keypoint that is known worst there."""
    seen: Float[Tensor, "y x"]
    """Share of the keypoints that at least two views see, past the body itself."""
    n_views: Float[Tensor, "y x"]
    """Views of a keypoint, on average."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One camera, moved."""

    camera: CameraTable
    """Where it should stand, and look."""
    before_mm: float
    after_mm: float
    seen_before: float
    seen_after: float


@dataclass(frozen=True, slots=True)
class RigPlan:
    """A rig, judged."""

    cameras: tuple[CameraTable, ...]
    volume: VolumeTable
    sigma_px: float
    map: PlaceMap
    keypoint_mm: dict[str, float]
    """Per keypoint, over all places and turns."""
    suggestions: tuple[Suggestion, ...]

    @property
    def error_mm(self) -> float:
        """Root mean square over the volume."""
        return float(self.map.error_mm.square().nanmean().sqrt())

    @property
    def seen(self) -> float:
        """Share of keypoints, places and turns that at least two views see."""
        return float(self.map.seen.mean())
