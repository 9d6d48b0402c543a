"""A reconstruction judged by itself: do the views agree, do bones keep their length, how much was really seen."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.evaluation.delays import delays
from mocap3d.evaluation.doubts import find_doubts
from mocap3d.evaluation.reprojection import ViewResiduals, view_residuals
from mocap3d.session.records import CalibratedRig, Points3D, Provenance, Quality, Tracks2D

# Medians of reprojection and sigma come from at most so many instants, spread evenly over the recording: their own
# error is then below 2 % of the spread, and memory does not grow with the recording.
_SAMPLE = 4096


def assess(points: Points3D, tracks: Tracks2D, rig: CalibratedRig) -> Quality:
    """Numbers and warnings; ``tracks`` are the 2D points that ``points`` were made from.

    What counts as accepted: see :func:`~mocap3d.evaluation.reprojection.view_residuals`. Coverage is of the
    time from somebody's first known point to their last; limb lengths use every known point.
    """
    assert (points.people, points.skeleton) == (tracks.people, tracks.skeleton), "points are not from these tracks"
    n_instants = len(points.t_s)
    instants = torch.linspace(0, n_instants - 1, min(n_instants, _SAMPLE), dtype=torch.float64).round().long()
    views = [
        view_residuals(points, tracks, number, rig.cameras[view], instants) for number, view in enumerate(tracks.views)
    ]
    limb_length_m, limb_spread_m = _limb_lengths(points)
    measured = points.provenance == int(Provenance.MEASURED)
    delay_s, delay_sigma_s = delays(points, tracks, rig)
    quality = Quality(
        reprojection_px=torch.stack([_median(view.accepted_px) for view in views]),
        inlier_fraction=torch.stack([_inlier_fraction(view) for view in views]),
        sigma_mm=1000 * _median(_worst_sigma(points.cov_m2[instants]).flatten(0, 1)),
        coverage=_fraction(points, Provenance.MEASURED),
        filled=_fraction(points, Provenance.FILLED),
        views_per_point=points.n_views[measured].double().mean().item(),
        limb_names=points.skeleton.limb_names,
        limb_length_m=limb_length_m,
        limb_spread_m=limb_spread_m,
        delay_s=delay_s,
        delay_sigma_s=delay_sigma_s,
        warnings=(),
    )
    offset_px = torch.stack([_median(view.offset_px[view.accepted]) for view in views])
    return replace(quality, warnings=find_doubts(quality, points, tracks.views, offset_px))


def _inlier_fraction(view: ViewResiduals) -> Float[Tensor, " k"]:
    return view.accepted.sum((0, 1)) / view.seen.sum((0, 1)).double()


def _fraction(points: Points3D, origin: Provenance) -> Float[Tensor, "p k"]:
    """Of the instants from somebody's first known point to their last: who is not in the room is not missing."""
    known = (points.provenance != int(Provenance.MISSING)).any(-1).int()
    there = known.cummax(0).values * known.flip(0).cummax(0).values.flip(0)
    return (points.provenance == int(origin)).sum(0) / there.sum(0).clamp(min=1)[:, None].double()


def _limb_lengths(points: Points3D) -> tuple[Float[Tensor, "p b"], Float[Tensor, "p b"]]:
    """Mean and standard deviation over time, limb by limb to keep memory small; NaN where never known."""
    p = points.p_in_world
    means, spreads = [], []
    for a, b in points.skeleton.limbs:
        length_m = (p[:, :, a] - p[:, :, b]).norm(dim=-1)
        mean = length_m.nanmean(0)
        means.append(mean)
        spreads.append(((length_m - mean) ** 2).nanmean(0).sqrt())
    if not means:
        return p.new_zeros(len(points.people), 0), p.new_zeros(len(points.people), 0)
    return torch.stack(means, -1), torch.stack(spreads, -1)


def _worst_sigma(cov_m2: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b"]:
    """One standard deviation along the longest axis; NaN where unknown."""
    known = cov_m2.isfinite().all(-1).all(-1)
    variance = torch.linalg.eigvalsh(cov_m2.masked_fill(~known[..., None, None], 0.0))[..., -1]
    return variance.clamp(min=0).sqrt().masked_fill(~known, torch.nan)


def _median(values: Float[Tensor, "n c"]) -> Float[Tensor, " c"]:
    """Median of the known values of each column; NaN where there is none."""
    if not len(values):
        return values.new_full((values.shape[1],), torch.nan)
    return values.nanmedian(0).values
