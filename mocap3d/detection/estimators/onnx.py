"""Top-down models in ONNX files: RTMPose, ViTPose, HRNet and whatever is exported like them, and our own exports."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection.estimators.outputs import Outputs, reader_of
from mocap3d.detection.estimators.sapenet import scored
from mocap3d.detection.foreign.keypoint_sets import SETS_OF_COUNT
from mocap3d.detection.heatmaps import Calibration, Modes, modes
from mocap3d.detection.options import OnnxOptions
from mocap3d.errors import DetectionError
from mocap3d.skeletons.skeleton import load_skeleton

METADATA = "mocap3d"
"""Key of what our own exports say of themselves, as JSON."""


class OnnxEstimator:
    """A model of the user's, run by ONNX Runtime."""

    def __init__(self, path: Path, keypoints: str | None, options: OnnxOptions, *, batch: int, device: torch.device):
        content, self._path = _content(path), path
        self._session = _session(content, path, device)
        own = _own_card(self._session, path)
        self._options = options if own is None else OnnxOptions(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))
        self._input, only, self.size_px = _input(self._session, self._options, path)
        # One picture at a time on a CPU: sums are taken in another order for another batch.
        self._batch = only or (1 if device.type == "cpu" else batch)
        self._read, count = self._reader(own, path)
        self.keypoint_set = _keypoint_set(count, keypoints, path)
        self.fingerprint = f"onnx {hashlib.sha256(content).hexdigest()} {self.keypoint_set} {self._options}"

    def __call__(
        self,
        crops: UInt8[np.ndarray, "b h w 3"],
        expected_px: Float[Tensor, "b k 2"] | None = None,  # noqa: ARG002, these models cannot be told
    ) -> Modes:
        """See :class:`mocap3d.detection.estimators.estimator.Estimator`."""
        parts = [
            self._read(self._run(crops[start : start + self._batch])) for start in range(0, len(crops), self._batch)
        ]
        return Modes(*(torch.cat([getattr(part, name) for part in parts]) for name in _FIELDS))

    def _run(self, crops: UInt8[np.ndarray, "b h w 3"]) -> Outputs:
        """The outputs for up to ``_batch`` crops; the network always gets as many."""
        n, missing = len(crops), self._batch - len(crops)
        filled = np.concatenate([crops, np.repeat(crops[-1:], missing, axis=0)]) if missing else crops
        channels = filled[..., ::-1] if self._options.colours == "bgr" else filled
        mean, std = np.array([self._options.mean, self._options.std], np.float32)
        image = np.ascontiguousarray(((channels - mean) / std).transpose(0, 3, 1, 2), dtype=np.float32)
        try:
            found = self._session.run(None, {self._input: image})
        except Exception as error:  # onnxruntime's own classes derive from Exception alone
            width, height = self.size_px
            raise DetectionError(
                f"{self._path} fails on {self._batch} crops of {width}x{height} px ({str(error).strip()[:200]}). "
                "Export it again for any number of crops of that size, or say another one with --onnx.size-px."
            ) from None
        return [np.asarray(output[:n], np.float32) for output in found]

    def _reader(self, own: dict[str, Any] | None, path: Path) -> tuple[Callable[[Outputs], Modes], int]:
        """How to read the outputs, told from their shapes on an empty crop, and the number of keypoints."""
        width, height = self.size_px
        shapes = [output.shape for output in self._run(np.zeros((1, height, width, 3), np.uint8))]
        if own is not None:
            calibration = None if own["calibration"] is None else Calibration.from_json(own["calibration"])
            return lambda found: _of_own(found, calibration), shapes[0][1]
        reader = reader_of(shapes, self.size_px, self._options.cells)
        if reader is None:
            raise DetectionError(
                f"{path} gives outputs of the shapes {shapes} for a crop of {width}x{height} px. Needed: heatmaps "
                "(batch, keypoints, height, width), or two SimCC outputs (batch, keypoints, bins), of x and of y, with "
                "as many bins per pixel. Export the top-down model without its decoding."
            )
        return reader


_FIELDS = ("uv_px", "cov_px2", "log_weight")


def _of_own(found: Outputs, calibration: Calibration | None) -> Modes:
    """Logits and confidences of our own export."""
    logits, confidence = (torch.from_numpy(output) for output in found)
    return scored(modes(logits), confidence, calibration)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DetectionError(
            f"{path} cannot be read ({error.strerror}). Needed: onnx:FILE, a model on disk; nothing is downloaded."
        ) from None


def _session(content: bytes, path: Path, device: torch.device) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise DetectionError(
            "Detectors in ONNX files need the package onnxruntime, which is not installed. Install it with: "
            "pip install 'mocap3d[onnx]'."
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # none but the fatal: its warnings are about the model, its errors are raised, too
    there = onnxruntime.get_available_providers()
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    providers = [name for name in [*wanted, "CPUExecutionProvider"] if name in there]
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime's own classes derive from Exception alone
        raise DetectionError(
            f"{path} is no model that ONNX Runtime {onnxruntime.__version__} can run ({str(error).strip()[:200]}). "
            "Export it again, with its weights inside the file."
        ) from None


def _own_card(session: Any, path: Path) -> dict[str, Any] | None:
    stated = session.get_modelmeta().custom_metadata_map.get(METADATA)
    if stated is None:
        return None
    try:
        card = json.loads(stated)
    except json.JSONDecodeError:
        card = None
    if not isinstance(card, dict) or "calibration" not in card or len(session.get_outputs()) != 2:
        raise DetectionError(
            f"{path} says that mocap3d wrote it, but what it says of itself is damaged. Write it again with "
            "`mocap3d export-onnx`."
        )
    return card


def _input(session: Any, options: OnnxOptions, path: Path) -> tuple[str, int | None, tuple[int, int]]:
    """Name of the picture's input, the batch size where only one will do, and (width, height)."""
    inputs = session.get_inputs()
    shape = [size if isinstance(size, int) and size > 0 else None for item in inputs[:1] for size in item.shape]
    if len(inputs) != 1 or len(shape) != 4 or shape[1] not in (3, None) or inputs[0].type != "tensor(float)":
        found = "; ".join(f"{item.name} {item.shape} {item.type}" for item in inputs) or "none"
        raise DetectionError(
            f"{path} takes the inputs {found}. Needed: one picture, (batch, 3, height, width), float. Export the "
            "network alone, channels first and in single precision."
        )
    batch, _, height, width = shape
    return inputs[0].name, batch, (width or options.size_px[0], height or options.size_px[1])


def _keypoint_set(count: int, stated: str | None, path: Path) -> str:
    """The stated set if it has as many keypoints, or the only known one of that number."""
    if stated is not None and (expected := len(load_skeleton(stated).keypoints)) != count:
        raise DetectionError(
            f"{path} gives {count} keypoints, but keypoint set '{stated}' has {expected}. Known sets of {count}: "
            f"{', '.join(SETS_OF_COUNT.get(count, ())) or 'none'}. Say the right one with --keypoints."
        )
    candidates = SETS_OF_COUNT.get(count, ()) if stated is None else (stated,)
    if len(candidates) != 1:
        found = f"which may be {' or '.join(candidates)}" if candidates else "and no known keypoint set has so many"
        raise DetectionError(f"{path} gives {count} keypoints, {found}. Say which they are, like --keypoints halpe26.")
    return candidates[0]
