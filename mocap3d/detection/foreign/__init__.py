"""2D keypoints of other detectors, one file per format; every reader gives the same Detections."""

from collections.abc import Callable, Mapping

from mocap3d.detection.foreign.coco import read_coco
from mocap3d.detection.foreign.deeplabcut import read_deeplabcut
from mocap3d.detection.foreign.native import read_detections, write_detections
from mocap3d.detection.foreign.openpose import read_openpose
from mocap3d.detection.foreign.sleap import read_sleap
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, KeypointSource, ViewId

__all__ = ["FORMATS", "read_detections", "read_keypoints", "write_detections"]

_READERS: Mapping[str, Callable[..., Detections]] = {
    "openpose": read_openpose,
    "coco": read_coco,
    "deeplabcut": read_deeplabcut,
    "sleap": read_sleap,
}
FORMATS = (*_READERS, "mocap3d")


def read_keypoints(source: KeypointSource, view: ViewId, *, skeleton: str | None = None) -> Detections:
    """The keypoints of one view; ``skeleton`` names their set where the file does not tell it."""
    if not source.path.exists():
        raise DetectionError(f"{source.path} does not exist; the keypoints of view '{view}' were looked for there.")
    if source.format == "mocap3d":
        return read_detections(source.path, view)
    if source.format not in _READERS:
        raise DetectionError(
            f"{source.path}: unknown keypoint format '{source.format}'. Use one of {', '.join(FORMATS)}."
        )
    return _READERS[source.format](source.path, view, skeleton=skeleton)
