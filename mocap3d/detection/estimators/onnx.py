"""Top-down models in ONNX files: RTMPose, ViTPose, HRNet and whatever is exported like them, and our own exports."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from mocap3d.detection.estimators.onnx_file import PRIOR, open_onnx
from mocap3d.detection.estimators.outputs import Outputs, reader_of
from mocap3d.detection.estimators.sapenet import Peaks, scored
from mocap3d.detection.foreign.keypoint_sets import SETS_OF_COUNT
from mocap3d.detection.heatmaps import Calibration, Modes, prior_maps
from mocap3d.detection.options import OnnxOptions
from mocap3d.detection.runtime import each_alone, frozen
from mocap3d.detection.sapenet import N_KEYPOINTS
from mocap3d.errors import DetectionError
from mocap3d.skeletons.skeleton import load_skeleton

_FIELDS = ("uv_px", "cov_px2", "log_weight")


class OnnxEstimator:
    """A model of the user's, run by ONNX Runtime."""

    def __init__(self, path: Path, keypoints: str | None, options: OnnxOptions, *, batch: int, device: torch.device):
        # As PyTorch's networks (runtime.deployed): on a CPU one picture at a time, each on one thread, several at once.
        self._is_alone = device.type == "cpu"
        self._file = open_onnx(path, options, device, threads=1 if self._is_alone else torch.get_num_threads())
        own = self._file.card
        self._options = options if own is None else OnnxOptions(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))
        self._batch = self._file.batch or (1 if self._is_alone else batch)
        self.size_px = self._file.size_px
        self._read, count = self._reader()
        self.keypoint_set = _keypoint_set(count, keypoints, path)
        self.fingerprint = f"onnx {self._file.sha256} {self.keypoint_set} {self._options}"

    def __call__(self, crops: UInt8[np.ndarray, "b h w 3"], expected_px: Float[Tensor, "b k 2"] | None = None) -> Modes:
        """See :class:`mocap3d.detection.estimators.estimator.Estimator`; only our own exports can be told."""
        starts = range(0, len(crops), self._batch)

        def look(n: int) -> Modes:
            part = slice(starts[n], starts[n] + self._batch)
            return self._read(self._run(crops[part], None if expected_px is None else expected_px[part]))

        parts = each_alone(look, len(starts)) if self._is_alone else [look(n) for n in range(len(starts))]
        return Modes(*(torch.cat([getattr(part, name) for part in parts]) for name in _FIELDS))

    def _run(self, crops: UInt8[np.ndarray, "b h w 3"], expected_px: Float[Tensor, "b k 2"] | None = None) -> Outputs:
        """The outputs for up to ``_batch`` crops; the network always gets as many."""
        n, missing = len(crops), self._batch - len(crops)
        filled = np.concatenate([crops, np.repeat(crops[-1:], missing, axis=0)]) if missing else crops
        channels = filled[..., ::-1] if self._options.colours == "bgr" else filled
        mean, std = np.array([self._options.mean, self._options.std], np.float32)
        image = np.ascontiguousarray(((channels - mean) / std).transpose(0, 3, 1, 2), dtype=np.float32)
        given = {self._file.image: image}
        if self._file.has_prior:
            given[PRIOR] = self._prior(expected_px)
        try:
            found = self._file.session.run(None, given)
        except Exception as error:  # onnxruntime's own classes derive from Exception alone
            width, height = self.size_px
            raise DetectionError(
                f"{self._file.path} fails on {self._batch} crops of {width}x{height} px ({str(error).strip()[:200]}). "
                "Export it again for any number of crops of that size, or say another one with --onnx.size-px."
            ) from None
        return [np.asarray(output[:n], np.float32) for output in found]

    def _prior(self, expected_px: Float[Tensor, "b k 2"] | None) -> Float[np.ndarray, "b k h8 w8"]:
        """Where to look, for as many crops as the network gets; zeros say nothing."""
        expected = torch.full((self._batch, N_KEYPOINTS, 2), torch.nan)
        if expected_px is not None:
            expected[: len(expected_px)] = expected_px.float()
        return prior_maps(expected, self.size_px).numpy()

    def _reader(self) -> tuple[Callable[[Outputs], Modes], int]:
        """How to read the outputs, told from their shapes on an empty crop, and the number of keypoints."""
        width, height = self.size_px
        empty = self._run(np.zeros((1, height, width, 3), np.uint8))
        if self._file.card is not None:
            return _reader_of_own(self._file.card, torch.from_numpy(empty[0])), empty[0].shape[1]
        shapes = [output.shape for output in empty]
        reader = reader_of(shapes, self.size_px, self._options.cells)
        if reader is None:
            raise DetectionError(
                f"{self._file.path} gives outputs of the shapes {shapes} for a crop of {width}x{height} px. Needed: "
                "heatmaps (batch, keypoints, height, width), or two SimCC outputs (batch, keypoints, bins), of x and "
                "of y, with as many bins per pixel. Export the top-down model without its decoding."
            )
        return reader


def _reader_of_own(card: Mapping[str, Any], logits: Float[Tensor, "1 k h w"]) -> Callable[[Outputs], Modes]:
    """Of logits and confidences as our own exports give them."""
    calibration = None if card["calibration"] is None else Calibration.from_json(card["calibration"])
    of_one = frozen(Peaks(), (logits,))

    @torch.inference_mode()
    def read(found: Outputs) -> Modes:
        maps, confidence = (torch.from_numpy(output) for output in found)
        peaks = [of_one(one) for one in maps.split(1)]
        return scored(Modes(*(torch.cat(of_all) for of_all in zip(*peaks, strict=True))), confidence, calibration)

    return read


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
