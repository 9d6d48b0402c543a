"""From a detector's name to its networks."""

from pathlib import Path

import torch

from mocap3d.detection import weights
from mocap3d.detection.estimators.blazepose import BlazePoseEstimator
from mocap3d.detection.estimators.estimator import Estimator
from mocap3d.detection.estimators.onnx import OnnxEstimator
from mocap3d.detection.estimators.sapenet import SapenetEstimator
from mocap3d.detection.options import ONNX, DetectOptions
from mocap3d.detection.persons import PersonFinder
from mocap3d.detection.watch import Models

PERSON_DETECTOR = "person-detector"
_BLAZEPOSE = {"blazepose": "blazepose-full", "blazepose-full": "blazepose-full", "blazepose-heavy": "blazepose-heavy"}


def open_models(name: str, options: DetectOptions, device: torch.device) -> Models:
    """The networks of a detector; DetectionError where there are none of that name, or they cannot be used."""
    estimator = open_estimator(name, options, device)
    detector = weights.load(PERSON_DETECTOR)
    return Models(estimator, PersonFinder.shipped(device), f"{estimator.fingerprint} {detector.sha256}")


def open_estimator(name: str, options: DetectOptions, device: torch.device) -> Estimator:
    """What finds keypoints in crops."""
    if name.startswith(ONNX):
        path = Path(name.removeprefix(ONNX)).expanduser()
        return OnnxEstimator(path, options.keypoints, options.onnx, batch=options.batch, device=device)
    if name in _BLAZEPOSE:
        return BlazePoseEstimator(_BLAZEPOSE[name], device)
    file = weights.load(name)
    if str(file.card.get("name", "")).startswith("blazepose-"):
        return BlazePoseEstimator(name, device)
    return SapenetEstimator(file, device, batch=options.batch)
