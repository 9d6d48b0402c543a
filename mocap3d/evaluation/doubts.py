"""What is doubtful about a reconstruction, in words a lab person can act on."""

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mocap3d.session.records import Points3D, Quality

_WORSE = 2.5
"""A view or keypoint with so many times the error of the others is named ..."""
_WORSE_BY_PX = 2.0
"""... if it is also so much worse in pixels."""
_FEW_INLIERS = 0.5
_FEW_VIEWS = 2.5
_MANY_MISSING = 0.2
_MANY_FILLED = 0.3
_LIMB_SPREAD_M = 0.015
_LARGE_SIGMA_MM = 50.0
_OFFSET_PX = 1.5
_OUT_OF_STEP_FRAMES, _OUT_OF_STEP_SIGMAS = 0.4, 5.0
_HUMAN_M = (0.5, 2.5)


def find_doubts(
    quality: Quality, points: Points3D, views: Sequence[str], offset_px: Float[Tensor, "v 2"]
) -> tuple[str, ...]:
    """One sentence per finding, naming view, person or keypoint, the number found, and what to do; views first."""
    findings = (
        _views_without_points(quality, views),
        _views_with_large_error(quality, views),
        _views_with_an_offset(quality, views, offset_px),
        _views_that_disagree(quality, views),
        _views_out_of_step(quality, points, views),
        _few_views(quality),
        _keypoints_with_large_error(quality, points),
        _keypoints_that_disagree(quality, points),
        _large_sigmas(quality, points),
        *(_of_person(quality, points, person) for person in range(len(points.people))),
    )
    return tuple(sentence for finding in findings for sentence in finding)


def _of_person(quality: Quality, points: Points3D, person: int) -> Iterator[str]:
    name, keypoints = points.people[person], points.skeleton.keypoints
    covered, filled = quality.coverage[person], quality.filled[person]
    missing = 1 - covered - filled
    if (missing > 1 - 1e-9).all():
        yield f"person '{name}' was never measured: no two views agree on any keypoint. Check who is who in the views."
        return
    if few := _worst(missing, missing > _MANY_MISSING, keypoints, "{:.0%}"):
        yield (
            f"person '{name}': missing in many instants: {few}. Film with more views of these keypoints, or leave them "
            "out of the analysis."
        )
    if few := _worst(filled, filled > _MANY_FILLED, keypoints, "{:.0%}"):
        yield (
            f"person '{name}': often not seen by two views and bridged by priors: {few}. Look at the provenance before "
            "using these keypoints."
        )
    spread_mm = 1000 * quality.limb_spread_m[person]
    if loose := _worst(spread_mm, spread_mm > 1000 * _LIMB_SPREAD_M, quality.limb_names, "{:.0f} mm"):
        yield (
            f"person '{name}': limb length changes over time (standard deviation): {loose}. Look for swapped sides, a "
            "second person or a wrong camera at these limbs."
        )
    yield from _wrong_size(quality, points, person)


def _wrong_size(quality: Quality, points: Points3D, person: int) -> Iterator[str]:
    """Lengths that would make a giant: the calibration's unit is not the metre."""
    height_m = quality.limb_length_m[person] / torch.tensor(points.skeleton.length_ratio, dtype=torch.float64)
    typical_m = height_m.nanmedian().item() if len(height_m) else math.nan
    if not math.isnan(typical_m) and not _HUMAN_M[0] < typical_m < _HUMAN_M[1]:
        yield (
            f"person '{points.people[person]}': limb lengths are those of somebody {typical_m:.3g} m tall. Check the "
            "unit of the calibration (square size of the board, millimetres or metres)."
        )


def _views_without_points(quality: Quality, views: Sequence[str]) -> Iterator[str]:
    for view, accepted in zip(views, quality.reprojection_px, strict=True):
        if accepted.isnan().all():
            yield (
                f"view '{view}' agrees with no 3D point: it sees nobody, or its calibration or timing is wrong. "
                "Check its keypoints and calibration, or leave it out."
            )


def _views_with_large_error(quality: Quality, views: Sequence[str]) -> Iterator[str]:
    if len(views) < 3:  # of two views, neither is the odd one out
        return
    error_px = quality.reprojection_px.nanmedian(1).values
    for number, view in enumerate(views):
        others_px = torch.cat([error_px[:number], error_px[number + 1 :]]).nanmedian()
        if error_px[number] > _WORSE * others_px and error_px[number] > others_px + _WORSE_BY_PX:
            yield (
                f"view '{view}': reprojection error {error_px[number]:.1f} px, the other views {others_px:.1f} px. The "
                "camera was moved, is badly calibrated or out of step. Calibrate it again, or leave it out and compare."
            )


