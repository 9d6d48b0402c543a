"""Second thoughts: where a view's likeliest 2D point lies off the body, another peak or the other side may be the one.

A detector's heatmap has few modes; and where it takes left for right, each side's point is at the other's place. Once
the body is known from all views and instants, the mode that agrees with it is taken, if the likeliest does not: the
hard form of a max-mixture (Olson and Agarwal, 2013).
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.fusion.noise import GATE
from mocap3d.fusion.packing import chunks, nearest_scale
from mocap3d.session.records import CalibratedRig, Points3D, Tracks2D

CLOSE = 0.5 * GATE
"""What takes an outlier's place has to agree well: among several wrong ones some come near by chance."""


def reconsider(tracks: Tracks2D, rig: CalibratedRig, points: Points3D) -> tuple[Tracks2D, int]:
    """The tracks with the alternative that agrees with ``points`` first, where another one was; and how often.

    Only points beyond the gate give way, and only to alternatives well within it: those of the same keypoint first,
    then, for both sides together, the other side's.
    """
    uv_px, cov_px2, log_weight = tracks.uv_px.clone(), tracks.cov_px2.clone(), tracks.log_weight.clone()
    n_changed = 0
    for v, view in enumerate(tracks.views):
        camera = rig.cameras[view]
        for times in chunks(len(tracks.t_s)):
            moment = camera.at(torch.arange(times.start, times.stop)) if camera.is_moving else camera
            expected_px = moment.project(points.p_in_world[times])
            scale2 = _scales(points, log_weight[v, times], v)
            here = uv_px[v, times], cov_px2[v, times], log_weight[v, times]
            order, mirrored = _choice(expected_px, here[0], here[1] * scale2[..., None, None], tracks.skeleton.mirror)
            n_changed += int((order[..., 0] > 0).sum() + mirrored.sum())
            for values in here:
                values.copy_(_reordered(values, order, mirrored, tracks.skeleton.mirror))
    if not n_changed:
        return tracks, 0
    return replace(tracks, uv_px=uv_px, cov_px2=cov_px2, log_weight=log_weight), n_changed


def _scales(points: Points3D, log_weight: Float[Tensor, "t p k m"], v: int) -> Float[Tensor, "t p k m"]:
    """Measured factors on the stated covariances; 1 where the noise was not measured."""
    if not points.noise:
        return torch.ones_like(log_weight)
    row = torch.from_numpy(nearest_scale(log_weight.exp().numpy()))
    parts = [
        torch.gather(noise.scale2[v].expand(len(row), -1, -1), -1, row[:, p]) for p, noise in enumerate(points.noise)
    ]
    return torch.stack(parts, 1)


def _choice(
    expected_px: Float[Tensor, "t p k 2"],
    uv_px: Float[Tensor, "t p k m 2"],
    cov_px2: Float[Tensor, "t p k m 2 2"],
    mirror: tuple[int, ...],
) -> tuple[Int[Tensor, "t p k m"], Bool[Tensor, "t p k"]]:
    """The order of the alternatives, and which keypoints exchange all of theirs with the other side."""
    own = _distance(expected_px, uv_px, cov_px2)
    best = own.argmin(-1)
    gives_way = (own[..., 0] > GATE) & (own.amin(-1) < CLOSE)
    m = own.shape[-1]
    place = torch.arange(m).expand(own.shape)
    # The chosen one first, the others behind it as they were.
    rank = torch.where(gives_way[..., None] & (place == best[..., None]), -1, place)
    order = rank.argsort(-1)
    other = list(mirror)
    crossed = _distance(expected_px, uv_px[:, :, other], cov_px2[:, :, other])[..., 0]
    wants = (own.amin(-1) > GATE) & (crossed < CLOSE)
    central = torch.tensor([k == j for k, j in enumerate(mirror)])
    return order, wants & wants[..., other] & ~central


def _distance(
    expected_px: Float[Tensor, "t p k 2"], uv_px: Float[Tensor, "t p k m 2"], cov_px2: Float[Tensor, "t p k m 2 2"]
) -> Float[Tensor, "t p k m"]:
    """In sigmas; infinite where something is missing."""
    off = uv_px - expected_px[..., None, :]
    a, b, d = cov_px2[..., 0, 0], cov_px2[..., 0, 1], cov_px2[..., 1, 1]
    squared = (d * off[..., 0] ** 2 - 2 * b * off[..., 0] * off[..., 1] + a * off[..., 1] ** 2) / (a * d - b * b)
    return torch.where(squared.isfinite(), squared.clamp(min=0).sqrt(), torch.inf)


def _reordered(values: Tensor, order: Tensor, mirrored: Tensor, mirror: tuple[int, ...]) -> Tensor:
    """``values`` (t p k m ...) in the new order, sides exchanged where they were taken for each other."""
    index = order.reshape(*order.shape, *(1 for _ in range(values.ndim - order.ndim))).expand(values.shape)
    sorted_values = torch.gather(values, 3, index)
    swap = mirrored.reshape(*mirrored.shape, *(1 for _ in range(values.ndim - mirrored.ndim)))
    return torch.where(swap, sorted_values[:, :, list(mirror)], sorted_values)
