"""What a calibration says of each camera: numbers, and in words how good it is and what to film again."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mocap3d.calibration.calibrate import Calibration
from mocap3d.calibration.select import CELLS
from mocap3d.session.records import ViewId

GOOD_COVERAGE = 0.6
"""Share of the picture's cells in which corners were seen."""
GOOD_TILT_DEG = 25.0
"""A board that is never tilted further tells the focal length badly."""
FEW_PICTURES = 10
GOOD_FOCAL_SHARE, POOR_FOCAL_SHARE = 0.005, 0.05
GOOD_PX, POOR_PX = 1.0, 3.0
FAULTS = frozenset(("never-seen", "mirrored", "moving-camera", "unsynchronised", "focus-changed", "swapped-videos"))
"""Findings that spoil a camera that they name."""


@dataclass(frozen=True, slots=True)
class CameraVerdict:
    """One camera."""

    view: ViewId
    grade: str
    """good | usable | film again."""
    reasons: tuple[str, ...]
    """What is doubtful and what to do about it; empty where nothing is."""
    n_pictures: int
    rms_px: float
    median_px: float
    held_out_rms_px: float
    held_out_median_px: float
    """NaN where too few pictures were there to go without some."""
    coverage: float
    """Share of the picture in which corners were seen."""
    coverage_map: tuple[tuple[int, ...], ...]
    """How many corners were seen in each cell of the picture, by rows from its top."""
    facing: tuple[tuple[float, float], ...]
    """Of every sighting of a flat board: x and y of its axis in the camera's frame, 0 where it faces the camera."""
    tilt_deg: float
    """The ninth decile of how far the board was turned out of the picture's plane; NaN for points without a plane."""
    nearest_m: float
    farthest_m: float
    focal_sigma_px: float
    centre_sigma_px: float
    place_sigma_mm: float
    """Of its position, relative to the first camera; 0 for that one."""


def verdicts(calibration: Calibration) -> tuple[CameraVerdict, ...]:
    """Every camera's."""
    return tuple(_verdict(calibration, view) for view in calibration.rig.cameras)


def shared_frames(calibration: Calibration) -> dict[ViewId, dict[ViewId, int]]:
    """At how many instants two views both saw the board (a view with itself: at how many it saw it)."""
    views, together = list(calibration.rig.cameras), calibration.seen.together or calibration.seen.scene
    if together is None:
        return {}
    saw = {view: _sees(together.uv_px[together.views.index(view)]) for view in views if view in together.views}
    return {a: {b: int((saw[a] & saw[b]).sum()) for b in saw} for a in saw}


def _sees(uv_px: Float[Tensor, "t k 2"]) -> Bool[Tensor, " t"]:
    return uv_px.isfinite().all(-1).sum(-1) >= min(4, uv_px.shape[1])


def _verdict(calibration: Calibration, view: ViewId) -> CameraVerdict:
    result = calibration.result
    fitted, held_out = (_of_view(calibration, all_px, view) for all_px in (result.residual_px, calibration.held_out_px))
    facing, distances = _poses(calibration, view)
    tilts, counts = np.rad2deg(np.arcsin(np.linalg.norm(facing, axis=1).clip(max=1))), _counts(calibration, view)
    f_sigma = max(result.sigma(f"{view}.{name}") for name in ("fx", "fy"))
    verdict = CameraVerdict(
        view=view,
        grade="",
        reasons=(),
        n_pictures=result.lenses[view].n_pictures,
        rms_px=_rms(fitted),
        median_px=_quantile(fitted, 0.5),
        held_out_rms_px=_rms(held_out),
        held_out_median_px=_quantile(held_out, 0.5),
        coverage=float((counts > 0).mean()),
        coverage_map=tuple(tuple(row) for row in counts.tolist()),
        facing=tuple((round(x, 4), round(y, 4)) for x, y in facing.tolist()),
        tilt_deg=_quantile(tilts, 0.9),
        nearest_m=_quantile(distances, 0.05),
        farthest_m=_quantile(distances, 0.95),
        focal_sigma_px=f_sigma,
        centre_sigma_px=max(result.sigma(f"{view}.{name}") for name in ("cx", "cy")),
        place_sigma_mm=1000 * float(np.linalg.norm([result.sigma(f"{view}.{axis}") for axis in "xyz"])),
    )
    return _graded(calibration, verdict)


