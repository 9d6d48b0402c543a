"""A reconstruction in the few numbers that a lab looks at first, as a record and as JSON."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.evaluation.reprojection import measured_scale2
from mocap3d.session.records import Points3D, Quality, Tracks2D

_SAMPLE = 1024
"""Instants on which the detector's noise is looked up."""
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """Fractions are of all keypoints, from the first instant at which somebody is known to the last.

    Limb lengths are means over time, spreads standard deviations.
    """

    name: str
    measured: float
    filled: float
    missing: float
    limb_length_m: dict[str, float]
    limb_spread_mm: dict[str, float]


@dataclass(frozen=True, slots=True)
class ViewSummary:
    """Medians over the keypoints of one view."""

    name: str
    reprojection_px: float
    """Of the keypoints that agree with the other views."""
    agreeing: float
    """Fraction of the view's keypoints that agree with the other views."""
    noise_px: float
    """One sigma of the detector as measured on this recording; NaN where it was not."""


@dataclass(frozen=True, slots=True)
class KeypointSummary:
    """Medians over instants and people."""

    name: str
    reprojection_px: float
    sigma_mm: float
    """One sigma along the worst axis."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was reconstructed, how well its parts agree, and what is doubtful."""

    n_frames: int
    duration_s: float
    rate_hz: float
    rate: str
    """The same exactly, e.g. 30000/1001."""
    skeleton: str
    views_per_point: float
    lasting_noise: float
    """Share of the detector's error variance that persists from frame to frame but fades; NaN where not measured."""
    constant_noise: float
    """Share that stays: errors of the calibration, or a detector that always points beside the joint."""
    people: tuple[PersonSummary, ...]
    views: tuple[ViewSummary, ...]
    keypoints: tuple[KeypointSummary, ...]
    doubtful: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain tables and lists; NaN becomes null, and numbers keep 5 significant digits."""
        return plain(asdict(self))


def summarise(points: Points3D, tracks: Tracks2D, quality: Quality) -> Summary:
    """``tracks`` are the 2D points that ``points`` were made from, ``quality`` their assessment."""
    n_frames, rate = len(points.t_s), points.rate
    error_px = quality.reprojection_px.nanmedian(0).values
    keypoints = zip(points.skeleton.keypoints, error_px, quality.sigma_mm, strict=True)
    return Summary(
        n_frames=n_frames,
        duration_s=float(n_frames / rate),
        rate_hz=float(rate),
        rate=str(rate),
        skeleton=points.skeleton.name,
        views_per_point=quality.views_per_point,
        lasting_noise=_mean([model.share for model in points.noise]),
        constant_noise=_mean([model.bias for model in points.noise]),
        people=tuple(_person(points, quality, person) for person in range(len(points.people))),
        views=_views(points, tracks, quality),
        keypoints=tuple(KeypointSummary(name, float(px), float(mm)) for name, px, mm in keypoints),
        doubtful=quality.warnings,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _person(points: Points3D, quality: Quality, person: int) -> PersonSummary:
    measured, filled = float(quality.coverage[person].mean()), float(quality.filled[person].mean())
    lengths_m, spreads_mm = quality.limb_length_m[person].tolist(), (1000 * quality.limb_spread_m[person]).tolist()
    return PersonSummary(
        name=points.people[person],
        measured=measured,
        filled=filled,
        missing=max(0.0, 1 - measured - filled),
        limb_length_m=dict(zip(quality.limb_names, lengths_m, strict=True)),
        limb_spread_mm=dict(zip(quality.limb_names, spreads_mm, strict=True)),
    )


def _views(points: Points3D, tracks: Tracks2D, quality: Quality) -> tuple[ViewSummary, ...]:
    error_px, agreeing = (table.nanmedian(1).values for table in (quality.reprojection_px, quality.inlier_fraction))
    numbers = zip(tracks.views, error_px, agreeing, _noise_px(points, tracks), strict=True)
    return tuple(ViewSummary(name, *map(float, row)) for name, *row in numbers)


def _noise_px(points: Points3D, tracks: Tracks2D) -> Float[Tensor, " v"]:
    """Median one-sigma of each view's likeliest keypoints: the stated one, scaled to what was measured."""
    n_instants = len(points.t_s)
    if not points.noise:
        return torch.full((len(tracks.views),), torch.nan, dtype=torch.float64)
    instants = torch.linspace(0, n_instants - 1, min(n_instants, _SAMPLE), dtype=torch.float64).round().long()
    medians = []
    for view in range(len(tracks.views)):
        stated_px2 = tracks.cov_px2[view, instants, :, :, :1].diagonal(dim1=-2, dim2=-1).mean(-1)
        score = tracks.log_weight[view, instants, :, :, :1].exp()
        medians.append((stated_px2 * measured_scale2(points.noise, view, score)).sqrt().nanmedian())
    return torch.stack(medians)


def plain(value: Any) -> Any:
    """Tables and lists of JSON's own kinds."""
    match value:
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case float():
            return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
