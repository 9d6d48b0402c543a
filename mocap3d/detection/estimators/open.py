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
from mocap3d.errors import DetectionError

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
        estimator = OnnxEstimator(path, options.keypoints, options.onnx, batch=options.batch, device=device)
    elif Path(name).suffix == ".onnx":
        raise DetectionError(f"Detector '{name}' is an ONNX file. Needed before its path is {ONNX}: say {ONNX}{name}.")
    else:
        file = weights.load(_BLAZEPOSE.get(name, name))
        if not str(file.card.get("name", "")).startswith("blazepose-"):
            estimator = SapenetEstimator(file, device, batch=options.batch, flip=options.flip)
        else:
            estimator = BlazePoseEstimator(str(file.path), device)
    _check(name, estimator, options)
    return estimator


def _check(name: str, estimator: Estimator, options: DetectOptions) -> None:
    """Nothing that was asked for is passed over."""
    if options.flip and not isinstance(estimator, SapenetEstimator):
        raise DetectionError(
            f"Detector '{name}' was asked to look at mirror images, too (flip), which only SAPENet does here. Leave "
            "flip out, or choose sapenet-s."
        )
    if options.keypoints not in (None, estimator.keypoint_set):
        raise DetectionError(
            f"Detector '{name}' finds the keypoints of {estimator.keypoint_set}, not of {options.keypoints}. Leave "
            "keypoints out: it is for ONNX files that do not say what they find."
        )
