"""Our own npz of one view's Detections: nothing lost, and no pickle inside."""

import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from mocap3d.detection.foreign.frames import single_file
from mocap3d.errors import DetectionError
from mocap3d.session.files import write_atomically
from mocap3d.session.records import Detections, ViewId
from mocap3d.skeletons.skeleton import load_skeleton

FORMAT, VERSION = "mocap3d detections", 1
_TENSORS = ("frame", "person", "box_px", "uv_px", "cov_px2", "log_weight")


def write_detections(detections: Detections, path: Path) -> None:
    """Writes one view atomically; pixel (0, 0) is the centre of the top-left pixel."""
    arrays = {name: getattr(detections, name).detach().cpu().numpy() for name in _TENSORS}
    names = {"view": detections.view, "keypoint_set": detections.keypoint_set}
    with write_atomically(path) as file:
        np.savez(file, format=FORMAT, version=VERSION, n_frames=detections.n_frames, **names, **arrays)


def read_detections(path: Path, view: ViewId) -> Detections:
    """Exactly what was written, under the session's name of the view."""
    file = single_file(path, (".npz",))
    try:
        with np.load(file, allow_pickle=False) as content:
            held = {name: content[name] for name in content.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DetectionError(f"{file} is not a readable npz ({error}). Write it again.") from None
    _check(held, file)
    tensors = {name: torch.from_numpy(held[name]) for name in _TENSORS}
    return Detections(view=view, keypoint_set=str(held["keypoint_set"]), n_frames=int(held["n_frames"]), **tensors)


def _check(held: dict[str, np.ndarray], file: Path) -> None:
    if missing := [field.name for field in fields(Detections) if field.name not in held]:
        raise DetectionError(
            f"{file} has no {', '.join(missing)}: it was not written by mocap3d. Name its format instead."
        )
    if str(held.get("format")) != FORMAT or int(held.get("version", 0)) != VERSION:
        raise DetectionError(f"{file} is '{held.get('format')}' {held.get('version')}; needed is '{FORMAT}' {VERSION}.")
    count, size = len(load_skeleton(str(held["keypoint_set"])).keypoints), len(held["frame"])
    alternatives = held["log_weight"].shape[-1]
    shapes = {
        "frame": (size,),
        "person": (size,),
        "box_px": (size, 4),
        "uv_px": (size, count, alternatives, 2),
        "cov_px2": (size, count, alternatives, 2, 2),
        "log_weight": (size, count, alternatives),
    }
    if wrong := {name: held[name].shape for name, shape in shapes.items() if held[name].shape != shape}:
        raise DetectionError(
            f"{file}: the shapes {wrong} do not fit {size} sightings of {count} keypoints. Write it again."
        )
