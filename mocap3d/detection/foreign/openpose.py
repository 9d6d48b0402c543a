"""OpenPose's JSON, one file per frame; also what Pose2Sim (RTMLib) and others write in that layout.

Source: OpenPose's doc/02_output.md.
"""

import json
from array import array
from collections.abc import MutableSequence
from pathlib import Path
from typing import Any

import numpy as np

from mocap3d.detection.foreign.build import RawKeypoints, build_detections
from mocap3d.detection.foreign.frames import frame_files
from mocap3d.detection.foreign.keypoint_sets import set_of_count
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, ViewId

POSE = "pose_keypoints_2d"


def read_openpose(path: Path, view: ViewId, *, skeleton: str | None = None) -> Detections:
    """All people of all frames of a folder. Score 0 is missing, people written as {} are nobody.

    BODY_25 and BODY_25B have the same number of keypoints: ``skeleton`` must say which.
    """
    files = frame_files(path, ".json")
    values, frame, person = array("d"), array("q"), array("q")
    count, first_file = 0, ""
    for number, file in files:
        for entry in _people(file):
            flat = entry.get(POSE) if entry else None
            if not flat:
                continue
            if not isinstance(flat, list):
                raise _no_numbers(file)
            if len(flat) != count:
                if count or len(flat) % 3:
                    raise DetectionError(_ragged(file, len(flat), count, first_file))
                count, first_file = len(flat), file
            _append(values, flat, file)
            frame.append(number)
            person.append(_person_id(entry))
    if not count:
        raise DetectionError(
            f"{path}: no person in any of its {len(files)} files. Check the video or the detector's settings, "
            "or remove the folder to go on without this view."
        )
    keypoints = np.frombuffer(values).reshape(len(frame), count // 3, 3)
    raw = RawKeypoints(
        keypoint_set=set_of_count(count // 3, skeleton, str(path)),
        frame=np.frombuffer(frame, dtype=np.int64),
        person=np.frombuffer(person, dtype=np.int64),
        uv_px=keypoints[..., :2],
        score=keypoints[..., 2],
        n_frames=files[-1][0] + 1,
    )
    return build_detections(raw, view)


def _people(file: str) -> list[dict[str, Any]]:
    try:
        with open(file, "rb") as stream:
            content = json.loads(stream.read())
        people = content["people"]
        if isinstance(people, list) and all(isinstance(entry, dict) for entry in people):
            return people
    except (ValueError, RecursionError) as error:
        raise DetectionError(
            f"{file} is not valid JSON ({error}). Run the detector on this frame again, or delete the file: "
            "the frame then counts as empty."
        ) from None
    except (KeyError, TypeError):
        pass
    raise DetectionError(
        f"{file} has no list of people as OpenPose writes it. Check that it is keypoints, and in this format."
    )


def _append(values: MutableSequence[float], flat: list[Any], file: str) -> None:
    try:
        values.extend(flat)
    except TypeError:
        raise _no_numbers(file) from None


def _no_numbers(file: str) -> DetectionError:
    return DetectionError(f"{file}: {POSE} must be a list of numbers. Run the detector on this frame again.")


def _person_id(entry: dict[str, Any]) -> int:
    """The detector's track number; OpenPose writes [-1] where it does not track."""
    number = entry.get("person_id", -1)
    number = number[0] if isinstance(number, list) and number else number
    return int(number) if isinstance(number, int | float) and number == number else -1


def _ragged(file: str, found: int, count: int, first_file: str) -> str:
    if found % 3:
        return f"{file}: {POSE} has {found} numbers, which is no multiple of 3 (x, y, score). Run the detector again."
    return (
        f"{file}: a person has {found // 3} keypoints, but {count // 3} in {first_file}. A view needs one keypoint "
        "set: run the detector again with one model for all frames, or separate the folders."
    )
