"""The lens of every view: as a file gives it, or as the view's own pictures tell it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mocap3d.calibration.findings import Finding, refused
from mocap3d.calibration.formats import read_calibration
from mocap3d.calibration.intrinsics import LensEstimate, LensOptions, calibrate_lens, given_lens
from mocap3d.calibration.look import look
from mocap3d.calibration.observe import Progress
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.resolution import fit_to_videos
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.board_recordings import BoardRecordings
from mocap3d.session.records import CalibratedRig, TargetObservations, ViewId
from mocap3d.session.views import listed, match_names


def given_lenses(recordings: BoardRecordings, options: CalibrateOptions) -> dict[ViewId, LensEstimate]:
    """The lenses of ``options.lenses`` for the views it knows, fitted to the sizes of their recordings."""
    if not options.lenses:
        return {}
    path = recordings.root / options.lenses
    rig, sizes_px = read_calibration(path), {**recordings.alone, **recordings.together}
    camera_of = match_names(recordings.views, rig.cameras)
    if not camera_of:
        raise CalibrationError(
            f"{path} has the cameras {listed(rig.cameras)}, the recordings are of {listed(recordings.views)}. Needed: "
            "lenses of these views. Name them alike, or leave `lenses` out to calibrate them."
        )
    given = {view: rig.cameras[name] for view, name in camera_of.items()}
    cameras = fit_to_videos(given, {view: sizes_px[view].size_px for view in given})
    return {view: given_lens(view, camera.lens, camera.size_px) for view, camera in cameras.items()}


def lenses_of(
    observations: Sequence[TargetObservations],
    views: Sequence[ViewId],
    options: CalibrateOptions,
    given: Mapping[ViewId, LensEstimate],
    progress: Progress,
) -> dict[ViewId, LensEstimate]:
    """Every view's, the given ones as they are."""
    progress("lenses", 0, len(views))
    lens_options = LensOptions(lens=options.lens)

    def of_view(view: ViewId) -> LensEstimate:
        seen = [each for each in observations if view in each.views]
        return given[view] if view in given else calibrate_lens(seen, view, lens_options)

    estimates = {}
    with ThreadPoolExecutor(options.threads or None) as pool:
        for n, (view, estimate) in enumerate(zip(views, pool.map(of_view, views), strict=True), 1):
            estimates[view] = estimate
            progress("lenses", n, len(views))
    return estimates


def calibrate_lenses(
    recordings: BoardRecordings, options: CalibrateOptions, *, progress: Progress | None = None
) -> tuple[dict[ViewId, LensEstimate], tuple[Finding, ...]]:
    """The lenses alone, from whatever was filmed; for cameras that are placed later, or a single one."""
    seen = look(recordings, options, progress=progress)
    sets = [each for each in (seen.together, seen.alone) if each is not None and len(each.t_s)]
    views = [view for view in recordings.views if any(_sees(each, view) for each in sets)]
    if not views:
        raise refused(*seen.findings)
    given = given_lenses(recordings, options)
    return lenses_of(sets, views, options, given, progress or (lambda *_: None)), seen.findings


def _sees(observations: TargetObservations, view: ViewId) -> bool:
    row = observations.views.index(view) if view in observations.views else None
    return row is not None and bool(observations.uv_px[row].isfinite().any())


def as_rig(lenses: Mapping[ViewId, LensEstimate]) -> CalibratedRig:
    """Lenses as a calibration file holds them: every camera stands at the origin."""
    return CalibratedRig({view: Camera(each.lens, Rigid.identity(), each.size_px) for view, each in lenses.items()})


def lenses_as_json(lenses: Mapping[ViewId, LensEstimate], findings: Sequence[Finding]) -> dict[str, Any]:
    """What is known of them, in numbers and words."""
    cameras = {
        view: {
            "lens": str(lens.kind),
            "f_px": lens.lens.f_px.tolist(),
            "c_px": lens.lens.c_px.tolist(),
            "n_pictures": lens.n_pictures,
            "rms_px": lens.rms_px,
            "verdict": lens.verdict,
        }
        for view, lens in lenses.items()
    }
    return {"cameras": cameras, "findings": [{"code": each.code, "text": each.text} for each in findings]}
