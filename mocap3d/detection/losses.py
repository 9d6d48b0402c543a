"""What SAPENet learns from: heatmaps, structural priors (SPI) and consistency (PCAOS), each term once.

Terms have no dimension (lengths are in tenths of the torso) and are means over what is labelled, so that each can be
switched on or off without tuning the others. Gradients of the logits were measured to compare them: see
``docs/sapenet.md``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.detection import multiview, structural_priors
from mocap3d.detection.heatmaps import cells_from_px, gaussian_maps, modes
from mocap3d.detection.poses import Poses, bent, mean
from mocap3d.detection.sapenet import PEAK_CELLS, STRIDES, Prediction, skeleton_image

SIGMA_CELLS = (1.5, 1.2, 1.0, 1.0)
"""Of the Gaussian that a heatmap shall be, at each stride."""
_EVEN = 0.1
"""Weight of an even split between the scales, without which all weight would go to the easiest."""
Critic = Callable[[Float[Tensor, "b k h w"]], Float[Tensor, "b _ _"]]
_Weighted = dict[str, tuple[float, Tensor]]
"""Weight and value of each term."""


@dataclass(frozen=True)
class LossOptions:
    """Which terms count, and how much."""

    heatmap: Literal["divergence", "square"] = "divergence"
    """Heatmaps as probabilities over cells, or cell by cell as pictures, as in the paper."""
    coarse: float = 0.5
    """Of the finest heatmap before SPI, relative to after it."""
    coordinate: float = 0.3
    """Of the expected place of each keypoint."""
    spi: bool = True
    """Structural priors."""
    spi_weight: float = 0.05
    """Of all structural priors together: their gradient is then about a fifth of the finest heatmap's."""
    lambdas: tuple[float, float, float, float, float, float, float] = (1.0, 0.5, 0.1, 0.8, 0.2, 0.5, 0.3)
    """The paper's: structure, angle, deformation, sure structure, smoothness, projection, acceleration."""
    ramp: tuple[float, float] = (0.2, 0.4)
    """Part of the training from which structural and multi-view terms rise, and at which they count fully."""
    pcaos: bool = True
    """Confidence: learning it, weighting by it, and consistency of views."""
    c_min: float = 0.05
    """The least confidence that a keypoint is weighted with."""
    confidence: float = 0.1
    multi_view: float = 0.1
    triangulation: float = 0.05
    """Of the error in space, where the truth is known."""
    through_fusion: bool = False
    """Whether the gradient of the multi-view term goes through the fusion of the views, too."""
    visibility: float = 0.3
    attention: float = 0.01
    loops: float = 0.0
    centre: float = 0.0
    """Of the mean of all keypoints; the coordinates say it already."""
    adversarial: float = 0.0
    """Of the judge of Figure 2, if one is given."""

    def __post_init__(self):
        if not 0 <= self.ramp[0] < self.ramp[1] <= 1:
            raise ValueError(f"ramp is {self.ramp}; needed two rising numbers between 0 and 1.")
        if not 0 < self.c_min <= 1:
            raise ValueError(f"c_min is {self.c_min:g}; needed more than 0, at most 1.")


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Labels of a batch, in pixels of the network's input. What is unknown is NaN (or -1), or the whole field None."""

    uv_px: Float[Tensor, "b k 2"]
    visibility: Int[Tensor, "b k"]
    """2 visible, 1 hidden, 0 outside the picture or not labelled."""
    weight: Float[Tensor, "b k"]
    """0 where there is no label, not even of visibility."""
    p_in_cam: Float[Tensor, "b k 3"] | None = None
    matrix: Float[Tensor, "b 3 3"] | None = None
    """Camera matrix of the crop, whatever was done to it (turned, mirrored)."""
    cam_from_world: Float[Tensor, "b 3 4"] | None = None
    instant: Int[Tensor, " b"] | None = None
    """Equal and not negative: views of one moment. They are mirrored all or none."""
    clip: Int[Tensor, " b"] | None = None
    frame: Int[Tensor, " b"] | None = None


