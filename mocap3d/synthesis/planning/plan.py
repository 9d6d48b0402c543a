"""The expected error of a rig at every place, by the covariance that triangulation states; and better camera places.

Each keypoint's covariance is the inverse of the sum of J' J / sigma^2 over the views that see it: the same as
reconstruction gives to a point before it knows of bones and time, which then make it smaller.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, pi, sin

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import CalibrationError
from mocap3d.session.rig import CameraTable, RigTable, VolumeTable
from mocap3d.session.rig_plan import PlaceMap, RigPlan, Suggestion
from mocap3d.synthesis.planning.visibility import Placed, placed_walker, visible

_HOPELESS_M2 = 0.25
"""Variance of a point that fewer than two views see, so that suggestions prefer to see it at all: half a metre."""
_LEAST_GAIN = 0.03
"""A camera is not moved for less than 3 %."""
_CLEARANCE_M = 1.0
"""Nearer to the volume nobody puts a tripod."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PlanOptions:
    """What to plan for."""

    sigma_px: float = 4.0
    """Error of the detector: one sigma per axis, in pixels. `mocap3d reconstruct` tells what yours has."""
    step_m: float = 0.5
    """Between neighbouring places of the map."""
    turns: int = 8
    """Directions in which somebody walks at each place."""
    phases: int = 2
    """Instants of a stride."""
    suggest: bool = True
    """Look for better places of the cameras, one at a time."""
    margin_m: float = 0.0
    """How much farther out than now a camera may stand, for the suggestions."""

    def __post_init__(self):
        for name in ("sigma_px", "step_m", "turns", "phases"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name):g}; needed a number above 0.")


def plan_rig(rig: RigTable, options: PlanOptions = PlanOptions(), *, progress: Progress = lambda *_: None) -> RigPlan:
    """Errors over the volume, and suggestions where moving one camera helps; refuses a rig of one camera."""
    if len(rig.cameras) < 2:
        raise CalibrationError(f"the rig has {len(rig.cameras)} camera. Needed: two or more, as 3D needs two views.")
    placed, x, y = placed_walker(rig.volume, step_m=options.step_m, n_turns=options.turns, n_phases=options.phases)
    informations = []
    for n, camera in enumerate(rig.cameras):
        progress("looking through the cameras", n, len(rig.cameras))
        informations.append(_information(camera, placed, options.sigma_px))
    found = _map(torch.stack(informations), x, y)
    suggestions = _suggestions(rig, placed, informations, options, progress) if options.suggest else ()
    return RigPlan(
        cameras=rig.cameras,
        volume=rig.volume,
        sigma_px=options.sigma_px,
        map=found,
        keypoint_mm=_by_keypoint(torch.stack(informations), placed.names),
        suggestions=suggestions,
    )


def _information(table: CameraTable, placed: Placed, sigma_px: float) -> Float[Tensor, "place pose k 3 3"]:
    """What a camera tells of each keypoint, in 1/m^2; 0 where it does not see it."""
    camera = table.camera()
    jacobian = camera.jacobian(placed.p_in_world) / sigma_px
    seen = visible(camera, placed)
    return torch.where(seen[..., None, None], jacobian.mT @ jacobian, 0.0).nan_to_num(0.0)


def variance_m2(information: Float[Tensor, "v *n 3 3"]) -> Float[Tensor, "*n"]:
    """Trace of the covariance, in m^2; NaN where fewer than two views see the point."""
    n_views = (information.diagonal(dim1=-2, dim2=-1).sum(-1) > 0).sum(0)
    total, fixed = information.sum(0), n_views >= 2
    eye = torch.eye(3, dtype=total.dtype)
    inverse, failed = torch.linalg.inv_ex(torch.where(fixed[..., None, None], total, eye))
    trace = inverse.diagonal(dim1=-2, dim2=-1).sum(-1)
    return trace.masked_fill(~fixed | (failed != 0), torch.nan)


def _map(information: Float[Tensor, "v place pose k 3 3"], x: Tensor, y: Tensor) -> PlaceMap:
    variance = variance_m2(information)
    seen_by = (information.diagonal(dim1=-2, dim2=-1).sum(-1) > 0).double().sum(0)
    shape = (len(y), len(x))
    per_keypoint = variance.nanmean(1).sqrt()
    worst = per_keypoint.nan_to_num(-torch.inf).amax(-1)
    return PlaceMap(
        x_m=x,
        y_m=y,
        error_mm=1000 * variance.flatten(1).nanmean(1).sqrt().reshape(shape),
        worst_mm=1000 * worst.masked_fill(worst.isinf(), torch.nan).reshape(shape),
        seen=variance.isfinite().double().flatten(1).mean(1).reshape(shape),
        n_views=seen_by.flatten(1).mean(1).reshape(shape),
    )


