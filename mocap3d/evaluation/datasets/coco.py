"""COCO keypoints of 2017: ``annotations/person_keypoints_<split>.json`` and ``<split>/``; and PoseTrack 2018.

PoseTrack's files (``annotations/<split>/*.json``) are COCO's, with a video's frames, track numbers and head boxes, and
with head_bottom and head_top in the places of the eyes.
"""

import json
from pathlib import Path
from typing import Any

import torch

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import LabelledPictures, joined, listed_files
from mocap3d.skeletons.skeleton import load_skeleton

COCO = load_skeleton("coco17").keypoints
POSETRACK = ("Nose", "UpperNeck", "Head", *COCO[3:])
HEAD_SHARE = 0.6
_MISSING = (float("nan"), float("nan"))
_NO_BOX = [float("nan")] * 4


def read_coco(root: Path, split: str = "val2017") -> LabelledPictures:
    """People of COCO; PCK is told in torso lengths."""
    path = root / "annotations" / f"person_keypoints_{split}.json"
    return _people(path, root / split, "COCO", COCO)


def read_posetrack(root: Path, split: str = "val") -> LabelledPictures:
    """People of PoseTrack 2018; PCK is told in head sizes."""
    paths = listed_files(root / "annotations" / split, "*.json", "PoseTrack 2018's annotations/<split>/<video>.json")
    return joined("PoseTrack", [_people(path, root, "PoseTrack", POSETRACK) for path in paths])


def read_posetrack_people(folder: Path, root: Path) -> LabelledPictures:
    """Predicted people with a track_id, one file per video in the layout of the annotations; boxes may be absent."""
    paths = listed_files(folder, "*.json", "a method's people as <video>.json, laid out as PoseTrack's annotations")
    return joined(str(folder), [_people(path, root, "PoseTrack", POSETRACK) for path in paths])


def _people(path: Path, pictures: Path, name: str, keypoints: tuple[str, ...]) -> LabelledPictures:
    content = _content(path)
    try:
        files = {image["id"]: str(image["file_name"]) for image in content["images"]}
        rows = [row for row in content["annotations"] if row.get("keypoints")]
        uv_px = [_keypoints(row, len(keypoints)) for row in rows]
        boxes = torch.tensor([row.get("bbox") or _NO_BOX for row in rows], dtype=torch.float64).reshape(-1, 4)
        picture = tuple(pictures / files[row["image_id"]] for row in rows)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"{path}: an annotation is not as COCO's are ({error!r}). Get it from its source.") from error
    points = torch.tensor(uv_px, dtype=torch.float64).reshape(len(rows), len(keypoints), 2)
    box_px = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    areas = [float(row.get("area", w * h * 0.53)) for row, (_, _, w, h) in zip(rows, boxes.tolist(), strict=True)]
    size_px = _heads(rows) if name == "PoseTrack" else _torsos(points, keypoints)
    bare = ~points.isfinite().all(-1).any(-1)
    crowd = torch.tensor([bool(row.get("iscrowd", 0)) for row in rows], dtype=torch.bool)
    return LabelledPictures(
        name=name,
        keypoints=keypoints,
        picture=picture,
        sequence=tuple(path.stem if name == "PoseTrack" else file.name for file in picture),
        person=torch.tensor([int(row.get("track_id", -1)) for row in rows], dtype=torch.int64),
        uv_px=points,
        box_px=box_px,
        area_px2=torch.tensor(areas, dtype=torch.float64),
        size_px=size_px,
        size_is="head" if name == "PoseTrack" else "torso",
        ignore=bare | crowd,
        crowd=crowd,
    )


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Needed: COCO's annotations, unpacked beside its pictures.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not readable as JSON ({error}). Get it from its source again.") from error
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(content):
        raise FormatError(f"{path}: has no images and annotations. Needed: COCO's keypoint annotations.")
    return content


def _keypoints(row: dict[str, Any], n: int) -> list[tuple[float, float]]:
    """NaN where the label says 0, not labelled."""
    triples = [tuple(map(float, row["keypoints"][3 * k : 3 * k + 3])) for k in range(n)]
    return [(x, y) if v > 0 else _MISSING for x, y, v in triples]


def _torsos(uv_px: torch.Tensor, keypoints: tuple[str, ...]) -> torch.Tensor:
    """Middle of the shoulders to middle of the hips."""
    at = {name: uv_px[:, k] for k, name in enumerate(keypoints)}
    return ((at["LShoulder"] + at["RShoulder"]) / 2 - (at["LHip"] + at["RHip"]) / 2).norm(dim=-1)


def _heads(rows: list[dict[str, Any]]) -> torch.Tensor:
    boxes = [row.get("bbox_head") or _NO_BOX for row in rows]
    sides = torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)[:, 2:]
    return HEAD_SHARE * sides.norm(dim=-1)
