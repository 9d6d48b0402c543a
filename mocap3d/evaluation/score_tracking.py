"""Who is who in labelled videos, by PoseTrack's rules: MOTA and IDF1 of every keypoint, and their means.

Source: Andriluka et al. (2018), PoseTrack: a keypoint of a predicted person may be that of a labelled one where it is
within half a head of it; keypoints are matched each on its own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import LabelledPictures
from mocap3d.evaluation.metrics.identity import Identities, identities
from mocap3d.evaluation.score_table import Score, ScoreTable

WITHIN_HEADS = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Video:
    """One video's people by column; NaN where absent."""

    uv_px: Float[Tensor, "t p k 2"]
    head_px: Float[Tensor, "t p"]


def score_tracking(labels: LabelledPictures, found: LabelledPictures) -> ScoreTable:
    """Sums over all videos; ``found`` are the predicted people, in the same layout and numbered by track.

    FormatError for predicted people without a number. Frames without any labelled person are left out.
    """
    if bool((found.person < 0).any()):
        raise FormatError(
            f"{found.name}: some predicted people have no track_id. Needed: one for each, to be followed."
        )
    videos = [_compared(labels, found, name) for name in dict.fromkeys(labels.sequence)]
    by_keypoint = list(zip(*videos, strict=True))
    mota, idf1 = zip(*(_together(parts) for parts in by_keypoint), strict=True)
    n, about = sum(part.n_true for parts in by_keypoint for part in parts), "mean of the keypoints"
    switches = sum(part.switches for parts in by_keypoint for part in parts)
    rows = [
        Score("MOTA", 100 * float(np.nanmean(mota)), "%", n=n, about=about),
        Score("IDF1", 100 * float(np.nanmean(idf1)), "%", n=n, about=about),
        Score("switches", float(switches), "", n=n, about="of keypoints from one person to another"),
        *(Score(f"MOTA {name}", 100 * value, "%") for name, value in zip(labels.keypoints, mota, strict=True)),
    ]
    notes = (f"{len(videos)} videos; a keypoint is found within {WITHIN_HEADS} head sizes. Regions to ignore count.",)
    return ScoreTable(f"{labels.name}: who is who", tuple(rows), notes)


def _compared(labels: LabelledPictures, found: LabelledPictures, name: str) -> list[Identities]:
    """Of one video, by keypoint."""
    pictures = list(dict.fromkeys(p for p, s in zip(labels.picture, labels.sequence, strict=True) if s == name))
    true, predicted = (_video(people, pictures) for people in (labels, found))
    apart = (predicted.uv_px[:, :, None] - true.uv_px[:, None]).norm(dim=-1) / true.head_px[:, None, :, None]
    there = [video.uv_px.isfinite().all(-1) for video in (predicted, true)]
    return [
        identities(apart[..., k], there[0][..., k], there[1][..., k], WITHIN_HEADS)
        for k in range(len(labels.keypoints))
    ]


def _video(people: LabelledPictures, pictures: list[Path]) -> _Video:
    frame_of = {path: frame for frame, path in enumerate(pictures)}
    rows = [row for row, path in enumerate(people.picture) if path in frame_of and not people.crowd[row]]
    persons: Int[Tensor, " m"] = people.person[rows]
    numbers = {int(person): column for column, person in enumerate(persons.unique())}
    uv_px = torch.full((len(pictures), len(numbers), len(people.keypoints), 2), torch.nan, dtype=torch.float64)
    head_px = torch.full(uv_px.shape[:2], torch.nan, dtype=torch.float64)
    for row, person in zip(rows, persons.tolist(), strict=True):
        at = frame_of[people.picture[row]], numbers[person]
        uv_px[at], head_px[at] = people.uv_px[row], people.size_px[row]
    return _Video(uv_px, head_px)


def _together(parts: tuple[Identities, ...]) -> tuple[float, float]:
    """MOTA of the summed mistakes; IDF1 as the mean over labelled keypoints. NaN where nothing is labelled."""
    n_true = np.array([part.n_true for part in parts], float)
    if not n_true.sum():
        return float("nan"), float("nan")
    wrong = sum(part.misses + part.false_positives + part.switches for part in parts)
    idf1 = np.array([part.idf1 for part in parts])
    return 1 - wrong / float(n_true.sum()), float(np.average(np.nan_to_num(idf1), weights=n_true))
