"""Cameras from people who walk through what they see: placed from scratch, or a calibration at hand made better."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import log, radians, tan
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float

from mocap3d.calibration.adjustment import POSE_NAMES
from mocap3d.calibration.bundle import BundleResult
from mocap3d.calibration.findings import Finding
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_kinds import LensKind, kind_of
from mocap3d.calibration.observe import Progress
from mocap3d.calibration.options import Between
from mocap3d.calibration.people_adjust import Fitted, adjusted, copies, noise_by_keypoint, with_factors
from mocap3d.calibration.people_points import median_px, medians_px, moved_cameras, off_px, triangulated
from mocap3d.calibration.people_problem import N_OF_VIEW
from mocap3d.calibration.people_sightings import Sightings, even_odd, sightings_of_people, spread
from mocap3d.calibration.people_start import poses_from_people
from mocap3d.calibration.people_world import Size, on_feet, onto, size_by_distance, size_by_height
from mocap3d.calibration.world import moved
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig, Tracks2D, ViewId
from mocap3d.session.views import listed

USUAL_FIELD_DEG = 65.0
"""Horizontal field of view of a camera of which nothing is known; webcams and telephones have 55 to 80."""
FOCAL_SIGMA = 0.25
"""Relative doubt about a focal length that was guessed, or that is to be refined."""
IMPLAUSIBLE = 1.4
"""Factor on a focal length."""
CENTRE_SHARE = 0.03
"""Doubt about a principal point, as a share of the picture's width."""


@dataclass(frozen=True)
class PeopleOptions:
    """How cameras are calibrated from people."""

    height_m: float | None = None
    """Body height of the (first) person, for the size of the world."""
    between: Between = field(default_factory=Between)
    """A measured distance between two cameras: sets the size of the world better than a height does."""
    refine_focal: bool = False
    """Adjust focal lengths, too. Those that were guessed always are."""
    refine_centre: bool = False
    """Adjust principal points, too."""
    world: Literal["feet", "keep"] = "feet"
    """Floor where feet touched it; or the world of the calibration at hand, which is kept in size, too."""
    max_bodies: int = 150
    """People at so many instants are calibrated with, at most."""

    def __post_init__(self):
        if self.height_m is not None and not 0.4 < self.height_m < 2.6:
            raise ValueError(f"height_m is {self.height_m:g}; needed is a body height in metres, like 1.78.")
        if self.max_bodies < 10:
            raise ValueError(f"max_bodies is {self.max_bodies}; needed are at least 10.")


@dataclass(frozen=True, slots=True, eq=False)
class PeopleCalibration:
    """The cameras, and how well they explain what they were not fitted to."""

    result: BundleResult
    p_in_world: Float[np.ndarray, "n k 3"]
    """Of the keypoints that were calibrated with."""
    held_out_px: Mapping[ViewId, float]
    """Median distance of keypoints at times that the cameras (of a fit of their own) were not fitted to."""
    before_px: Mapping[ViewId, float]
    """The same with the calibration at hand; empty where there was none."""
    held_out_median_px: float
    """Over all views."""
    before_median_px: float
    """NaN where there was no calibration at hand."""
    world: str
    """Which world it is, in words."""
    size: Size
    findings: tuple[Finding, ...] = ()

    @property
    def rig(self) -> CalibratedRig:
        """The cameras."""
        return self.result.rig


def lenses_of(rig: CalibratedRig) -> dict[ViewId, LensEstimate]:
    """The lenses of a calibration, as they are."""
    return {view: LensEstimate(view, camera.lens, kind_of(camera.lens), camera.size_px)
            for view, camera in rig.cameras.items()}  # fmt: skip


def guessed_lenses(size_px: Mapping[ViewId, tuple[int, int]]) -> dict[ViewId, LensEstimate]:
    """Lenses of cameras of which only the size of the picture is known; their focal lengths are to be adjusted."""
    lenses = {}
    for view, (width, height) in size_px.items():
        f_px = max(width, height) / 2 / tan(radians(USUAL_FIELD_DEG / 2))
        middle = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
        lens = Lens.pinhole(torch.full((2,), f_px, dtype=torch.float64), middle)
        lenses[view] = LensEstimate(view, lens, LensKind.PINHOLE, (width, height), held=("fx", "fy"))
    return lenses