def total(
    prediction: Prediction,
    target: Target,
    options: LossOptions,
    *,
    progress: float,
    fuse: multiview.Fuse | None = None,
    critic: Critic | None = None,
) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
    """The loss, and each of its terms before it is weighted. ``progress`` is the part of the training done, 0 to 1.

    Heatmaps plus structure is Eq 37; coordinates and pairs weighted by confidence are Eq 49.
    """
    # Half a pixel at 200 is what bfloat16 can tell apart.
    with torch.autocast(prediction.logits[0].device.type, enabled=False):
        poses = _poses(prediction, target, options)
        loss, terms = heatmap_terms(prediction, poses, options)
        ramp = min(max((progress - options.ramp[0]) / (options.ramp[1] - options.ramp[0]), 0.0), 1.0)
        weighted = _always(prediction, target, poses, options)
        if ramp:
            later = _later(prediction, target, poses, options, fuse)
            weighted |= {name: (ramp * weight, term) for name, (weight, term) in later.items()}
        if options.adversarial and critic is not None:
            weighted["adversarial"] = (options.adversarial, -critic(skeleton_image(prediction.logits[0])).mean())
        loss = sum((weight * term for weight, term in weighted.values()), start=loss)
    terms |= {name: term for name, (_, term) in weighted.items()}
    return loss, {name: term.detach() for name, term in terms.items()}


def heatmap_terms(
    prediction: Prediction, poses: Poses, options: LossOptions
) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
    """Sum over scales of w_s L_s, w learnt (Eq 25, Eq 26); the coarser scales are the deep supervision of Eq 29.

    Beside it the finest heatmap before SPI, as the intermediate one of Eq 27; the sum is Eq 28. Times the number of
    scales, so that shared out evenly each counts fully.
    """
    of_scale = divergence if options.heatmap == "divergence" else square
    weights = len(prediction.logits) * prediction.scale_weights
    terms = {
        f"heatmap_{stride}": of_scale(logits, poses, stride=stride, sigma_cells=sigma)
        for logits, stride, sigma in zip(prediction.logits, STRIDES, SIGMA_CELLS, strict=False)
    }
    loss = (weights * torch.stack(list(terms.values()))).sum() - _EVEN * weights.log().mean()
    if prediction.coarse is not prediction.logits[0]:
        terms["heatmap_coarse"] = of_scale(prediction.coarse, poses, stride=STRIDES[0], sigma_cells=SIGMA_CELLS[0])
        loss = loss + options.coarse * weights[0] * terms["heatmap_coarse"]
    return loss, terms


def divergence(logits: Float[Tensor, "b k h w"], poses: Poses, *, stride: int, sigma_cells: float) -> Float[Tensor, ""]:
    """-log P(p* | I), Eq 4, for a Gaussian about p*, less its entropy: 0 where the map is that Gaussian."""
    log_p = torch.log_softmax(logits.flatten(2).float(), -1).view(logits.shape)
    centre = cells_from_px(poses.truth_px, stride)
    log_x, log_y = (_log_gaussian(centre[..., i], logits.shape[-1 - i], sigma_cells, logits.device) for i in range(2))
    x, y = log_x.exp(), log_y.exp()
    entropy = -(x * log_x).sum(-1) - (y * log_y).sum(-1)
    crossed = -torch.einsum("bky,bkyx,bkx->bk", y, log_p, x)
    return mean(crossed - entropy, poses.weight)


def square(logits: Float[Tensor, "b k h w"], poses: Poses, *, stride: int, sigma_cells: float) -> Float[Tensor, ""]:
    """|H - H*|^2, Eq 7, of sigmoid maps, per cell of a peak."""
    truth = gaussian_maps(poses.truth_px, _size_px(logits, stride), stride=stride, sigma_cells=sigma_cells)
    squared = (torch.sigmoid(logits.float()) - truth).square().sum((-1, -2)) / PEAK_CELLS
    return mean(squared, poses.weight)


def coordinate(poses: Poses) -> Float[Tensor, ""]:
    """Predicted minus true place (Eq 6), weighted by confidence (Eq 44) and divided by the sum of weights (Eq 45)."""
    return mean(bent(poses.error.square().sum(-1)), poses.weight * poses.confidence)


def visibility(prediction: Prediction, target: Target) -> Float[Tensor, ""]:
    """Cross-entropy of "can be seen" wherever that is labelled."""
    known, seen = (target.weight > 0).float(), (target.visibility == 2).float()
    each = F.binary_cross_entropy_with_logits(prediction.visibility_logit.float(), seen, reduction="none")
    return mean(each, known)


def confidence(prediction: Prediction, poses: Poses) -> Float[Tensor, ""]:
    """Confidence is exp(-|p - p*| / unit) of the peak, by cross-entropy, less the least that it can be: Eq 50.

    The paper's c - |p - p*|^2 has no minimum.
    """
    with torch.no_grad():
        uv_px = modes(prediction.logits[0], m=1, min_weight=0.0).uv_px[:, :, 0]
        off = (uv_px - poses.truth_px).norm(dim=-1) / poses.unit_px[:, None]
        true = torch.exp(-off.nan_to_num(torch.inf))
        least = F.binary_cross_entropy(true, true, reduction="none")
    logit = prediction.confidence_logit.float()
    return mean(F.binary_cross_entropy_with_logits(logit, true, reduction="none") - least, poses.weight)


