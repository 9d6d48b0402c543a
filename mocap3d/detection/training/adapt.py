"""Fine-tuning a network on one recording, from labels that several views agreed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int

from mocap3d.detection import weights
from mocap3d.detection.boxes import box_of_keypoints
from mocap3d.detection.crops import cut
from mocap3d.detection.estimators.sapenet import network_of, size_of
from mocap3d.detection.losses import LossOptions
from mocap3d.detection.posture import BodyAxis
from mocap3d.detection.runtime import Device
from mocap3d.detection.training.augment import AugmentOptions
from mocap3d.detection.training.batches import BatchOptions
from mocap3d.detection.training.card import started_from
from mocap3d.detection.training.data import KEYPOINT_SET, Heap, read_heap
from mocap3d.detection.training.meter import Progress
from mocap3d.detection.training.options import BudgetOptions, OptimiserOptions, TrainOptions
from mocap3d.detection.training.train import Run, deterministic
from mocap3d.session.records import ViewId
from mocap3d.session.samples import Samples, Visibility
from mocap3d.session.video import frames

MARGIN = 1.25
"""Crops are so much larger than the network's input would be, so that shifted ones show the real surroundings."""
JPEG_QUALITY = 95


@dataclass(frozen=True)
class TuneOptions:
    """How the network is changed."""

    steps: int = 300
    batch: int = 16
    lr: float = 3e-4
    anchor: float = 1e-3
    """Weight of staying near the weights it started from."""
    trunk: bool = False
    """Whether the trunk learns too, at a tenth of the rate; four times as slow."""
    rehearsal: Path | None = None
    """Folder of `mocap3d synth people` to mix in, so that nothing is forgotten."""
    rehearsal_share: float = 0.3
    """Share of those pictures in every batch."""
    seed: int = 0
    threads: int = 0
    """Threads of PyTorch; 0 = as PyTorch chooses."""
    device: Device = "auto"

    def __post_init__(self):
        for name in ("steps", "batch", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; needed more than 0.")
        if not (self.anchor >= 0 and 0 <= self.rehearsal_share < 1):
            raise ValueError(
                f"anchor {self.anchor} and rehearsal_share {self.rehearsal_share}: needed 0 or more, below 1."
            )


@dataclass(frozen=True, slots=True, eq=False)
class ViewLabels:
    """Where people's keypoints are in some frames of one view; n = people in frames."""

    view: ViewId
    video: Path
    frame: Int[np.ndarray, " n"]
    uv_px: Float[np.ndarray, "n k 2"]
    """NaN = not known."""
    weight: Float[np.ndarray, "n k"]
    """How far each is to be believed, 0 to 1."""


def crops_of(labels: Sequence[ViewLabels], size_px: tuple[int, int]) -> Samples:
    """The labelled people cut out of their videos."""
    parts = [part for of_view in labels for part in _crops_of_view(of_view, size_px)]
    n, k = len(parts), labels[0].uv_px.shape[1]
    uv_px = np.stack([uv for _, uv, _ in parts]).astype(np.float32)
    known = np.isfinite(uv_px).all(-1)
    return Samples(
        encoded=tuple(encoded for encoded, _, _ in parts),
        uv_px=uv_px,
        visibility=np.where(known, Visibility.VISIBLE, Visibility.UNKNOWN).astype(np.int8),
        weight=np.where(known, np.stack([weight for *_, weight in parts]), 0).astype(np.float32),
        p_in_cam=np.full((n, k, 3), np.nan, np.float32),
        matrix=np.full((n, 3, 3), np.nan, np.float32),
        cam_from_world=np.full((n, 3, 4), np.nan, np.float32),
        instant=np.full(n, -1),
        clip=np.full(n, -1),
        frame=np.concatenate([of_view.frame for of_view in labels]).astype(np.int64),
    )


def fine_tuned(
    start: weights.WeightFile, samples: Samples, options: TuneOptions, out: Path, told: Mapping[str, object],
    *, progress: Progress | None = None,
) -> None:  # fmt: skip
    """Writes weights to ``out`` that went on learning from ``start`` on these samples.

    Visibility is not learnt: where views agree says where a keypoint is, not whether it is seen.
    ``told`` is what the card shall say besides.
    """
    with TemporaryDirectory(prefix="mocap3d-adapt-") as folder:
        run_options = _train_options(start, options, Path(folder))
        heaps = [Heap("session", [samples])]
        if options.rehearsal is not None:
            heaps.append(read_heap(options.rehearsal))
        with deterministic(run_options):
            run = Run(run_options, network_of(start), heaps, [])
            run.run(progress)
    card = {
        **start.card,
        "name": out.stem,
        "about": f"{start.card.get('name', start.path.stem)}, adapted to one recording; good for that one.",
        "started_from": started_from(str(start.path)),
        "scores": {},
        "adapted": dict(told),
    }
    weights.save(out, run.learner.average.model.state_dict(), card)


def _train_options(start: weights.WeightFile, options: TuneOptions, folder: Path) -> TrainOptions:
    share = (1 - options.rehearsal_share, options.rehearsal_share) if options.rehearsal is not None else ()
    return TrainOptions(
        network=str(start.card.get("name", "network")),
        out=folder,
        init=str(start.path),
        size_px=size_of(start),
        seed=options.seed,
        threads=options.threads,
        device=options.device,
        data=(folder,) * max(1, len(share)),
        batches=BatchOptions(options.batch, share),
        budget=BudgetOptions(
            steps=options.steps, warmup_steps=options.steps // 10, freeze_trunk_for=0.0 if options.trunk else 1.0
        ),
        optimiser=OptimiserOptions(lr=options.lr, anchor=options.anchor, ema=0.99),
        augment=AugmentOptions(crop_scale=(0.68, 0.92), shift=0.03, second_person=0.05),
        loss=LossOptions(visibility=0.0),
    )


def _crops_of_view(labels: ViewLabels, size_px: tuple[int, int]) -> list[tuple[bytes, np.ndarray, np.ndarray]]:
    """(JPEG, keypoints in the crop, weights) of every label, in its order."""
    crop_px, axis = (round(size_px[0] * MARGIN), round(size_px[1] * MARGIN)), BodyAxis.of(KEYPOINT_SET)
    found: dict[int, tuple[bytes, np.ndarray, np.ndarray]] = {}
    for number, image in frames(labels.video, np.unique(labels.frame).tolist()):
        for i in np.flatnonzero(labels.frame == number):
            tilt = axis.tilt_rad(labels.uv_px[i]) if axis else 0.0
            box = box_of_keypoints(labels.uv_px[i], tilt_rad=tilt)
            if box is None:
                continue
            wide = replace(box, size_px=(box.size_px[0] * MARGIN, box.size_px[1] * MARGIN))
            pixels, crops = cut(image, [wide], crop_px)
            encoded = cv2.imencode(".jpg", pixels[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
            uv_px = crops.to_crop(torch.from_numpy(labels.uv_px[i][None]))[0].numpy()
            found[int(i)] = encoded, uv_px, labels.weight[i]
    return [found[i] for i in sorted(found)]