def _by_keypoint(information: Float[Tensor, "v place pose k 3 3"], names: Sequence[str]) -> dict[str, float]:
    error_mm = 1000 * variance_m2(information).flatten(0, 1).nanmean(0).sqrt()
    return dict(zip(names, error_mm.tolist(), strict=True))


def _suggestions(
    rig: RigTable, placed: Placed, kept: Sequence[Tensor], options: PlanOptions, progress: Progress
) -> tuple[Suggestion, ...]:
    """For each camera, the best of some places round the volume while the others stay; sought on a coarser grid.

    What a place is worth is then told for all of ``placed``, as the plan is.
    """
    coarse = placed_walker(rig.volume, step_m=2 * options.step_m, n_turns=min(4, options.turns), n_phases=1)[0]
    roughly = [_information(camera, coarse, options.sigma_px) for camera in rig.cameras]
    now, found = torch.stack(tuple(kept)), []
    for n, camera in enumerate(rig.cameras):
        progress("trying other places", n, len(rig.cameras))
        trials = list(_candidates(camera, rig, options.margin_m))
        if not trials:
            continue
        others = _without(roughly, n)
        scores = [_score(torch.stack([*others, _information(trial, coarse, options.sigma_px)])) for trial in trials]
        best = trials[min(range(len(trials)), key=scores.__getitem__)]
        after = torch.stack([*_without(kept, n), _information(best, placed, options.sigma_px)])
        if _score(after) < (1 - _LEAST_GAIN) * _score(now):
            found.append(Suggestion(best, *_told(now, after)))
    return tuple(sorted(found, key=lambda suggestion: suggestion.after_mm - 1000 * suggestion.seen_after))


def _without(informations: Sequence[Tensor], n: int) -> list[Tensor]:
    return [*informations[:n], *informations[n + 1 :]]


def _score(information: Float[Tensor, "v *n 3 3"]) -> float:
    """Root mean square error in metres, points that are not seen counted as half a metre off."""
    return float(variance_m2(information).nan_to_num(_HOPELESS_M2).clamp(max=_HOPELESS_M2).mean().sqrt())


def _told(before: Tensor, after: Tensor) -> tuple[float, float, float, float]:
    variances = variance_m2(before), variance_m2(after)
    errors = tuple(1000 * float(variance.nanmean().sqrt()) for variance in variances)
    shares = tuple(float(variance.isfinite().double().mean()) for variance in variances)
    return errors[0], errors[1], shares[0], shares[1]


def _candidates(camera: CameraTable, rig: RigTable, margin_m: float) -> Iterator[CameraTable]:
    """Sixteen directions on the wall that the rig stands along, at three heights, looking at the volume's middle."""
    middle, half = _middle(rig.volume), _reach(rig, margin_m)
    for direction in range(16):
        angle = 2 * pi * direction / 16 + pi / 16 * (direction % 2)
        scale = min(half[axis] / max(abs(side), 1e-9) for axis, side in enumerate((cos(angle), sin(angle))))
        x, y = middle[0] + scale * cos(angle), middle[1] + scale * sin(angle)
        for z in sorted({1.2, camera.position_m[2], 2.5}):
            if hypot(x - camera.position_m[0], y - camera.position_m[1]) + abs(z - camera.position_m[2]) > 0.3:
                yield replace(camera, position_m=(round(x, 2), round(y, 2), z), look_at_m=middle, rotation=None)


def _middle(volume: VolumeTable) -> tuple[float, float, float]:
    x, y, z = ((low + high) / 2 for low, high in zip(volume.min_m, volume.max_m, strict=True))
    return x, y, min(z, 0.95 + volume.min_m[2])


def _reach(rig: RigTable, margin_m: float) -> tuple[float, float]:
    """Half sizes of the room: as far as the cameras stand from the volume's middle, and some way beyond the volume."""
    middle = _middle(rig.volume)
    cameras = (max(abs(c.position_m[axis] - middle[axis]) for c in rig.cameras) for axis in (0, 1))
    least = (rig.volume.max_m[axis] - middle[axis] + _CLEARANCE_M for axis in (0, 1))
    x, y = (max(pair) + margin_m for pair in zip(cameras, least, strict=True))
    return x, y
