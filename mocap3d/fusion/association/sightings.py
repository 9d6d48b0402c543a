"""Sightings at the timeline's instants: which rows of a view's detections, and how they blend between two frames."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.session.records import Detections, ViewId

# A thousandth of a frame is microseconds: no interpolation for rounding errors of the clock.
_SAME_FRAME = 1e-3
# Share of the person's size that a keypoint may move between two frames; beyond, it jumped and is not interpolated.
_JUMP = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """All sightings of all views, ordered by instant, then view, then row."""

    view: Int[np.ndarray, " s"]
    """Position in the tuple of views."""
    instant: Int[np.ndarray, " s"]
    row: Int[np.ndarray, " s"]
    """Row of the view's detections nearest in time."""
    far_row: Int[np.ndarray, " s"]
    """The same person's row on the other side of the instant; ``row`` again where there is none."""
    far_share: Float[np.ndarray, " s"]
    """Weight of ``far_row``, 0 to 0.5."""

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, which: np.ndarray | slice) -> "Sightings":
        return Sightings(
            self.view[which], self.instant[which], self.row[which], self.far_row[which], self.far_share[which]
        )


def sample_sightings(
    detections: Mapping[ViewId, Detections],
    frame_of_view: Mapping[ViewId, Float[Tensor, " t"]],
    *,
    min_keypoints: int,
) -> Sightings:
    """The sightings of every view at every instant; those with fewer keypoints are left out."""
    views = [
        _sample_view(n, detections[view], frame_of_view[view].numpy(), min_keypoints)
        for n, view in enumerate(detections)
    ]
    columns = [np.concatenate(column) for column in zip(*views, strict=True)]
    order = np.lexsort((columns[2], columns[0], columns[1]))
    return Sightings(*(column[order] for column in columns))


def blend(
    detections: Detections, near: Int[np.ndarray, " s"], far: Int[np.ndarray, " s"], far_share: Float[np.ndarray, " s"]
) -> tuple[Float[Tensor, "s k m 2"], Float[Tensor, "s k m 2 2"], Float[Tensor, "s k m"]]:
    """Keypoints, covariances and log weights of one view's sightings at their instants.

    An alternative moves towards the nearest alternative of the other frame. Errors of neighbouring frames are
    alike, so covariances blend linearly: independent noise would promise too much.
    """
    rows = torch.from_numpy(near)
    uv_px, cov_px2, log_weight = detections.uv_px[rows], detections.cov_px2[rows], detections.log_weight[rows]
    (between,) = np.nonzero(far_share)
    if len(between):
        blended = _blend_rows(detections, near[between], far[between], far_share[between])
        uv_px[between], cov_px2[between], log_weight[between] = blended
    return uv_px, cov_px2, log_weight


def _blend_rows(
    detections: Detections, near: np.ndarray, far: np.ndarray, far_share: np.ndarray
) -> tuple[Tensor, Tensor, Tensor]:
    uv_near, uv_far = detections.uv_px[near], detections.uv_px[far]
    distance_px = torch.linalg.vector_norm(uv_near[..., :, None, :] - uv_far[..., None, :, :], dim=-1)  # (s k m m)
    distance_px, partner = torch.nan_to_num(distance_px, nan=torch.inf).min(dim=-1)
    near_enough = distance_px < _JUMP * _size_px(uv_near[..., 0, :])[:, None, None]
    share = torch.where(near_enough, torch.from_numpy(far_share)[:, None, None], 0.0)

    def towards_far(values: Tensor) -> Tensor:
        """Each near alternative's value moved by ``share`` towards its partner's, as far as there is one."""
        tail = values.shape[3:]
        index = partner.reshape(*partner.shape, *(1 for _ in tail)).expand(*partner.shape, *tail)
        target, weight = torch.gather(values[far], 2, index), share.reshape(*share.shape, *(1 for _ in tail))
        return torch.where(weight > 0, (1 - weight) * values[near] + weight * target, values[near])

    return towards_far(detections.uv_px), towards_far(detections.cov_px2), towards_far(detections.log_weight)


