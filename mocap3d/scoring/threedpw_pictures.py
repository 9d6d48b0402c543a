"""Our own detector on 3DPW's pictures, and a fit of the one moving view to what it finds.

Who is who is told by 3DPW itself, as is usual on it: of the people found in a picture, each track takes the one whose
box covers most of the box about its own 2D keypoints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.detect import detect
from mocap3d.detection.options import DEFAULT, DetectOptions
from mocap3d.errors import FormatError
from mocap3d.evaluation.threedpw.predictions import Prediction
from mocap3d.evaluation.threedpw.read import RATE_HZ, Track
from mocap3d.fusion.one_view.fit import OneViewOptions
from mocap3d.scoring.threedpw_paths import VIEW, from_one_view, tracks_from
from mocap3d.session.images import probe_images
from mocap3d.session.records import Detections, Session
from mocap3d.skeletons.skeleton import load_skeleton

LEAST_OVERLAP = 0.3
"""Intersection over union, below which nobody found is the person of the track."""


@dataclass(frozen=True)
class PictureOptions:
    """How people and keypoints are found."""

    cache: Path | None = None
    """Folder in which detections are kept; else beside the images, in derived/."""
    detect: DetectOptions = field(default_factory=lambda: DetectOptions(detector=DEFAULT))


def from_pictures(
    people: Sequence[Track],
    root: Path,
    options: PictureOptions,
    fit: OneViewOptions,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Prediction]:
    """The people of one sequence from ``imageFiles/<sequence>``."""
    name = people[0].sequence
    folder = root / "imageFiles" / name
    if not folder.is_dir():
        raise FormatError(
            f"{folder}: there is no such folder. Needed: 3DPW's imageFiles.zip unpacked beside sequenceFiles."
        )
    found = _detected(folder, options, progress)
    skeleton = load_skeleton(found.keypoint_set)
    predictions = []
    for track in people:
        uv_px, score = _sightings(track, found)
        predictions.append(from_one_view(track, tracks_from(track, uv_px, score, skeleton), fit))
    return predictions


def _detected(folder: Path, options: PictureOptions, progress: Callable[[str, int, int], None] | None) -> Detections:
    cache = options.cache or folder.parent.parent / "derived"
    session = Session(
        root=cache / folder.name,
        views=(VIEW,),
        videos={VIEW: probe_images(folder)},
        keypoints={},
        calibration=None,
        rate=Fraction(RATE_HZ),
    )
    session.root.mkdir(parents=True, exist_ok=True)
    return detect(session, options.detect, progress=progress)[VIEW]


def _sightings(track: Track, found: Detections) -> tuple[Float[Tensor, "n k 2"], Float[Tensor, "n k"]]:
    """Pixels and scores of the person, by frame; NaN and 0 where nobody found fits."""
    n, k = len(track.valid), found.uv_px.shape[1]
    uv_px, score = torch.full((n, k, 2), torch.nan, dtype=torch.float64), torch.zeros(n, k, dtype=torch.float64)
    boxes = box_of(track.poses2d_px)
    own = box_of(found.uv_px[:, :, 0].double())
    for frame in range(n):
        rows = (found.frame == frame).nonzero().flatten()
        if not len(rows):
            continue
        overlap = iou(own[rows], boxes[frame]).nan_to_num(0.0)
        if float(overlap.max()) >= LEAST_OVERLAP:
            row = rows[overlap.argmax()]
            uv_px[frame], score[frame] = found.uv_px[row, :, 0].double(), found.log_weight[row, :, 0].double().exp()
    return uv_px, score


def box_of(uv_px: Float[Tensor, "n k 2"]) -> Float[Tensor, "n 4"]:
    """x0 y0 x1 y1 about the known points; infinite where there are none."""
    known = uv_px.isfinite().all(-1, keepdim=True)
    low, high = torch.where(known, uv_px, torch.inf).amin(1), torch.where(known, uv_px, -torch.inf).amax(1)
    return torch.cat([low, high], -1)


def iou(boxes: Float[Tensor, "n 4"], other: Float[Tensor, "4"]) -> Float[Tensor, " n"]:
    """Intersection over union with one box."""
    low, high = torch.maximum(boxes[:, :2], other[:2]), torch.minimum(boxes[:, 2:], other[2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1), (other[2:] - other[:2]).prod()
    return both / (areas[0] + areas[1] - both)
