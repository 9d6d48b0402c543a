"""Keypoints found in labelled pictures: PCK, AUC, AP and recall, and who is who in videos, as one table.

People are looked at where the data set says they are (its boxes), as all single-person numbers are made; AP over such
crops is therefore AP with the boxes given.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.evaluation.datasets.labels import LabelledPictures
from mocap3d.evaluation.metrics.bootstrap import mean_interval
from mocap3d.evaluation.metrics.oks import COCO_SIGMAS, Annotated, Predicted, average_precision
from mocap3d.evaluation.metrics.thresholds import auc_mean, distances_px
from mocap3d.evaluation.score_table import Score, ScoreTable
from mocap3d.skeletons.skeleton import load_skeleton

PCK_AT = {"head": (0.5, 0.1), "torso": (0.2, 0.1), "box": (0.2, 0.1)}
"""PCKh@0.5 and @0.1 of MPII; PCK@0.2 of a torso (Yang & Ramanan) or of the box's longer side (Penn Action)."""
_OTHER_SIGMA = {"Head": 0.035, "UpperNeck": 0.079, "Neck": 0.079, "Hip": 0.107}
"""COCO has no sigma for these: those of the ears, the shoulders and the hips are taken."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundKeypoints:
    """Of the n labelled people, in their order; NaN where a keypoint was not found."""

    uv_px: Float[Tensor, "n k 2"]
    score: Float[Tensor, " n"]


def score_pictures(labels: LabelledPictures, found: FoundKeypoints, not_counted: tuple[str, ...] = ()) -> ScoreTable:
    """PCK by keypoint and over all, its AUC, AP and recall by OKS."""
    counted = torch.tensor([name not in not_counted for name in labels.keypoints])
    true_px = torch.where(counted[:, None], labels.uv_px, torch.nan)
    true_px = torch.where(labels.ignore[:, None, None], torch.nan, true_px)
    share = distances_px(found.uv_px, true_px) / labels.size_px[:, None]
    high, low = PCK_AT[labels.size_is]
    name = "PCKh" if labels.size_is == "head" else "PCK"
    about = f"of the {labels.size_is}"
    rows = [_pck(f"{name}@{at:g}", share, at, about) for at in (high, low)]
    thresholds = torch.linspace(0, high, 51, dtype=torch.float64)[1:]
    rows.append(Score("AUC", 100 * float(auc_mean(share, thresholds)), "%", about=f"{name} up to {high:g}"))
    rows += _precision(labels, found)
    at_high = (share <= high).double().where(share.isnan().logical_not(), torch.nan).nanmean(0)
    rows += [
        Score(f"{name}@{high:g} {keypoint}", 100 * float(value), "%", n=int((~share[:, k].isnan()).sum()))
        for k, (keypoint, value) in enumerate(zip(labels.keypoints, at_high, strict=True))
        if counted[k]
    ]
    notes = (f"{len(labels.picture)} people, {int(labels.ignore.sum())} not counted. Boxes are the data set's.",)
    return ScoreTable(labels.name, tuple(rows), notes)


def _pck(name: str, share: Float[Tensor, "n k"], at: float, about: str) -> Score:
    """Over all labelled keypoints; people are drawn whole for the interval."""
    known = ~share.isnan()
    right = (share <= at)[known].double().numpy()
    person = known.nonzero()[:, 0].numpy()
    return Score.of(name, "%", mean_interval(100 * right, person), about)


def _precision(labels: LabelledPictures, found: FoundKeypoints) -> list[Score]:
    numbers = {picture: row for row, picture in enumerate(dict.fromkeys(labels.picture))}
    picture = torch.tensor([numbers[path] for path in labels.picture])
    sigmas = torch.tensor([sigma_of(name) for name in labels.keypoints], dtype=torch.float64)
    predicted, annotated = [], []
    for number in range(len(numbers)):
        rows = (picture == number).nonzero().flatten()
        predicted.append(Predicted(found.uv_px[rows], found.score[rows]))
        annotated.append(
            Annotated(
                labels.uv_px[rows],
                labels.area_px2[rows],
                labels.box_px[rows],
                labels.ignore[rows],
                labels.crowd[rows],
            )
        )
    precision = average_precision(predicted, annotated, sigmas)
    n, about = int((~labels.ignore).sum()), "OKS 0.5:0.95, boxes given"
    return [
        Score("AP", 100 * precision.ap, "%", n=n, about=about),
        Score("AP50", 100 * precision.ap50, "%", n=n, about=about),
        Score("AP75", 100 * precision.ap75, "%", n=n, about=about),
        Score("recall", 100 * precision.recall, "%", n=n, about=about),
    ]


def sigma_of(keypoint: str) -> float:
    """COCO's, or that of a neighbour where COCO has no such keypoint."""
    coco = load_skeleton("coco17").keypoints
    return (
        COCO_SIGMAS[coco.index(keypoint)]
        if keypoint in coco
        else _OTHER_SIGMA.get(keypoint, float(np.mean(COCO_SIGMAS)))
    )