def calibrate_from_people(
    tracks: Tracks2D,
    lenses: Mapping[ViewId, LensEstimate],
    start: Mapping[ViewId, Rigid] | None = None,
    options: PeopleOptions = PeopleOptions(),
    *,
    progress: Progress | None = None,
) -> PeopleCalibration:
    """The cameras that explain people's keypoints best; ``start``, cam_from_world of all views, is refined.

    What is reported as held out comes from a second fit, to every other two seconds, judged on those between.
    """
    tell = progress or (lambda *_: None)
    sightings = _usable(tracks, lenses, options)
    cameras = {view: Camera(lenses[view].lens, start[view] if start else Rigid.identity(), lenses[view].size_px)
               for view in tracks.views}  # fmt: skip
    even, odd = even_odd(sightings)
    tell("placing the cameras by people", 0, 4)
    before = dict(cameras)
    if start is None:
        cameras = poses_from_people(even, cameras)
    tell("adjusting the cameras to half of the time", 1, 4)
    free, sigma = _free(lenses, list(cameras), options)
    half = _fit(spread(even, options.max_bodies), cameras, free, sigma)
    cameras = moved_cameras(half.x, cameras)
    judged = spread(odd, options.max_bodies)
    held_out = _off_px(even, judged, cameras)
    unrefined = _off_px(even, judged, before) if start else np.full_like(held_out, np.nan)
    tell("adjusting the cameras to all of it", 2, 4)
    whole = spread(sightings, options.max_bodies)
    # Priors stay about what was stated, not about what the half has found.
    start_lenses = {view: replace(camera, lens=before[view].lens) for view, camera in cameras.items()}
    fitted = _fit(whole, start_lenses, free, sigma)
    result = bundle_result(fitted, start_lenses, lenses)
    tell("placing the world", 3, 4)
    points_before = triangulated(whole, list(before.values())) if start else None
    result, points, world, size = _in_world(result, fitted, tracks, options, points_before)
    tell("placing the world", 4, 4)
    before_px = medians_px(judged, unrefined) if start else {}
    return PeopleCalibration(
        result,
        points,
        medians_px(judged, held_out),
        before_px,
        median_px(held_out),
        median_px(unrefined),
        world,
        size,
        _findings(fitted, list(cameras)),
    )


def _off_px(fitted: Sightings, judged: Sightings, cameras: Mapping[ViewId, Camera]) -> Float[np.ndarray, "v n k"]:
    """Distances at times that are judged, every keypoint counting by the noise that the fitted times show of it."""
    as_list = list(cameras.values())
    factor = noise_by_keypoint(spread(fitted, len(judged.t_s)), as_list)
    return off_px(with_factors(judged, factor), as_list)


def _usable(tracks: Tracks2D, lenses: Mapping[ViewId, LensEstimate], options: PeopleOptions) -> Sightings:
    """What can be calibrated with; refuses what cannot, before anything is computed."""
    if missing := [view for view in tracks.views if view not in lenses]:
        raise CalibrationError(f"there is no lens for {listed(missing)}. Calibrate it, or let it be guessed.")
    if len(tracks.views) < 2:
        raise CalibrationError(
            f"people were seen in {listed(tracks.views) or 'no view'}; needed are two views or more to place cameras."
        )
    options.between.check(tracks.views)
    sightings = sightings_of_people(tracks)
    telling = np.asarray((sightings.seen & sightings.shared).any((1, 2)))
    if lonely := [view for view, tells in zip(sightings.views, telling, strict=True) if not tells]:
        raise CalibrationError(
            f"{listed(lonely)}: no keypoint that another view sees at the same time, so nothing tells where it stands. "
            "Let people walk where the views overlap, check when each was started, or leave the view out by taking its "
            "recording away."
        )
    return sightings


def _free(
    lenses: Mapping[ViewId, LensEstimate], views: list[ViewId], options: PeopleOptions
) -> tuple[Bool[np.ndarray, "v 9"], Float[np.ndarray, "v 9"]]:
    """What is adjusted, and how far it may be from where it is; the first view stays, and is the world."""
    free = np.zeros((len(views), N_OF_VIEW), bool)
    sigma = np.full((len(views), N_OF_VIEW), np.inf)
    free[1:, :6], sigma[:, 6] = True, log(1 + FOCAL_SIGMA)
    for v, view in enumerate(views):
        free[v, 6] = options.refine_focal or "fx" in lenses[view].held
        free[v, 7:] = options.refine_centre
        sigma[v, 7:] = CENTRE_SHARE * lenses[view].size_px[0]
    return free, sigma


