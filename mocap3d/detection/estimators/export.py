"""SAPENet as an ONNX file, for ONNX Runtime and whatever else reads it."""

import json
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from mocap3d.detection import weights
from mocap3d.detection.estimators.onnx_file import METADATA, PRIOR
from mocap3d.detection.estimators.sapenet import network_of, size_of
from mocap3d.detection.heatmaps import prior_maps
from mocap3d.detection.sapenet import N_KEYPOINTS, Sapenet
from mocap3d.errors import DetectionError
from mocap3d.session.files import written_aside

OPSET = 18
OUTPUTS = ("logits", "confidence")


def export_onnx(name_or_path: str, path: Path) -> None:
    """Writes pictures (b 3 h w), RGB in [0, 1], and priors (b k h/8 w/8) to logits at stride 4 and confidences (b k).

    The depth input is left out. What the file needs to know of itself is in its metadata.
    """
    missing = [package for package in ("onnx", "onnxscript") if find_spec(package) is None]  # torch's exporter's, too
    if missing:
        raise DetectionError(
            f"Writing ONNX needs {' and '.join(missing)}, which are not installed. Install them with: "
            "pip install 'mocap3d[onnx]'."
        )
    import onnx

    file = weights.load(name_or_path)
    net = _Exported(network_of(file)).eval()
    width, height = size_of(file)
    batch = torch.export.Dim("batch")
    with written_aside(path) as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.zeros(2, 3, height, width), prior_maps(torch.zeros(2, N_KEYPOINTS, 2), (width, height))),
            str(aside),
            input_names=["image", PRIOR],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: batch}, {0: batch}),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(str(aside))
        onnx.helper.set_model_props(model, {METADATA: json.dumps(_stated(file))})
        onnx.save(model, str(aside))


def _stated(file: weights.WeightFile) -> dict[str, object]:
    """What :class:`mocap3d.detection.estimators.onnx.OnnxEstimator` has to know, and where the file is from."""
    return {"name": file.card.get("name"), "weights_sha256": file.sha256, "calibration": file.card.get("calibration")}


class _Exported(nn.Module):
    def __init__(self, net: Sapenet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        predicted = self.net(image, prior)
        return predicted.logits[0], torch.sigmoid(predicted.confidence_logit)
