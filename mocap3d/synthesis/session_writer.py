"""A scene as a session folder: keypoint files and a calibration as other programs write them, and the truth beside."""

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w

from mocap3d.errors import SessionError
from mocap3d.session.records import Detections
from mocap3d.synthesis.foreign_calibration import CalibrationWriter, write_pose2sim, write_qualisys
from mocap3d.synthesis.scene import Scene


@dataclass(frozen=True)
class CalibrationFile:
    """Which calibration file a session gets, and who writes it."""

    name: str
    write: CalibrationWriter


CALIBRATIONS = {
    "qualisys": CalibrationFile("Calib.qca.txt", write_qualisys),
    "pose2sim": CalibrationFile("Calib.toml", write_pose2sim),
}


def write_session(scene: Scene, root: Path, *, calibration: str | CalibrationFile = "qualisys") -> None:
    """Writes session.toml, keypoints/<view>/*.json (OpenPose), calibration/<file> and truth.npz; all or nothing.

    Names of people tell nothing of which track is whose, so heights are stated only for one alone. Scores keep 4
    decimals and pixels 3.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise SessionError(f"{root} is there already and not empty. Choose another folder, or remove it first.")
    file = CALIBRATIONS[calibration] if isinstance(calibration, str) else calibration
    aside = root.with_name(f".{secrets.token_hex(4)}-{root.name}")
    try:
        (aside / "calibration").mkdir(parents=True)
        file.write(scene.rig, aside / "calibration" / file.name)
        (aside / "session.toml").write_text(_session_toml(scene), encoding="utf-8")
        for view, detections in scene.detections.items():
            write_openpose(detections, aside / "keypoints" / view)
        _write_truth(scene, aside / "truth.npz")
        os.replace(aside, root)
    except OSError as error:
        raise SessionError(f"{root} could not be written ({error.strerror}). Needed: a writable folder.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_openpose(detections: Detections, folder: Path) -> None:
    """One JSON file per frame, also of frames without people; what is missing is 0, 0, 0."""
    folder.mkdir(parents=True)
    uv_px = detections.uv_px[:, :, 0].numpy().round(3)
    score = detections.log_weight[:, :, :1].exp().numpy().round(4)
    flat = np.nan_to_num(np.concatenate([uv_px, score], axis=-1), nan=0.0).reshape(len(uv_px), -1).tolist()
    people: list[list[dict]] = [[] for _ in range(detections.n_frames)]
    for frame, person, keypoints in zip(detections.frame.tolist(), detections.person.tolist(), flat, strict=True):
        people[frame].append({"person_id": [person], "pose_keypoints_2d": keypoints})
    for frame, found in enumerate(people):
        name = f"{detections.view}_{frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": found}), encoding="utf-8")


def _session_toml(scene: Scene) -> str:
    alone = len(scene.people) == 1
    people = [{"name": p.name} | ({"height_m": p.height_m} if alone else {}) for p in scene.people]
    rate = scene.rate.numerator if scene.rate.denominator == 1 else str(scene.rate)
    return tomli_w.dumps({"rate": rate, "skeleton": scene.skeleton.name, "people": people})


def _write_truth(scene: Scene, path: Path) -> None:
    """What was hidden from the detector: to be compared with results, not read by ``reconstruct``."""
    np.savez_compressed(
        path,
        p_in_world=scene.p_in_world.numpy(),
        t_s=scene.t_s.numpy(),
        keypoints=np.array(scene.skeleton.keypoints),
        people=np.array([person.name for person in scene.people]),
        height_m=np.array([person.height_m for person in scene.people]),
        views=np.array(list(scene.rig.cameras)),
        occluded=scene.occluded.numpy(),
        outlier=scene.outlier.numpy(),
    )
