"""From filmed boards to calibrated cameras: the straight line, each step of which is a file of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.bundle import BundleOptions, BundleResult, bundle_adjust
from mocap3d.calibration.diagnoses.adjusted import disturbed, wrong_size
from mocap3d.calibration.diagnoses.lenses import changed_lenses, poor_views
from mocap3d.calibration.diagnoses.mirrors import mirrored
from mocap3d.calibration.diagnoses.refit import Start
from mocap3d.calibration.diagnoses.sizes import is_fatal, of_sizes
from mocap3d.calibration.extrinsics import Poses, first_poses
from mocap3d.calibration.findings import Finding, refused
from mocap3d.calibration.held_out import held_out_px
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.lens_choice import choose_lenses
from mocap3d.calibration.lenses import given_lenses, lenses_of
from mocap3d.calibration.look import Seen, look
from mocap3d.calibration.observe import Progress, subset, without_views
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.placing import floor_instant, placed
from mocap3d.calibration.select import SelectOptions, select
from mocap3d.calibration.world import check_in_front
from mocap3d.errors import CalibrationError
from mocap3d.session.board_recordings import BoardRecordings
from mocap3d.session.records import CalibratedRig, TargetObservations, ViewId
from mocap3d.session.views import listed

DEFAULT = CalibrateOptions()


@dataclass(frozen=True, slots=True)
class Calibration:
    """The cameras, how well they are known, and what is doubtful."""

    result: BundleResult
    """Rig, lenses, covariance, poses of the targets, residuals."""
    observations: tuple[TargetObservations, ...]
    """What the cameras were fitted to."""
    seen: Seen
    """All that was found, of which the observations are a selection."""
    alone: Mapping[ViewId, LensEstimate]
    """Every lens as its own pictures tell it."""
    held_out_px: tuple[Float[Tensor, "_v _t _k"], ...]
    """Distance of every corner, at instants that the cameras were not fitted to."""
    world: str
    """Which world it is, in words."""
    findings: tuple[Finding, ...]

    @property
    def rig(self) -> CalibratedRig:
        """The cameras."""
        return self.result.rig


def calibrate(
    recordings: BoardRecordings, options: CalibrateOptions = DEFAULT, *, progress: Progress | None = None
) -> Calibration:
    """The cameras of a session from its recordings of a board."""
    options.between.check(recordings.views)
    given = given_lenses(recordings, options)
    findings = of_sizes(recordings)
    if fatal := [finding for finding in findings if is_fatal(finding, recordings)]:
        raise refused(fatal[0])
    seen = look(recordings, options, progress=progress)
    seen = replace(seen, findings=(*findings, *seen.findings))
    return calibrate_seen(seen, options, given=given, progress=progress)


def calibrate_seen(
    seen: Seen,
    options: CalibrateOptions = DEFAULT,
    *,
    given: Mapping[ViewId, LensEstimate] | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """The same from what was seen. Raises CalibrationError, with the remedy, where that does not tell the cameras.

    Lenses that are given are not adjusted.
    """
    given = given or {}
    tell = progress or (lambda *_: None)
    observations = _taken(seen, options)
    views = _calibrated_views(seen, observations)
    lenses = lenses_of(observations, views, options, given, tell)
    tell("where the cameras are", 0, 3)
    poses = first_poses(observations, lenses)
    _check_poses(observations, lenses, poses)
    together, alone = (next((each for each in observations if whole and each.name == whole.name), None)
                       for whole in (seen.together, seen.alone))  # fmt: skip
    if changed := changed_lenses(together, alone, lenses, poses):
        observations = _without_alone(observations, seen, changed)
        lenses = lenses_of(observations, views, options, given, tell)
    bundle_options = BundleOptions(
        refine_lenses=any(each is not seen.scene for each in observations), fixed_lenses=tuple(given)
    )
    tell("adjusting everything", 1, 3)
    chosen = choose_lenses(observations, lenses, poses, bundle_options)
    result = bundle_adjust(observations, chosen, poses, bundle_options)
    tell("judging it", 2, 3)
    findings = (*seen.findings, *_faults(seen, observations, changed, Start(chosen, poses), result, options))
    _check(result, observations, findings)
    held_out = held_out_px(observations, result, bundle_options)
    result, world = placed(result, observations, seen, options)
    tell("judging it", 3, 3)
    return Calibration(result, tuple(observations), seen, lenses, held_out, world, findings)


def _check_poses(observations: list[TargetObservations], lenses: Mapping[ViewId, LensEstimate], poses: Poses) -> None:
    """Refuses views that are mirrored, or that nothing connects."""
    if (mirror := mirrored(observations, lenses, poses)) is not None:
        raise refused(mirror)
    poses.check_connected()


def _faults(
    seen: Seen,
    observations: list[TargetObservations],
    changed: tuple[Finding, ...],
    start: Start,
    result: BundleResult,
    options: CalibrateOptions,
) -> tuple[Finding, ...]:
    """All that is wrong, the causes before what follows from them."""
    found = [*changed, *poor_views([each for each in observations if each is not seen.scene], result.lenses)]
    if seen.together is not None and not changed:
        board = observations[0]
        found += disturbed(board, seen.together, start)
    return (*found, *wrong_size(result, options.between))


def _without_alone(
    observations: list[TargetObservations], seen: Seen, changed: tuple[Finding, ...]
) -> list[TargetObservations]:
    """The lenses of the recording of all views are those that belong to its poses: others are left out."""
    views = {view for finding in changed for view in finding.views}
    return [without_views(each, views) if seen.alone and each.name == seen.alone.name else each
            for each in observations]  # fmt: skip


def _check(result: BundleResult, observations: list[TargetObservations], findings: tuple[Finding, ...]) -> None:
    """Refuses what cannot be true, with the likeliest reason."""
    try:
        check_in_front(result.rig, observations, result)
    except CalibrationError as impossible:
        if not findings:
            raise
        raise refused(findings[-1]) from impossible


def _taken(seen: Seen, options: CalibrateOptions) -> list[TargetObservations]:
    """The instants worth calibrating with; the one of the board on the floor among them."""
    taken = []
    for each in (seen.together, seen.alone):
        if each is None or not len(each.t_s):
            continue
        index = select(each, SelectOptions(per_view=options.per_view))
        if each is seen.together and options.floor_at_s is not None:
            index = torch.cat([index, torch.tensor([floor_instant(each, options.floor_at_s)])]).unique()
        taken.append(subset(each, index))
    if seen.scene is not None:
        taken.append(seen.scene)
    return taken


def _calibrated_views(seen: Seen, observations: list[TargetObservations]) -> list[ViewId]:
    """Views that saw something of what connects them; at least two."""
    connecting = [each for each in observations if each.name != (seen.alone.name if seen.alone else None)]
    views = [
        view
        for view in seen.size_px
        if any(view in each.views and each.uv_px[each.views.index(view)].isfinite().any() for each in connecting)
    ]
    if len(views) < 2:
        if seen.findings:
            raise refused(*seen.findings)
        raise CalibrationError(
            f"of the views {listed(seen.size_px)} only {len(views)} saw the target at the same time as others could; "
            "needed are at least 2. Film the board before all cameras at once; of one camera alone, --lenses-only "
            "tells the lens."
        )
    return views
