"""Whether the views were filmed in step: what is left of a delay between a view and the 3D motion."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.session.records import CalibratedRig, Points3D, Provenance, Timeline, Tracks2D, ViewId

_SAMPLE = 3000
_SLOWEST_PX_S = 30.0
"""What moves slower in the picture tells nothing of time."""
_FEWEST = 50
_TAIL = 3.0


@dataclass(frozen=True, slots=True)
class Delay:
    """One view against the 3D motion."""

    view: ViewId
    recorded: float
    """Share of the instants at which the view has a frame."""
    delay_s: float
    """How much later the view shows what 3D says; NaN where too little moved. Should be far below one frame."""
    sigma_s: float


def delays(points: Points3D, tracks: Tracks2D, rig: CalibratedRig, timeline: Timeline) -> tuple[Delay, ...]:
    """Least squares of (seen minus reprojected) on the speed in the picture: what is late lags behind the motion.

    The views have all taken part in the 3D motion, so a view's own delay shows somewhat reduced.
    """
    instants = _sample(len(points.t_s))
    found = []
    for number, view in enumerate(tracks.views):
        recorded = timeline.frame_of_view[view].isfinite().double().mean() if view in timeline.frame_of_view else 1.0
        delay_s, sigma_s = _delay(points, tracks, rig, number, instants) if len(instants) else (torch.nan, torch.nan)
        found.append(Delay(view, float(recorded), delay_s, sigma_s))
    return tuple(found)


def _sample(n: int) -> Float[Tensor, " s"] | Tensor:
    return torch.linspace(1, n - 2, min(max(n - 2, 0), _SAMPLE), dtype=torch.float64).round().long()


def _delay(
    points: Points3D, tracks: Tracks2D, rig: CalibratedRig, number: int, instants: Tensor
) -> tuple[float, float]:
    camera = rig.cameras[tracks.views[number]]
    before, now, after = (camera.at(i).project(points.p_in_world[i]) for i in (instants - 1, instants, instants + 1))
    speed = (after - before) * float(points.rate) / 2
    offset = tracks.uv_px[number, instants, :, :, 0] - now
    measured = points.provenance[instants] == int(Provenance.MEASURED)
    usable = measured & offset.isfinite().all(-1) & speed.isfinite().all(-1) & (speed.norm(dim=-1) > _SLOWEST_PX_S)
    offset, speed = offset[usable], speed[usable]
    if len(offset) < _FEWEST:
        return torch.nan, torch.nan
    offset = offset - offset.median(0).values  # a camera that was turned is not late
    keep = offset.norm(dim=-1) < _TAIL * offset.norm(dim=-1).median()
    offset, speed = offset[keep], speed[keep]
    information = speed.square().sum()
    delay_s = -(offset * speed).sum() / information
    residual = offset + delay_s * speed
    # Neighbouring instants share their noise: half of the samples count.
    sigma_s = (residual.square().mean() / information).sqrt() * 2**0.5
    return float(delay_s), float(sigma_s)
