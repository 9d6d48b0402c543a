"""An ONNX file opened for ONNX Runtime: what it takes, and what it says of itself if we wrote it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mocap3d.detection.options import OnnxOptions
from mocap3d.errors import DetectionError

METADATA = "mocap3d"
"""Key of what our own exports say of themselves, as JSON."""
PRIOR = "prior"
"""Name of the second input that our own exports have."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A model that takes pictures."""

    path: Path
    sha256: str
    session: Any
    """onnxruntime.InferenceSession."""
    card: Mapping[str, Any] | None
    """Of our own exports."""
    image: str
    """Name of the picture's input, (batch, 3, height, width)."""
    batch: int | None
    """How many pictures at a time, where only one number will do."""
    size_px: tuple[int, int]
    """(width, height)."""
    has_prior: bool
    """Whether it can be told whom to look at."""


def open_onnx(path: Path, options: OnnxOptions, device: torch.device, threads: int) -> OnnxFile:
    """DetectionError where it cannot be read or run, or takes anything else than one picture."""
    content = _content(path)
    session = _session(content, path, device, threads)
    card = _card(session, path)
    pictures, others = session.get_inputs()[:1], session.get_inputs()[1:]
    has_prior = card is not None and [item.name for item in others] == [PRIOR]
    shape = [size if isinstance(size, int) and size > 0 else None for item in pictures for size in item.shape]
    if (others and not has_prior) or len(shape) != 4 or shape[1] not in (3, None) or pictures[0].type != _FLOAT:
        found = "; ".join(f"{item.name} {item.shape} {item.type}" for item in session.get_inputs()) or "none"
        raise DetectionError(
            f"{path} takes the inputs {found}. Needed: one picture, (batch, 3, height, width), float. Export the "
            "network alone, channels first and in single precision."
        )
    batch, _, height, width = shape
    size_px = (width or options.size_px[0], height or options.size_px[1])
    return OnnxFile(
        path, hashlib.sha256(content).hexdigest(), session, card, pictures[0].name, batch, size_px, has_prior
    )


_FLOAT = "tensor(float)"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DetectionError(
            f"{path} cannot be read ({error.strerror}). Needed: onnx:FILE, a model on disk; nothing is downloaded."
        ) from None


def _session(content: bytes, path: Path, device: torch.device, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise DetectionError(
            "Detectors in ONNX files need the package onnxruntime, which is not installed. Install it with: "
            "pip install 'mocap3d[onnx]'."
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
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


def _card(session: Any, path: Path) -> dict[str, Any] | None:
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
