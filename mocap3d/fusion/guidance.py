"""What 3D knows better than a single view: where somebody was missed, or taken for somebody else, and what to do then.

A person whom a view lost, or whose limbs it mixed up with a neighbour's, is still known from the other views: their
projection says where to look again, and for whom. A second look is believed only where it explains that projection
better than the first one did; fusion then weighs it like any other.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.fusion.association.sightings import blend, sample_sightings
from mocap3d.session.records import CalibratedRig, Detections, Expected, Points3D, Timeline, Tracks2D, ViewId

FAR = 0.1
"""Share of a person's height in the picture beyond which a keypoint is in the wrong place."""
MOSTLY = 0.5
"""Share of keypoints missing or in the wrong place from which on a sighting is worth another look."""
IN_A_CROWD = 0.25
"""The same where two people overlap: limbs are exchanged there, not whole people."""
OVERLAP = 0.2
"""Intersection over union of two people's boxes that counts as that."""
LEAST_KEYPOINTS = 5
"""So many keypoints must be known in 3D and lie inside the picture for a second look."""

Flags = Bool[Tensor, "v t p"]


def doubtful(points: Points3D, tracks: Tracks2D, rig: CalibratedRig, timeline: Timeline) -> Flags:
    """Which person should be looked at again, in which view, at which instant."""
    flags = [_doubtful_in(n, view, points, tracks, rig) for n, view in enumerate(tracks.views)]
    recorded = torch.stack([timeline.frame_of_view[view].isfinite() for view in tracks.views])
    return torch.stack(flags) & recorded[..., None]


def expected_sightings(
    which: Flags, points: Points3D, tracks: Tracks2D, rig: CalibratedRig, timeline: Timeline
) -> dict[ViewId, Expected]:
    """Where those people should be in the frames of their views; an instant between two frames needs both of them."""
    expected = {}
    for n, view in enumerate(tracks.views):
        frame_of = timeline.frame_of_view[view].numpy()
        instant, person = which[n].numpy().nonzero()
        around = np.concatenate([np.floor(frame_of[instant]), np.ceil(frame_of[instant])]).astype(np.int64)
        rows = np.unique(np.stack([around, np.tile(person, 2)], -1), axis=0)
        if len(rows):
            frame, person = torch.from_numpy(rows).unbind(-1)
            uv_px = _projected_at(frame, person, points, rig, view, timeline)
            expected[view] = Expected(view, frame, person, uv_px)
    return expected


def with_second_look(
    tracks: Tracks2D,
    which: Flags,
    points: Points3D,
    rig: CalibratedRig,
    timeline: Timeline,
    found: Mapping[ViewId, Detections],
) -> tuple[Tracks2D, int]:
    """The tracks with what a second look found where it agrees better with 3D than the first; and how often it did.

    ``found`` are the sightings of :func:`expected_sightings`, under the persons' positions in the tracks.
    """
    again = _filled(tracks, found, timeline)
    better = torch.zeros_like(which)
    for n, view in enumerate(tracks.views):
        first = wrong_share(tracks.uv_px[n, ..., 0, :], _projected(points, rig, view), rig, view)
        second = wrong_share(again.uv_px[n, ..., 0, :], _projected(points, rig, view), rig, view)
        better[n] = which[n] & (second < first) & (second < MOSTLY)
    chosen = {
        name: torch.where(_spread(better, getattr(tracks, name)), getattr(again, name), getattr(tracks, name))
        for name in ("uv_px", "cov_px2", "log_weight")
    }
    return replace(tracks, **chosen), int(better.sum())


def wrong_share(
    uv_px: Float[Tensor, "t p k 2"], expected_px: Float[Tensor, "t p k 2"], rig: CalibratedRig, view: ViewId
) -> Float[Tensor, "t p"]:
    """Of the keypoints that should be in the picture, how many are missing or in the wrong place; NaN where too few."""
    inside = rig.cameras[view].contains(expected_px)
    extent = torch.where(expected_px.isfinite(), expected_px, -torch.inf).amax(2)
    extent = extent - torch.where(expected_px.isfinite(), expected_px, torch.inf).amin(2)
    far_px = FAR * extent.amax(-1, keepdim=True)
    near = (uv_px - expected_px).norm(dim=-1) <= far_px
    n_inside = inside.sum(-1)
    share = (inside & ~near).sum(-1) / n_inside
    enough = (n_inside >= LEAST_KEYPOINTS) & (2 * n_inside >= expected_px.isfinite().all(-1).sum(-1))
    return torch.where(enough, share, torch.nan)


