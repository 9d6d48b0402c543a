"""Licensed pictures and videos of people, with the keypoints that annotators or another detector found in them."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap3d.detection.detect import detect
from mocap3d.detection.options import DetectOptions
from mocap3d.session.session import load_session
from mocap3d.skeletons.skeleton import load_skeleton

BODY = tuple(side + joint for joint in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle") for side in "LR")
_VISIBLE = 2
"""In COCO's annotations."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """One picture or video: BODY in pixels (t 12 2), NaN where it is not known or not visible."""

    path: Path
    uv_px: np.ndarray


def expected_keypoints(folder: Path, detector: str, *, flip: bool = False) -> dict[str, dict]:
    """Of every picture: the share of visible body joints within 0.1 and 0.2 torso lengths of what is expected, and of
    each joint; one that no detector finds may well be expected in the wrong place."""
    return {one.path.name: _compared(one, detector, flip=flip) for one in _all(folder)}


def _all(folder: Path) -> list[Expected]:
    videos = folder / "tfjs"
    return [
        _coco(folder / "coco_785.json", folder / "000000000785.jpg"),
        Expected(videos / "pose_1.mp4", _named(json.loads((videos / "pose_1.json").read_text(encoding="utf-8")))),
        Expected(
            videos / "pose_squats.mp4",
            _numbered(json.loads((videos / "pose_squats.full.json").read_text(encoding="utf-8"))),
        ),
    ]


def _coco(annotations: Path, picture: Path) -> Expected:
    table = json.loads(annotations.read_text(encoding="utf-8"))
    names = [_ours(name) for name in table["categories"][0]["keypoints"]]
    points = np.array(table["annotations"][0]["keypoints"], float).reshape(-1, 3)
    points[points[:, 2] != _VISIBLE] = np.nan
    return Expected(picture, points[None, [names.index(name) for name in BODY], :2])


def _named(frames: list[dict]) -> np.ndarray:
    names = {_ours(name): name for name in frames[0]}
    return np.array([[[frame[names[name]][axis] for axis in "xy"] for name in BODY] for frame in frames])


def _numbered(frames: list[list]) -> np.ndarray:
    names = load_skeleton("blazepose33").keypoints
    return np.array(frames)[:, [names.index(name) for name in BODY], :2]


def _ours(name: str) -> str:
    """left_shoulder -> LShoulder."""
    side, _, joint = name.partition("_")
    return side[0].upper() + joint.capitalize() if joint else name.capitalize()


def _compared(expected: Expected, detector: str, *, flip: bool) -> dict:
    uv_px = _found(expected.path, detector, len(expected.uv_px), flip=flip)
    shoulders, hips = expected.uv_px[:, :2].mean(1), expected.uv_px[:, 6:8].mean(1)
    torso_px = np.linalg.norm(shoulders - hips, axis=-1)
    apart = np.linalg.norm(uv_px - expected.uv_px, axis=-1) / torso_px[:, None]
    wanted = np.isfinite(expected.uv_px[..., 0]) & np.isfinite(torso_px)[:, None]
    share = {f"pck{limit}": round(float((apart[wanted] < limit).mean()), 4) for limit in (0.1, 0.2)}
    near = {name: apart[wanted[:, n], n] < 0.1 for n, name in enumerate(BODY)}
    of_joint = {name: round(float(joint.mean()), 3) for name, joint in near.items() if joint.size}
    return {**share, "joints": int(wanted.sum()), "pck0.1 by joint": of_joint}


def _found(path: Path, detector: str, n_frames: int, *, flip: bool) -> np.ndarray:
    """(t 12 2): the largest person of every frame; NaN where nobody was found."""
    with tempfile.TemporaryDirectory() as root:
        videos = Path(root) / "videos"
        place = videos / path.name if path.suffix == ".mp4" else videos / path.stem / f"0{path.suffix}"
        place.parent.mkdir(parents=True)
        shutil.copy(path, place)
        (found,) = detect(load_session(Path(root)), DetectOptions(detector=detector, flip=flip)).values()
    names = load_skeleton(found.keypoint_set).keypoints
    uv_px = np.full((n_frames, len(BODY), 2), np.nan)
    size = (found.box_px[:, 3] - found.box_px[:, 1]).numpy()
    for n in np.argsort(size):  # the largest last
        frame = int(found.frame[n])
        if frame < n_frames:
            uv_px[frame] = found.uv_px[n, [names.index(name) for name in BODY], 0]
    return uv_px