def attention(prediction: Prediction) -> Float[Tensor, ""]:
    """Mean of the attention maps: the L1 norm of Eq 13, but alike for maps of any size."""
    return torch.stack([weights.float().abs().mean() for weights in prediction.attention]).mean()


def multi_view(
    prediction: Prediction, target: Target, poses: Poses, options: LossOptions, fuse: multiview.Fuse | None
) -> _Weighted:
    """The terms of Eq 43 with their weights, where a batch has views of one moment; the temporal one is SPI's."""
    if target.instant is None or target.matrix is None or target.cam_from_world is None:
        return {}
    views = multiview.Views.of(target.instant, target.matrix, target.cam_from_world)
    if views is None:
        return {}
    can_be_seen = (target.weight <= 0) | (target.visibility > 0)
    term, p_in_world = multiview.consistency(
        poses,
        can_be_seen,
        views,
        _size_px(prediction.logits[0], STRIDES[0]),
        fuse=fuse or multiview.triangulated,
        through=options.through_fusion,
    )
    terms: _Weighted = {"multi_view": (options.multi_view, term)}
    if target.p_in_cam is not None:
        error = multiview.point_error(p_in_world, views, target.p_in_cam)
        terms["triangulation"] = (options.triangulation, error)
    return terms


def critic_loss(critic: Critic, prediction: Prediction, target: Target) -> Float[Tensor, ""]:
    """The judge's side of the hinge game: above 1 for true heatmaps, below -1 for predicted ones."""
    logits = prediction.logits[0].detach()
    labelled = (target.visibility > 0)[..., None]
    uv_px = torch.where(labelled, target.uv_px, torch.nan)
    real = gaussian_maps(uv_px, _size_px(logits, STRIDES[0]), stride=STRIDES[0])
    predicted = torch.where(labelled[..., None], skeleton_image(logits), 0.0)
    return F.relu(1 - critic(real)).mean() + F.relu(1 + critic(predicted)).mean()


def _poses(prediction: Prediction, target: Target, options: LossOptions) -> Poses:
    """Keypoints weighted with max(c, c_min), Eq 46, or alike without PCAOS."""
    sure = torch.sigmoid(prediction.confidence_logit.float()).clamp(min=options.c_min)
    sure = sure if options.pcaos else torch.ones_like(sure)
    return Poses.of(prediction.logits[0], target.uv_px, target.visibility, target.weight, sure, stride=STRIDES[0])


def _always(prediction: Prediction, target: Target, poses: Poses, options: LossOptions) -> _Weighted:
    """The terms that count from the first step."""
    terms: _Weighted = {
        "coordinate": (options.coordinate, coordinate(poses)),
        "visibility": (options.visibility, visibility(prediction, target)),
    }
    if prediction.attention:
        terms["attention"] = (options.attention, attention(prediction))
    if options.pcaos and prediction.confidence_logit is not prediction.visibility_logit:
        terms["confidence"] = (options.confidence, confidence(prediction, poses))
    return terms


def _later(
    prediction: Prediction, target: Target, poses: Poses, options: LossOptions, fuse: multiview.Fuse | None
) -> _Weighted:
    """The terms that hold between keypoints and views, and help only once most of these are about right."""
    terms: _Weighted = {}
    if options.spi:
        priors = structural_priors.terms(
            poses, target.p_in_cam, target.matrix, target.cam_from_world, target.clip, target.frame
        )
        for share, (name, term) in zip(options.lambdas, priors, strict=True):
            if term is not None:
                terms[name] = (options.spi_weight * share, term)
    if options.loops:
        terms["loops"] = (options.loops, structural_priors.loops(poses))
    if options.centre:
        terms["centre"] = (options.centre, structural_priors.centre(poses))
    return terms | (multi_view(prediction, target, poses, options, fuse) if options.pcaos else {})


def _size_px(logits: Float[Tensor, "b k h w"], stride: int) -> tuple[int, int]:
    """Width and height of the network's input."""
    return stride * logits.shape[-1], stride * logits.shape[-2]


def _log_gaussian(
    centre: Float[Tensor, "b k"], n: int, sigma_cells: float, device: torch.device
) -> Float[Tensor, "b k n"]:
    """Log of a Gaussian over n cells that sums to 1 over them."""
    cell = torch.arange(n, device=device, dtype=torch.float32)
    return torch.log_softmax(-0.5 * ((cell - centre[..., None]) / sigma_cells).square(), -1)
