"""How well the 3D points explain what each view saw."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.geometry.camera import Camera
from mocap3d.session.records import NoiseModel, Points3D, Provenance, Tracks2D

GATE = 4.0
"""A 2D point within this many sigmas of the reprojected one is accepted."""
_MEDIAN_CHI2 = 1.386  # median squared distance, in sigmas, of a 2D normal error
_MIN_SCALE2 = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ViewResiduals:
    """One view at sampled instants (s), measured points only; a keypoint's alternatives are reduced to the best."""

    seen: Bool[Tensor, "s p k"]
    """Detected in this view, and known in 3D."""
    accepted: Bool[Tensor, "s p k"]
    offset_px: Float[Tensor, "s p k 2"]
    """Seen minus reprojected; NaN where not seen."""

    @property
    def accepted_px(self) -> Float[Tensor, "n k"]:
        """Distances of the accepted points, people and instants in one axis; NaN elsewhere."""
        return self.offset_px.norm(dim=-1).masked_fill(~self.accepted, torch.nan).flatten(0, 1)


def view_residuals(
    points: Points3D, tracks: Tracks2D, view: int, camera: Camera, instants: Int[Tensor, " s"]
) -> ViewResiduals:
    """Residuals of one view, and which points it agrees with.

    Accepted is what lies within ``GATE`` sigmas. The detector's sigma is scaled to what was measured: by the points'
    noise model where they carry one, else by one robust factor for the whole view. A camera that is wrong thus gets a
    large error rather than few points.
    """
    measured = points.provenance[instants] == int(Provenance.MEASURED)
    expected = camera.at(instants).project(points.p_in_world[instants])
    offset_px = tracks.uv_px[view, instants] - expected[..., None, :]
    distance2 = _mahalanobis2(offset_px, tracks.cov_px2[view, instants])
    if points.noise:
        distance2 = distance2 / measured_scale2(points.noise, view, tracks.log_weight[view, instants].exp())
    best = distance2.nan_to_num(torch.inf).argmin(-1, keepdim=True)
    distance2 = distance2.gather(-1, best)[..., 0]
    offset_px = offset_px.gather(-2, best[..., None].expand(*best.shape, 2))[..., 0, :]
    seen = measured & distance2.isfinite()
    if not points.noise and seen.any():
        distance2 = distance2 / (distance2[seen].median() / _MEDIAN_CHI2).clamp(min=_MIN_SCALE2)
    return ViewResiduals(seen, seen & (distance2 <= GATE**2), offset_px.masked_fill(~seen[..., None], torch.nan))


def _mahalanobis2(offset: Float[Tensor, "*b 2"], cov: Float[Tensor, "*b 2 2"]) -> Float[Tensor, "*b"]:
    x, y = offset.unbind(-1)
    xx, xy, yy = cov[..., 0, 0], cov[..., 0, 1], cov[..., 1, 1]
    return (yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)


def measured_scale2(
    noise: tuple[NoiseModel, ...], view: int, score: Float[Tensor, "s p k m"]
) -> Float[Tensor, "s p k m"]:
    """The noise models' factor on the stated variance, linear between the tabulated scores."""
    table = torch.stack([model.scale2[view] for model in noise])  # (p k grid)
    last = table.shape[-1] - 1
    place = score.clamp(0, 1) * last
    below = place.floor().long().clamp(max=max(last - 1, 0))
    above = (below + 1).clamp(max=last)
    table = table[None, :, :, None].expand(*score.shape, -1)
    low, high = (table.gather(-1, index[..., None])[..., 0] for index in (below, above))
    return low + (high - low) * (place - below)