def _graded(calibration: Calibration, verdict: CameraVerdict) -> CameraVerdict:
    named = [finding for finding in calibration.findings if verdict.view in finding.views and finding.code in FAULTS]
    lens = calibration.result.lenses[verdict.view]
    reasons = [finding.code.replace("-", " ") + " (see what was found)" for finding in named]
    focal_share = verdict.focal_sigma_px / float(lens.lens.f_px.mean())
    if verdict.n_pictures < FEW_PICTURES:
        reasons.append(
            f"only {verdict.n_pictures} picture{'s' * (verdict.n_pictures > 1)} of the board: show it longer"
        )
    if verdict.coverage < GOOD_COVERAGE:
        share = f"{100 * verdict.coverage:.0f} %"
        reasons.append(f"corners in {share} of the picture: carry the board into its edges and corners")
    if verdict.tilt_deg < GOOD_TILT_DEG:
        reasons.append(f"the board hardly ever turned away ({verdict.tilt_deg:.0f} deg): tilt it by 30 to 45 degrees")
    if {"fx", "fy"} & set(lens.held) or focal_share > GOOD_FOCAL_SHARE:
        reasons.append(
            f"focal length known to {100 * focal_share:.2g} % only: bring the board near and far, and tilt it"
        )
    if (off_px := verdict.median_px) > GOOD_PX:
        reasons.append(f"corners are {off_px:.1f} px off: hold the board still, and check that it is flat")
    spoilt = bool(named) or focal_share > POOR_FOCAL_SHARE or off_px > POOR_PX
    grade = "film again" if spoilt else "usable" if reasons else "good"
    return replace(verdict, grade=grade, reasons=tuple(reasons))


def _of_view(
    calibration: Calibration, all_px: tuple[Float[Tensor, "_v _t _k"], ...], view: ViewId
) -> Float[np.ndarray, " n"]:
    """A view's distances, of all targets."""
    parts = [
        values_px[each.views.index(view)].flatten()
        for values_px, each in zip(all_px, calibration.observations, strict=True)
        if view in each.views
    ]
    values = torch.cat(parts).numpy() if parts else np.zeros(0)
    return values[np.isfinite(values)]


def _counts(calibration: Calibration, view: ViewId) -> Int[np.ndarray, "rows columns"]:
    """Corners in each cell of the picture, of whichever recording."""
    seen, counts = calibration.seen, np.zeros(CELLS[::-1], int)
    for each in (seen.together, seen.alone, seen.scene):
        if each is not None and view in each.views:
            uv_px = each.uv_px[each.views.index(view)].reshape(-1, 2).numpy()
            at = (uv_px[np.isfinite(uv_px).all(1)] + 0.5) / np.array(each.size_px[view]) * CELLS
            cells = np.clip(at.astype(int), 0, np.array(CELLS) - 1)
            np.add.at(counts, (cells[:, 1], cells[:, 0]), 1)
    return counts


def _poses(calibration: Calibration, view: ViewId) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " d"]]:
    """Of every sighting: x and y of a flat board's axis in the camera's frame, and the distance (m) of any target."""
    facing, distances = [np.zeros((0, 2))], [np.zeros(0)]
    cam_from_world = calibration.rig.cameras[view].cam_from_world
    for each, world_from_target in zip(calibration.observations, calibration.result.world_from_target, strict=True):
        if view not in each.views:
            continue
        saw = _sees(each.uv_px[each.views.index(view)])
        cam_from_target = cam_from_world @ world_from_target
        distances.append(cam_from_target.apply(each.p_in_target.mean(0))[saw].norm(dim=-1).numpy())
        if float(each.p_in_target[:, 2].abs().max()) == 0 and len(each.p_in_target) > 3:
            axis = cam_from_target.rotation[saw][:, :, 2]
            facing.append((axis[:, :2] * torch.where(axis[:, 2:] < 0, -1.0, 1.0)).numpy())
    found = [np.concatenate(values) for values in (facing, distances)]
    return found[0][np.isfinite(found[0]).all(1)], found[1][np.isfinite(found[1])]


def _rms(values: Float[np.ndarray, " n"]) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else float("nan")


def _quantile(values: Float[np.ndarray, " n"], share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")
