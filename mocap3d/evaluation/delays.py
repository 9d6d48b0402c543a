"""Whether the views were filmed in step: what is left of a delay between a view and the 3D motion."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.session.records import CalibratedRig, Points3D, Provenance, Tracks2D

_SAMPLE = 3000
_SLOWEST_PX_S = 30.0
"""What moves slower in the picture tells nothing of time."""
_FEWEST = 50
_TAIL = 3.0


def delays(points: Points3D, tracks: Tracks2D, rig: CalibratedRig) -> tuple[Float[Tensor, " v"], Float[Tensor, " v"]]:
    """How many seconds later each view shows what 3D says, and one sigma of that; NaN where too little moved.

    Least squares of (seen minus reprojected) on the speed in the picture: what is late lags behind the motion. The
    views have all taken part in the 3D motion, so a view's own delay shows somewhat reduced.
    """
    n = len(points.t_s)
    instants = torch.linspace(1, n - 2, min(max(n - 2, 0), _SAMPLE), dtype=torch.float64).round().long()
    found = [
        _delay(points, tracks.uv_px[number, instants, :, :, 0], rig.cameras[view], instants)
        for number, view in enumerate(tracks.views)
    ]
    delay_s, sigma_s = torch.tensor(found, dtype=torch.float64).reshape(-1, 2).T
    return delay_s, sigma_s


def _delay(
    points: Points3D, seen_px: Float[Tensor, "s p k 2"], camera: Camera, instants: Int[Tensor, " s"]
) -> tuple[float, float]:
    before, now, after = (camera.at(i).project(points.p_in_world[i]) for i in (instants - 1, instants, instants + 1))
    speed = (after - before) * float(points.rate) / 2
    offset = seen_px - now
    measured = points.provenance[instants] == int(Provenance.MEASURED)
    usable = measured & offset.isfinite().all(-1) & speed.isfinite().all(-1) & (speed.norm(dim=-1) > _SLOWEST_PX_S)
    offset, speed = offset[usable], speed[usable]
    if len(offset) < _FEWEST:
        return math.nan, math.nan
    offset = offset - offset.median(0).values  # a camera that was turned is not late
    keep = offset.norm(dim=-1) < _TAIL * offset.norm(dim=-1).median()
    offset, speed = offset[keep], speed[keep]
    information = speed.square().sum()
    delay_s = -(offset * speed).sum() / information
    residual = offset + delay_s * speed
    # Neighbouring instants share their noise: half of the samples count.
    sigma_s = (residual.square().mean() / information).sqrt() * 2**0.5
    return float(delay_s), float(sigma_s)
