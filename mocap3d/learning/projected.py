"""3D keypoints as one view's frames show them: labels to learn from, and the yardstick for a view that was left out."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.session.records import CalibratedRig, Points3D, Provenance, Timeline, ViewId
from mocap3d.skeletons.skeleton import Skeleton

SMALLEST_TORSO_PX = 10.0
"""Below this, a torso seen end-on is no measure of a person's size."""


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """People of a reconstruction in n whole frames of a view. NaN where a point is missing or cannot be seen."""

    frame: Int[Tensor, " n"]
    instant: Int[Tensor, " n"]
    """The nearest one."""
    uv_px: Float[Tensor, "n p k 2"]
    sigma_px: Float[Tensor, "n p k"]
    """Largest standard deviation that the point's covariance has in the picture."""
    n_views: Int[Tensor, "n p k"]
    """Views that agree on the point."""
    is_measured: Bool[Tensor, "n p k"]
    torso_px: Float[Tensor, "n p"]
    """Length of neck to hip as the picture would show it seen from the side; NaN where it is not known."""


def projected(points: Points3D, view: ViewId, rig: CalibratedRig, timeline: Timeline) -> Projected:
    """Every whole frame of the view within the reconstruction; between two instants people move straight on."""
    frame, place = _whole_frames(timeline.frame_of_view[view])
    before, after, instant = place.floor().long(), place.ceil().long(), place.round().long()
    share = (place - before)[:, None, None, None]
    start = points.p_in_world[before]
    p_in_world = start + share * (points.p_in_world[after] - start)
    camera = rig.cameras[view].at(instant)
    uv_px = camera.project(p_in_world)
    px_per_m = camera.jacobian(p_in_world)
    cov_px2 = px_per_m @ points.cov_m2[instant] @ px_per_m.mT
    known = cov_px2.isfinite().all(-1).all(-1)
    largest = torch.linalg.eigvalsh(torch.where(known[..., None, None], cov_px2, 0.0))[..., -1]
    # A metre across the line of sight, in pixels: the larger singular value of the Jacobian.
    scale = torch.linalg.matrix_norm(torch.where(known[..., None, None], px_per_m, torch.nan), "fro") / 2**0.5
    return Projected(
        frame,
        instant,
        torch.where(camera.contains(uv_px)[..., None], uv_px, torch.nan),
        torch.where(known, largest.clamp(min=0).sqrt(), torch.inf),
        points.n_views[instant].long(),
        points.provenance[instant] == Provenance.MEASURED,
        _torso_px(p_in_world, scale, points.skeleton),
    )


def _whole_frames(frame_of_view: Float[Tensor, " t"]) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """The whole frames of a view that the instants span, and the fractional instant of each."""
    frame = frame_of_view.numpy()
    (known,) = np.isfinite(frame).nonzero()
    if not len(known):
        return torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.float64)
    whole = np.arange(math.ceil(frame[known[0]]), math.floor(frame[known[-1]]) + 1)
    return torch.from_numpy(whole).long(), torch.from_numpy(np.interp(whole, frame[known], known.astype(np.float64)))


def _torso_px(
    p_in_world: Float[Tensor, "n p k 3"], px_per_m: Float[Tensor, "n p k"], skeleton: Skeleton
) -> Float[Tensor, "n p"]:
    ends = [[skeleton.index(side + name) for side in "LR"] for name in ("Shoulder", "Hip")]
    shoulders, hips = (p_in_world[:, :, pair].mean(2) for pair in ends)
    torso_px = (shoulders - hips).norm(dim=-1) * px_per_m[:, :, ends[1]].mean(-1)
    return torso_px.clamp(min=SMALLEST_TORSO_PX)
