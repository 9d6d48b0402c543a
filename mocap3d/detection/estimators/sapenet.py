"""SAPENet with its weights, as an estimator."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mocap3d.detection import weights
from mocap3d.detection.heatmaps import PRIOR_STRIDE, Calibration, Modes, modes, prior_maps
from mocap3d.detection.runtime import deployed
from mocap3d.detection.sapenet import N_KEYPOINTS, Sapenet, SapenetConfig
from mocap3d.errors import DetectionError
from mocap3d.session.toml import typed
from mocap3d.skeletons.skeleton import load_skeleton

SIZE_PX = (192, 256)
_FAINTEST = 1e-4


class SapenetEstimator:
    """Up to three alternatives per keypoint; where people overlap, it can be told whom to look at."""

    keypoint_set = "halpe26"

    def __init__(self, file: weights.WeightFile, device: torch.device, *, batch: int = 16, flip: bool = False) -> None:
        """With ``flip``, each crop's mirror image is looked at, too."""
        net: nn.Module = _Essential(network_of(file).to(device))
        net = _WithModes(_Flipped(net) if flip else net)
        width, height = self.size_px = size_of(file)
        self.fingerprint = f"sapenet {file.sha256}{' flip' * flip}"
        self._device, self._calibration = device, calibration_of(file)
        prior = torch.zeros(1, N_KEYPOINTS, height // PRIOR_STRIDE, width // PRIOR_STRIDE, device=device)
        image = torch.zeros(1, 3, height, width, device=device)
        self._net = deployed(net, image, prior, batch=batch)

    def __call__(self, crops: UInt8[np.ndarray, "b h w 3"], expected_px: Float[Tensor, "b k 2"] | None = None) -> Modes:
        """See :class:`mocap3d.detection.estimators.estimator.Estimator`."""
        image = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).float() / 255
        unknown = torch.full((len(crops), N_KEYPOINTS, 2), torch.nan)
        expected = unknown if expected_px is None else expected_px.float()
        prior = prior_maps(expected.to(self._device), self.size_px)
        *found, confidence = (part.cpu() for part in self._net(image, prior))
        return scored(Modes(*found), confidence, self._calibration)


class _Essential(nn.Module):
    """What is used of the network's prediction, as tensors."""

    def __init__(self, net: Sapenet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Finest logits and confidence logits."""
        predicted = self.net(image, prior)
        return predicted.logits[0], predicted.confidence_logit


class _Flipped(nn.Module):
    """The mean of what is said of a picture and of its mirror image: heatmaps as probabilities, confidences as logits.

    Source: Newell et al. (2016), who take the mean of heatmaps.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.mirror = list(load_skeleton(SapenetEstimator.keypoint_set).mirror)

    def forward(self, image: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """As :class:`_Essential`."""
        both = torch.cat([image, image.flip(-1)])
        logits, confidence = self.net(both, torch.cat([prior, self._turned(prior)]))
        here, mirrored = logits.float().flatten(2).log_softmax(-1).view_as(logits).chunk(2)
        sure, mirrored_sure = confidence.chunk(2)
        return torch.logaddexp(here, self._turned(mirrored)), (sure + mirrored_sure[:, self.mirror]) / 2

    def _turned(self, maps: Tensor) -> Tensor:
        return maps.flip(-1)[:, self.mirror]


class _WithModes(nn.Module):
    """What is kept of the maps: deployed along with the network, its small steps take three quarters of the time."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.peaks = net, Peaks()

    def forward(self, image: Tensor, prior: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """uv_px (b k m 2), cov_px2 (b k m 2 2), log_weight (b k m), and the confidence (b k)."""
        logits, confidence_logit = self.net(image, prior)
        return *self.peaks(logits), torch.sigmoid(confidence_logit.float())


class Peaks(nn.Module):
    """``modes`` as a module, to be deployed."""

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """uv_px (b k m 2), cov_px2 (b k m 2 2) and log_weight (b k m)."""
        found = modes(logits)
        return found.uv_px, found.cov_px2, found.log_weight


def scored(found: Modes, confidence: Float[Tensor, "b k"], calibration: Calibration | None) -> Modes:
    """Modes with calibrated covariances and the records' scores: the confidence, shared out among the modes."""
    calibrated = found if calibration is None else calibration.apply(found, confidence)
    log_share = torch.log_softmax(found.log_weight, -1).nan_to_num(-torch.inf)  # NaN where all are missing
    return replace(calibrated, log_weight=log_share + confidence.clamp_min(_FAINTEST).log()[..., None])


def network_of(file: weights.WeightFile) -> Sapenet:
    """The network that the weights' card describes, with these weights."""
    table = file.card.get("network")
    if not isinstance(table, Mapping):
        raise DetectionError(
            f"{file.path} is not a SAPENet: its card describes no network. Needed: weights written by `mocap3d train`, "
            "or shipped ones such as sapenet-s."
        )
    config = typed(table, SapenetConfig, source=file.path, key="network", error=DetectionError)
    net = Sapenet(config)
    weights.fill(net, file)
    return net


def size_of(file: weights.WeightFile) -> tuple[int, int]:
    """(width, height) of its crops."""
    match file.card.get("size_px", SIZE_PX):
        case [int(width), int(height)] if min(width, height) > 0 and width % 32 == height % 32 == 0:
            return width, height
        case found:
            raise DetectionError(
                f"{file.path}: its card says crops of size_px {found}. Needed: a width and a height in pixels, "
                "multiples of 32, like [192, 256]. Use weights that `mocap3d train` wrote."
            )


def calibration_of(file: weights.WeightFile) -> Calibration | None:
    """How its covariances relate to its errors, where that was measured."""
    card = file.card.get("calibration")
    return None if card is None else Calibration.from_json(card)
