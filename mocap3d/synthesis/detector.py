"""The records that fusion reads, from what the synthetic detector saw."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.session.records import Detections, Person, Tracks2D, ViewId
from mocap3d.skeletons.skeleton import Skeleton
from mocap3d.synthesis.noise import Seen

SIGMA_OF_DIAGONAL = 0.015
"""What a detector's keypoint of score 1 is taken to be worth, per diagonal of its person's box; not the true noise."""
LEAST_KEYPOINTS = 3
"""Of somebody to be detected at all."""


def tracks_of(
    seen: Mapping[ViewId, Seen], skeleton: Skeleton, people: Sequence[Person], t_s: Float[Tensor, " t"], rate: Fraction
) -> Tracks2D:
    """In order: every view's keypoints by instant and person, with covariances as told from scores."""
    uv_px = torch.from_numpy(np.stack([view.uv_px for view in seen.values()]))
    score = torch.from_numpy(np.stack([view.score for view in seen.values()]))
    box_px = _boxes(uv_px)
    diagonal_px = (box_px[..., 2:] - box_px[..., :2]).norm(dim=-1, keepdim=True)
    variance = (SIGMA_OF_DIAGONAL * diagonal_px / torch.where(score > 0, score, torch.nan)) ** 2
    return Tracks2D(
        views=tuple(seen),
        skeleton=skeleton,
        people=tuple(person.name for person in people),
        t_s=t_s,
        rate=rate,
        uv_px=uv_px[..., None, :],
        cov_px2=variance[..., None, None, None] * torch.eye(2, dtype=torch.float64),
        log_weight=score.log()[..., None],
    )


def detections_of(tracks: Tracks2D, *, seed: int) -> dict[ViewId, Detections]:
    """Out of order: sightings by frame, the people of each frame shuffled, and nobody named."""
    detections = {}
    for number, view in enumerate(tracks.views):
        rng = np.random.default_rng([seed, 3, number])
        found = tracks.uv_px[number, ..., 0, 0].isfinite().sum(-1) >= LEAST_KEYPOINTS
        frame, person = (index.numpy() for index in found.nonzero(as_tuple=True))
        order = torch.from_numpy(np.lexsort((rng.random(len(frame)), frame)))
        frame, person = torch.from_numpy(frame)[order], torch.from_numpy(person)[order]
        uv_px = tracks.uv_px[number, frame, person]
        detections[view] = Detections(
            view=view,
            keypoint_set=tracks.skeleton.name,
            frame=frame,
            person=torch.full_like(frame, -1),
            box_px=_boxes(uv_px[..., 0, :]),
            uv_px=uv_px,
            cov_px2=tracks.cov_px2[number, frame, person],
            log_weight=tracks.log_weight[number, frame, person],
            n_frames=len(tracks.t_s),
        )
    return detections


def _boxes(uv_px: Float[Tensor, "*b k 2"]) -> Float[Tensor, "*b 4"]:
    """Extents of the keypoints; NaN where there are none."""
    known = uv_px.isfinite()
    low = torch.where(known, uv_px, torch.inf).amin(-2)
    high = torch.where(known, uv_px, -torch.inf).amax(-2)
    box_px = torch.cat([low, high], -1)
    return torch.where(box_px.isfinite(), box_px, torch.nan)