def _size_px(uv_px: Tensor) -> Tensor:
    """The larger side of each sighting's bounding box (s), from keypoints (s k 2)."""
    low = torch.nan_to_num(uv_px, nan=torch.inf).amin(dim=1)
    high = torch.nan_to_num(uv_px, nan=-torch.inf).amax(dim=1)
    return (high - low).amax(dim=-1)


def _sample_view(n: int, detections: Detections, at_frame: np.ndarray, min_keypoints: int) -> tuple[np.ndarray, ...]:
    """Columns of :class:`Sightings` for one view."""
    n_seen = torch.isfinite(detections.uv_px[:, :, 0, 0]).sum(dim=1).numpy()
    (usable,) = np.nonzero(n_seen >= min_keypoints)
    frame = detections.frame.numpy()[usable]
    known = np.isfinite(at_frame)
    nearest = np.rint(np.where(known, at_frame, -1.0)).astype(np.int64)
    offset = np.where(known, at_frame - nearest, 0.0)
    far_side = np.where(np.abs(offset) > _SAME_FRAME, np.sign(offset), 0).astype(np.int64)
    instant, at = _rows_at(frame, nearest)
    far = at
    if far_side.any():
        after, before = _links(detections, usable, frame)
        far = np.select([far_side[instant] > 0, far_side[instant] < 0], [after[at], before[at]], at)
    # A person seen only in the farther frame is more than half a frame away: not seen at this instant.
    far = np.where(far < 0, at, far)
    share = np.where(far == at, 0.0, np.abs(offset[instant]))
    return np.full(len(at), n), instant, usable[at], usable[far], share


def _rows_at(frame: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(position in ``wanted``, position in the ascending ``frame``) of all equal pairs."""
    first, last = np.searchsorted(frame, wanted, "left"), np.searchsorted(frame, wanted, "right")
    count = last - first
    index = np.repeat(np.arange(len(wanted)), count)
    start_of_run = np.repeat(np.cumsum(count) - count, count)
    return index, np.repeat(first, count) + np.arange(len(index)) - start_of_run


def _links(detections: Detections, usable: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each usable sighting the same person's in the next and in the previous frame; -1 where there is none."""
    from scipy.optimize import linear_sum_assignment  # half a second, which commands that fuse nothing need not wait

    after, before = np.full(len(frame), -1), np.full(len(frame), -1)
    this, following = _rows_at(frame, frame + 1)
    cost = _jump_cost(detections, usable[this], usable[following])
    lonely = (np.bincount(this, minlength=len(frame))[this] == 1) & (
        np.bincount(following, minlength=len(frame))[following] == 1
    )
    linked = lonely & (cost < 0.5)
    after[this[linked]], before[following[linked]] = following[linked], this[linked]
    crowded = np.flatnonzero(~lonely)
    for pairs in np.split(crowded, np.flatnonzero(np.diff(frame[this[crowded]])) + 1):
        if len(pairs):
            rows, row_of = np.unique(this[pairs], return_inverse=True)
            columns, column_of = np.unique(following[pairs], return_inverse=True)
            table = np.full((len(rows), len(columns)), 0.5)
            table[row_of, column_of] = np.minimum(cost[pairs], 0.5)
            for r, c in zip(*linear_sum_assignment(table), strict=True):
                if table[r, c] < 0.5:
                    after[rows[r]], before[columns[c]] = columns[c], rows[r]
    return after, before


def _jump_cost(detections: Detections, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How unlike two sightings of neighbouring frames are, 0 to 1; half where keypoints move ``_JUMP`` sizes."""
    uv_px, other_px = detections.uv_px[rows, :, 0], detections.uv_px[others, :, 0]
    jump2 = (uv_px - other_px).square().sum(dim=-1) / (_JUMP * _size_px(uv_px)).square()[:, None]
    return torch.nan_to_num(torch.nanmean(jump2 / (jump2 + 1), dim=1), nan=1.0).numpy()