def _doubtful_in(n: int, view: ViewId, points: Points3D, tracks: Tracks2D, rig: CalibratedRig) -> Bool[Tensor, "t p"]:
    expected_px = _projected(points, rig, view)
    share = wrong_share(tracks.uv_px[n, ..., 0, :], expected_px, rig, view)
    return share > torch.where(_is_crowded(expected_px), IN_A_CROWD, MOSTLY)


def _is_crowded(uv_px: Float[Tensor, "t p k 2"]) -> Bool[Tensor, "t p"]:
    """Whose box overlaps another person's."""
    low = torch.where(uv_px.isfinite(), uv_px, torch.inf).amin(2)
    high = torch.where(uv_px.isfinite(), uv_px, -torch.inf).amax(2)
    shared = torch.minimum(high[:, :, None], high[:, None]) - torch.maximum(low[:, :, None], low[:, None])
    shared = shared.clamp(min=0).prod(-1)
    area = (high - low).clamp(min=0).prod(-1)
    overlap = shared / (area[:, :, None] + area[:, None] - shared)
    itself = torch.eye(uv_px.shape[1], dtype=torch.bool)
    return ((overlap > OVERLAP) & ~itself).any(-1)


def _projected(points: Points3D, rig: CalibratedRig, view: ViewId) -> Float[Tensor, "t p k 2"]:
    return rig.cameras[view].project(points.p_in_world)


def _projected_at(
    frame: Tensor, person: Tensor, points: Points3D, rig: CalibratedRig, view: ViewId, timeline: Timeline
) -> Float[Tensor, "n k 2"]:
    """People at whole frames of a view, between two instants on the straight line; NaN where either is not known."""
    frame_of = timeline.frame_of_view[view].numpy()
    (known,) = np.isfinite(frame_of).nonzero()
    instant = torch.from_numpy(np.interp(frame.numpy(), frame_of[known], known.astype(np.float64)))
    before, after = instant.floor().long(), instant.ceil().long()
    start, end = points.p_in_world[before, person], points.p_in_world[after, person]
    p_in_world = start + (instant - before)[:, None, None] * (end - start)
    return rig.cameras[view].at(instant.round().long()).project(p_in_world)


def _filled(tracks: Tracks2D, found: Mapping[ViewId, Detections], timeline: Timeline) -> Tracks2D:
    """Tracks of the second look alone; nothing where it did not look."""
    m = max([tracks.uv_px.shape[-2], *(of_view.uv_px.shape[2] for of_view in found.values())])
    assert m == tracks.uv_px.shape[-2], "the same network looked before"
    uv_px, cov_px2 = torch.full_like(tracks.uv_px, torch.nan), torch.full_like(tracks.cov_px2, torch.nan)
    log_weight = torch.full_like(tracks.log_weight, -torch.inf)
    for n, view in enumerate(tracks.views):
        for person in found[view].person.unique().tolist() if view in found else ():
            mine = _of_person(found[view], person)
            at = sample_sightings({view: mine}, timeline.frame_of_view, min_keypoints=1)
            seen, when = blend(mine, at.row, at.far_row, at.far_share), torch.from_numpy(at.instant)
            uv_px[n, when, person], cov_px2[n, when, person], log_weight[n, when, person] = seen
    return replace(tracks, uv_px=uv_px, cov_px2=cov_px2, log_weight=log_weight)


def _of_person(found: Detections, person: int) -> Detections:
    mine = found.person == person
    rows = ("frame", "person", "box_px", "uv_px", "cov_px2", "log_weight")
    return replace(found, **{name: getattr(found, name)[mine] for name in rows})


def _spread(flags: Flags, like: Tensor) -> Tensor:
    return flags.reshape(*flags.shape, *(1 for _ in range(like.ndim - flags.ndim)))
