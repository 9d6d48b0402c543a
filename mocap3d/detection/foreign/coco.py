"""COCO-style JSON, one file per view: annotations, lists of results (COCO, AlphaPose), and MMPose's instances.

Source: cocodataset.org (data and result formats); MMPose's inferencer.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.detection.foreign.build import RawKeypoints, build_detections
from mocap3d.detection.foreign.frames import number_in, single_file
from mocap3d.detection.foreign.keypoint_sets import set_of_count, set_of_names
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, ViewId

log = logging.getLogger("mocap3d")

OCCLUDED_SCORE = 0.5
"""Score of a keypoint that a person labelled as hidden (COCO's v = 1); a visible one (v = 2) has 1."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    frame: int
    keypoints: list[Any]
    box_px: tuple[float, float, float, float]
    person: int


def read_coco(path: Path, view: ViewId, *, skeleton: str | None = None) -> Detections:
    """All people of one view; the frame is the number in the image's file name, or else the image's id."""
    file = single_file(path, (".json",))
    content = _load(file)
    try:
        sightings, names = _sightings(content, file), _names(content)
        keypoints = _stacked([sighting.keypoints for sighting in sightings], file)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DetectionError(
            f"{file} is no COCO-style keypoint file: {type(error).__name__} at {error}. Needed: annotations or a list "
            "of results with image_id and keypoints (x, y, score each), or MMPose's instances."
        ) from None
    if isinstance(content, dict) and "annotations" in content and np.isin(keypoints[..., 2], (0, 1, 2)).all():
        keypoints[..., 2] = np.choose(keypoints[..., 2].astype(int), (0.0, OCCLUDED_SCORE, 1.0))
    keypoint_set, keypoints = _in_table_order(keypoints, names, skeleton, str(file))
    frame = np.array([sighting.frame for sighting in sightings], dtype=np.int64)
    numbers = [int(frame.min()), int(frame.max()), *_frames_of_images(content).values()]
    if min(numbers) == 1:
        log.warning("%s: the first frame is number 1, taken as the video's second frame (they count from 0).", file)
    raw = RawKeypoints(
        keypoint_set=keypoint_set,
        frame=frame,
        person=np.array([sighting.person for sighting in sightings], dtype=np.int64),
        uv_px=keypoints[..., :2],
        score=keypoints[..., 2],
        n_frames=max(numbers) + 1,
        box_px=np.array([sighting.box_px for sighting in sightings], dtype=np.float64),
    )
    return build_detections(raw, view)


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DetectionError(f"{file} is not valid JSON ({error}). Run the detector on this view again.") from None


def _sightings(content: Any, file: Path) -> list[_Sighting]:
    if isinstance(content, dict) and "annotations" in content:
        found = list(_from_results(content["annotations"], _frames_of_images(content)))
    else:
        entries = content["instance_info"] if isinstance(content, dict) else content
        from_mmpose = bool(entries) and "instances" in entries[0]
        found = list(_from_mmpose(entries) if from_mmpose else _from_results(entries, {}))
    if not found:
        raise DetectionError(f"{file} holds no person. Check the video or the detector's settings, or remove the file.")
    return found


def _from_results(entries: list[dict[str, Any]], frame_of_image: dict[Any, int]) -> Iterator[_Sighting]:
    """COCO annotations and results; boxes are x y width height. AlphaPose calls them box, and its tracks idx."""
    for entry in entries:
        if "keypoints" not in entry:
            continue
        image = entry["image_id"]
        frame = frame_of_image.get(image, number_in(str(image)))
        if frame is None:
            raise ValueError(f"image_id {image!r}, which has no frame number")
        x, y, width, height = map(float, entry.get("bbox") or entry.get("box") or [np.nan] * 4)
        track = entry.get("track_id", entry.get("idx"))
        person = int(track) if isinstance(track, int | float) else -1
        yield _Sighting(frame, entry["keypoints"], (x, y, x + width, y + height), person)


def _from_mmpose(entries: list[dict[str, Any]]) -> Iterator[_Sighting]:
    """MMPose: one entry per frame, points and scores apart; boxes are [[x0 y0 x1 y1]]."""
    for number, entry in enumerate(entries):
        for instance in entry["instances"]:
            pairs = zip(instance["keypoints"], instance["keypoint_scores"], strict=True)
            x0, y0, x1, y1 = np.ravel(instance.get("bbox") or [np.nan] * 4).astype(float)[:4].tolist()
            flat = [value for point, score in pairs for value in (*point[:2], score)]
            yield _Sighting(
                int(entry.get("frame_id", number)), flat, (x0, y0, x1, y1), int(instance.get("track_id", -1))
            )


def _frames_of_images(content: Any) -> dict[Any, int]:
    """Frame of each image id: the number in its file name where those tell all images apart, else the id itself."""
    images = content.get("images", []) if isinstance(content, dict) else []
    by_name = {image["id"]: number_in(Path(str(image.get("file_name", ""))).stem) for image in images}
    if None not in by_name.values() and len(set(by_name.values())) == len(images):
        return {image: number for image, number in by_name.items() if number is not None}
    return {image["id"]: int(image["id"]) for image in images}


def _names(content: Any) -> list[str] | None:
    """Keypoint names, where the file tells them."""
    if not isinstance(content, dict):
        return None
    if names := content.get("meta_info", {}).get("keypoint_id2name"):
        return [names[str(n)] for n in range(len(names))]
    return next(
        (category["keypoints"] for category in content.get("categories", []) if category.get("keypoints")), None
    )


def _stacked(rows: list[list[Any]], file: Path) -> Float[np.ndarray, "n k 3"]:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or next(iter(lengths)) % 3:
        raise DetectionError(
            f"{file}: its people have {', '.join(map(str, sorted(lengths)))} numbers; needed is the same multiple of 3 "
            "(x, y, score) for all. Use one model for all frames."
        )
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1, 3)


def _in_table_order(
    keypoints: Float[np.ndarray, "n k 3"], names: list[str] | None, skeleton: str | None, where: str
) -> tuple[str, Float[np.ndarray, "n j 3"]]:
    """The keypoint set, and the keypoints in the order of its table; by name where there are names."""
    if names is None or len(names) != keypoints.shape[1]:
        return set_of_count(keypoints.shape[1], skeleton, where), keypoints
    table, positions = set_of_names(names, skeleton, where)
    ordered = np.zeros((len(keypoints), len(table.keypoints), 3))
    for n, position in enumerate(positions):
        if position is not None:
            ordered[:, n] = keypoints[:, position]
    return table.name, ordered
