"""How well a network finds the keypoints of held-out pictures."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.detection.heatmaps import modes
from mocap3d.detection.sapenet import Sapenet
from mocap3d.detection.training.augment import Geometry, lowered, warped
from mocap3d.detection.training.batches import Batch, gathered
from mocap3d.detection.training.data import KEYPOINT_SET, Heap, Sample
from mocap3d.session.samples import Visibility
from mocap3d.skeletons.skeleton import load_skeleton

THRESHOLDS = (0.05, 0.1, 0.2)
"""Of PCK, in torso lengths."""
_SKELETON = load_skeleton(KEYPOINT_SET)
_SHOULDERS = [_SKELETON.index(name) for name in ("LShoulder", "RShoulder")]
_HIPS = [_SKELETON.index(name) for name in ("LHip", "RHip")]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network says of n pictures, beside the truth. Pixels are the input's."""

    image: Tensor
    """(n 3 h w), uint8 RGB."""
    uv_px: Float[Tensor, "n k m 2"]
    cov_px2: Float[Tensor, "n k m 2 2"]
    log_weight: Float[Tensor, "n k m"]
    visibility_logit: Float[Tensor, "n k"]
    confidence_logit: Float[Tensor, "n k"]
    true_uv_px: Float[Tensor, "n k 2"]
    true_visibility: Int[Tensor, "n k"]
    true_weight: Float[Tensor, "n k"]

    @property
    def torso_px(self) -> Float[Tensor, " n"]:
        """Middle of the shoulders to middle of the hips, at least a fifth of the picture's height."""
        uv_px = self.true_uv_px
        length = (uv_px[:, _SHOULDERS].mean(1) - uv_px[:, _HIPS].mean(1)).norm(dim=-1)
        floor = 0.2 * self.image.shape[-2]
        return torch.where(length.isfinite(), length, floor).clamp(min=floor)

    @property
    def error(self) -> Float[Tensor, "n k"]:
        """Distance of the first mode to the truth, in torso lengths; infinite where there is none."""
        error = (self.uv_px[:, :, 0] - self.true_uv_px).norm(dim=-1) / self.torso_px[:, None]
        return torch.where(error.isfinite(), error, torch.inf)

    @property
    def known_uv_px(self) -> Float[Tensor, "n k 2"]:
        """The truth, NaN where it is not labelled."""
        return torch.where(self.labelled[..., None], self.true_uv_px, torch.nan)

    @property
    def labelled(self) -> Bool[Tensor, "n k"]:
        """Where the truth is known and inside the picture."""
        return (self.true_visibility != Visibility.UNKNOWN) & (self.true_weight > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Shares of right answers on some pictures; NaN where there was nothing to answer."""

    n_images: int
    pck: Float[Tensor, "3 3"]
    """Of visible, hidden and all keypoints; within 0.05, 0.1 and 0.2 torso lengths."""
    pck_of_keypoint: Float[Tensor, "k 3"]
    median_torso: float
    """Median error of all keypoints, in torso lengths."""
    visibility_accuracy: float
    """Of labelled keypoints, visible or not."""

    def as_row(self) -> dict[str, float]:
        """For a table: one number per column."""
        row = {
            f"pck{threshold:g}_{which}": round(float(self.pck[i, j]), 4)
            for i, which in enumerate(("visible", "hidden", "all"))
            for j, threshold in enumerate(THRESHOLDS)
        }
        row |= {"median_torso": round(self.median_torso, 4), "visibility": round(self.visibility_accuracy, 4)}
        names = zip(_SKELETON.keypoints, self.pck_of_keypoint[:, 1].tolist(), strict=True)
        return row | {f"pck0.1_{name}": round(value, 4) for name, value in names}

    def __str__(self) -> str:
        (_, visible1, visible2), (_, hidden1, hidden2), (_, all1, all2) = self.pck.tolist()
        return (
            f"PCK@0.1 {all1:.3f} (visible {visible1:.3f}, hidden {hidden1:.3f}), "
            f"PCK@0.2 {all2:.3f} (visible {visible2:.3f}, hidden {hidden2:.3f}), "
            f"visibility {self.visibility_accuracy:.3f}"
        )


def scores(answers: Answers) -> Scores:
    """Percentages of correct keypoints, as shares."""
    error, labelled = answers.error, answers.labelled
    visible = labelled & (answers.true_visibility == Visibility.VISIBLE)
    right = error[..., None] < error.new_tensor(THRESHOLDS)
    groups = torch.stack([_share(right, which) for which in (visible, labelled & ~visible, labelled)])
    of_keypoint = torch.stack([_share(right[:, k], labelled[:, k]) for k in range(error.shape[1])])
    says_visible = answers.visibility_logit > 0
    known = error[labelled]
    return Scores(
        len(error),
        groups,
        of_keypoint,
        float(known.median()) if len(known) else float("nan"),
        float((says_visible == visible)[labelled].double().mean()),
    )


def answers_of(
    model: Sapenet, heap: Heap, size_px: tuple[int, int], *, n: int, bf16: bool = False, height_px: int | None = None,
    batch: int = 25,
) -> Answers:  # fmt: skip
    """What the network says of ``n`` pictures of a heap, evenly spread, unvaried, and no prior given.

    ``height_px`` looks at them as if they had been that high.
    """
    picked = np.unique(np.linspace(0, len(heap) - 1, min(n, len(heap))).round().astype(int))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    parts = []
    for first in range(0, len(picked), batch):
        samples = [_sample(model, heap, int(i), size_px, height_px) for i in picked[first : first + batch]]
        parts.append(_answer(model, gathered(samples).to(device), bf16=bf16))
    model.train(was_training)
    return Answers(*(torch.cat([getattr(part, name) for part in parts]) for name in Answers.__slots__))


def _sample(model: Sapenet, heap: Heap, index: int, size_px: tuple[int, int], height_px: int | None) -> Sample:
    sample = warped(heap.sample(index, depth=model.config.depth), Geometry(), size_px)
    return sample if height_px is None else replace(sample, image=lowered(sample.image, height_px))


@torch.no_grad()
def _answer(model: Sapenet, batch: Batch, *, bf16: bool) -> Answers:
    image = batch.image.float().div(255).contiguous(memory_format=torch.channels_last)
    with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
        prediction = model(image, None, batch.inverse_depth)
    found = modes(prediction.logits[0].float())
    return Answers(
        image=batch.image.cpu(),
        uv_px=found.uv_px.cpu(),
        cov_px2=found.cov_px2.cpu(),
        log_weight=found.log_weight.cpu(),
        visibility_logit=prediction.visibility_logit.float().cpu(),
        confidence_logit=prediction.confidence_logit.float().cpu(),
        true_uv_px=batch.uv_px.cpu(),
        true_visibility=batch.visibility.cpu(),
        true_weight=batch.weight.cpu(),
    )


def _share(right: Bool[Tensor, "*n t"], which: Bool[Tensor, "*n"]) -> Float[Tensor, " t"]:
    return right[which].double().mean(0)