def _views_with_an_offset(quality: Quality, views: Sequence[str], offset_px: Float[Tensor, "v 2"]) -> Iterator[str]:
    error_px = quality.reprojection_px.nanmedian(1).values
    beside = [
        f"'{view}' ({offset[0]:+.1f}, {offset[1]:+.1f}) px"
        for view, offset, error in zip(views, offset_px, error_px, strict=True)
        if offset.norm() > _OFFSET_PX and offset.norm() > error / 2
    ]
    if beside:
        yield (
            f"all keypoints of a view lie beside the reprojection: {', '.join(beside)}. Look for a cropped or resized "
            "video, or a camera that was turned after calibration: `mocap3d calibrate SESSION --check` tells which, "
            "and `--refine` mends turned ones."
        )


def _views_that_disagree(quality: Quality, views: Sequence[str]) -> Iterator[str]:
    for view, fraction in zip(views, quality.inlier_fraction.nanmedian(1).values.tolist(), strict=True):
        if 0 < fraction < _FEW_INLIERS:
            yield (
                f"view '{view}': only {fraction:.0%} of its keypoints agree with the other views. Check who is who in "
                "this view, its timing, and whether people are hidden in it."
            )


def _views_out_of_step(quality: Quality, points: Points3D, views: Sequence[str]) -> Iterator[str]:
    for view, delay_s, sigma_s in zip(views, quality.delay_s.tolist(), quality.delay_sigma_s.tolist(), strict=True):
        frames = delay_s * float(points.rate)
        if abs(frames) > _OUT_OF_STEP_FRAMES and abs(delay_s) > _OUT_OF_STEP_SIGMAS * sigma_s:
            yield (
                f"view '{view}' shows the motion {1000 * abs(delay_s):.0f} ms ({abs(frames):.1f} frames) too "
                f"{'late' if delay_s > 0 else 'early'}. `mocap3d synchronise` measures when each view was started."
            )


def _few_views(quality: Quality) -> Iterator[str]:
    if quality.views_per_point < _FEW_VIEWS:
        yield (
            f"points rest on {quality.views_per_point:.1f} views on average: one wrong detection can move them unseen. "
            "Film with at least three views of everybody."
        )


def _keypoints_with_large_error(quality: Quality, points: Points3D) -> Iterator[str]:
    error_px = quality.reprojection_px.nanmedian(0).values
    typical_px = error_px.nanmedian()
    worse = (error_px > _WORSE * typical_px) & (error_px > typical_px + _WORSE_BY_PX)
    if named := _worst(error_px, worse, points.skeleton.keypoints, "{:.1f} px"):
        yield (
            f"reprojection error far above the other keypoints' {typical_px:.1f} px: {named}. The views disagree on "
            "them: trust them less, and check the keypoint order of the files."
        )


def _keypoints_that_disagree(quality: Quality, points: Points3D) -> Iterator[str]:
    rejected = 1 - quality.inlier_fraction.nanmedian(0).values
    if named := _worst(rejected, rejected > 1 - _FEW_INLIERS, points.skeleton.keypoints, "{:.0%} rejected"):
        yield (
            f"the views rarely agree on: {named}. Trust these keypoints less, and check the order of the keypoints in "
            "their files."
        )


def _large_sigmas(quality: Quality, points: Points3D) -> Iterator[str]:
    large = quality.sigma_mm > _LARGE_SIGMA_MM
    if named := _worst(quality.sigma_mm, large, points.skeleton.keypoints, "{:.0f} mm"):
        yield f"typical doubt (one sigma) is large: {named}. Add views, or views from more different directions."


def _worst(
    values: Float[Tensor, " n"], chosen: Bool[Tensor, " n"], names: Sequence[str], form: str, most: int = 5
) -> str:
    """Up to ``most`` of the chosen, worst first, each with its value; empty if none is."""
    order = [i for i in values.argsort(descending=True, stable=True).tolist() if chosen[i]]
    text = ", ".join(f"{names[i]} ({form.format(values[i].item())})" for i in order[:most])
    return f"{text} and {len(order) - most} more" if len(order) > most else text