def _fit(sightings: Sightings, cameras: Mapping[ViewId, Camera], free: np.ndarray, sigma: np.ndarray) -> Fitted:
    return adjusted(sightings, list(cameras.values()), free, sigma / np.sqrt(copies(sightings)))


def bundle_result(
    fitted: Fitted, cameras: Mapping[ViewId, Camera], lenses: Mapping[ViewId, LensEstimate]
) -> BundleResult:
    """An adjustment in the form in which calibrations from boards are told."""
    rig = CalibratedRig(moved_cameras(fitted.x, cameras))
    names, spread_out = [], []
    for row, column in enumerate(fitted.problem.columns):
        view, which = list(rig.cameras)[column // N_OF_VIEW], column % N_OF_VIEW
        of_which = (*((name, 1.0) for name in POSE_NAMES), None, ("cx", 1.0), ("cy", 1.0))[which]
        f_px = rig.cameras[view].lens.f_px
        entries = [of_which] if of_which else [("fx", float(f_px[0])), ("fy", float(f_px[1]))]
        for name, factor in entries:
            names.append(f"{view}.{name}")
            spread_out.append((row, factor))
    turn = np.zeros((len(names), len(fitted.cov)))
    for n, (row, factor) in enumerate(spread_out):
        turn[n, row] = factor
    off = fitted.problem.residuals_px(fitted.x)
    known = off[np.isfinite(off)]
    return BundleResult(
        rig=rig,
        lenses={view: replace(lenses[view], lens=camera.lens, rms_px=float("nan"))
                for view, camera in rig.cameras.items()},
        names=tuple(names),
        cov=torch.from_numpy(turn @ fitted.cov @ turn.T),
        world_from_target=(),
        residual_px=(torch.from_numpy(off),),
        rms_px=float(np.sqrt((known**2).mean())),
        median_px=float(np.median(known)),
        noise=fitted.problem.noise,
        rigidity_m=float("nan"),
        scale=float("nan"),
        converged=fitted.converged,
    )  # fmt: skip


def _findings(fitted: Fitted, views: list[ViewId]) -> tuple[Finding, ...]:
    """Focal lengths that cannot be true, however well they explain what was seen."""
    zoom = np.exp(np.abs(fitted.x.log_zoom))
    odd = {view: float(zoom[v]) for v, view in enumerate(views) if zoom[v] > IMPLAUSIBLE}
    if not odd:
        return ()
    told = ", ".join(f"{view} by a factor of {factor:.1f}" for view, factor in odd.items())
    return (
        Finding(
            "implausible-focal-length",
            f"focal lengths changed more than a lens can be misjudged ({told}): people hardly move there, or only show "
            "one side. Let them walk nearer and farther, or calibrate the lens with a board, without refine_focal.",
            tuple(odd),
        ),
    )


def _in_world(
    result: BundleResult,
    fitted: Fitted,
    tracks: Tracks2D,
    options: PeopleOptions,
    points_before: Float[np.ndarray, "n k 3"] | None,
) -> tuple[BundleResult, Float[np.ndarray, "n k 3"], str, Size]:
    points = np.where(fitted.problem.usable[..., None], fitted.x.points, np.nan)
    size = None
    if options.between.views:
        size = size_by_distance(result, options.between.views, options.between.metres)
    elif options.height_m is not None or points_before is None:
        heights = [options.height_m, *[None] * (len(tracks.people) - 1)]
        size = size_by_height(tracks.skeleton, fitted.x.log_length, heights)
    if points_before is not None:
        result, new_from_world, scale = onto(result, points, points_before)
        points = new_from_world.apply(torch.from_numpy(scale * points)).numpy()
        rest = 1.0 if size is None else size.factor / scale
        size = size or Size(1.0, 0.0, "the calibration at hand")
    else:
        assert size is not None, "without a calibration at hand, a height is taken"
        rest = size.factor
    result, points = moved(result, Rigid.identity(), scale=rest), rest * points
    if options.world == "keep" and points_before is not None:
        return result, points, "that of the calibration at hand", size
    placed, world = on_feet(result, tracks.skeleton, points)
    view = next(iter(placed.rig.cameras))
    old, new = result.rig.cameras[view].cam_from_world, placed.rig.cameras[view].cam_from_world
    return placed, (new.inverse() @ old).apply(torch.from_numpy(points)).numpy(), world, size
