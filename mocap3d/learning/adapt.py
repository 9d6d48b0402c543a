"""Multi-view self-training: what the views of a session agree on teaches the network to see each of them better.

One view is held out: nothing of it is learnt from, and the network is kept only where that view then agrees better
with the 3D of the others.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mocap3d.calibration.check import check
from mocap3d.calibration.load import load_calibration
from mocap3d.detection import weights
from mocap3d.detection.detect import Progress, detect
from mocap3d.detection.estimators.sapenet import size_of
from mocap3d.detection.options import DEFAULT, DetectOptions
from mocap3d.detection.training.adapt import TuneOptions, ViewLabels, crops_of, fine_tuned
from mocap3d.errors import DetectionError
from mocap3d.fusion.associate import AssociateOptions, associate
from mocap3d.fusion.fit import fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.learning.adaptation import Adaptation, report
from mocap3d.learning.agreement import Agreement, agreement, distances
from mocap3d.learning.labels import labels_of
from mocap3d.learning.projected import Projected, projected
from mocap3d.session.files import write_text
from mocap3d.session.records import CalibratedRig, Detections, Points3D, Session, Timeline, Tracks2D, ViewId
from mocap3d.session.session import load_session
from mocap3d.session.timeline import make_timeline
from mocap3d.session.views import did_you_mean, listed

log = logging.getLogger("mocap3d")

DERIVED = "derived"
LEAST_LABELS = 20
"""Fewer pictures teach nothing."""


@dataclass(frozen=True)
class AdaptOptions:
    """What is learnt, from what, and when it is kept."""

    detector: str = DEFAULT
    """The SAPENet to improve, by name or path."""
    name: str = "adapted"
    """The new weights are derived/<name>.safetensors of the session."""
    hold_out: str | None = None
    """The view that is not learnt from; by default the one in which people are seen most."""
    pictures: int = 400
    """People to cut out and learn from, evenly over time and views."""
    min_views: int = 3
    """Views that must agree on a point; fewer will do where its place is very sure all the same."""
    min_gain: float = 0.02
    """Part by which the held-out view's error must fall for the new weights to be kept."""
    batch: int = 16
    """Crops per network call while detecting."""
    flip: bool = True
    """Look at mirror images, too, for labels and for the judgement: better labels, and twice the time to look."""
    tune: TuneOptions = field(default_factory=TuneOptions)

    def __post_init__(self):
        if self.pictures < LEAST_LABELS:
            raise ValueError(f"pictures is {self.pictures}; needed at least {LEAST_LABELS}.")
        if not 0 <= self.min_gain < 1:
            raise ValueError(f"min_gain is {self.min_gain:g}; needed a part, at least 0 and below 1.")
        if not self.name or Path(self.name).name != self.name:
            raise ValueError(f"name is '{self.name}'; needed a file name without folder.")


def adapt(root: Path, options: AdaptOptions | None = None, *, progress: Progress | None = None) -> Adaptation:
    """Adapts a network to the session folder's videos; writes weights, where they are better, and a report."""
    options, progress = options or AdaptOptions(), progress or (lambda *_: None)
    session, start = load_session(root), weights.load(options.detector)
    rig = load_calibration(session)
    session = _with_videos(session, rig)
    out = root / DERIVED / f"{options.name}{weights.SUFFIX}"
    if out.resolve() == start.path.resolve():
        raise DetectionError(f"{out} cannot be adapted onto itself. Give the new weights another --name.")
    before = _Look.of(session, rig, start.path, options, progress)
    held_out = _held_out(before.detections, options.hold_out)
    _warn_of_cameras(before)
    taught = [view for view in before.detections if view != held_out]
    first = before.fused(taught)
    labels = _labels(before, first, taught, options)
    n = sum(len(of_view.frame) for of_view in labels)
    told = {"session": root.resolve().name, "views": taught, "held_out": held_out, "pictures": n}
    candidate = out.with_name(f".candidate-{out.name}")
    try:
        progress("cutting out people", 0, 1)
        fine_tuned(start, crops_of(labels, size_of(start)), options.tune, candidate, told, progress=progress)
        after = _Look.of(session, rig, candidate, options, progress)
        was, now = _agreements(before, after, first, after.fused(taught))
        result = Adaptation(root, None, start.path.stem, held_out, n, was, now)
        if result.gain > options.min_gain:
            candidate.replace(out)
            result = replace(result, weights=out)
    finally:
        candidate.unlink(missing_ok=True)
    write_text(out.with_suffix(".txt"), "\n".join(report(result)) + "\n")
    return result


@dataclass(frozen=True, slots=True)
class _Look:
    """What a network finds in all views, on one timeline."""

    session: Session
    rig: CalibratedRig
    detections: Mapping[ViewId, Detections]
    timeline: Timeline

    @staticmethod
    def of(session: Session, rig: CalibratedRig, path: Path, options: AdaptOptions, progress: Progress) -> "_Look":
        how = DetectOptions(detector=str(path), device=options.tune.device, batch=options.batch, flip=options.flip)
        found = detect(session, how, views=tuple(rig.cameras), progress=progress)
        timeline = make_timeline(session, {view: len(session.videos[view].t_s) for view in session.views})
        return _Look(session, rig, found, timeline)

    def tracks(self, views: Collection[ViewId]) -> Tracks2D:
        """Who is who in some of the views."""
        chosen = {view: self.detections[view] for view in views if view in self.detections}
        return associate(chosen, self.timeline, self.rig, AssociateOptions())

    def fused(self, views: Collection[ViewId]) -> Points3D:
        """The people in 3D as some of the views see them."""
        tracks = self.tracks(views)
        return fit_sequence(tracks, self.rig, triangulate_tracks(tracks, self.rig))

    def seen(self, points: Points3D, view: ViewId) -> Projected:
        """The points in the frames of a view."""
        return projected(points, view, self.rig, self.timeline)


def _warn_of_cameras(look: _Look) -> None:
    """Labels of cameras that have moved teach the network to see people beside where they are."""
    answers = check(look.rig, look.tracks(look.detections))
    if moved := [found.text for found in answers if found.is_known and not found.holds]:
        log.warning(
            "%s. The network would learn that along with the rest: mend the calibration first, by `mocap3d calibrate "
            "%s --refine`.",
            "; ".join(moved),
            look.session.root,
        )


def _labels(look: _Look, points: Points3D, views: Sequence[ViewId], options: AdaptOptions) -> list[ViewLabels]:
    """What to learn from each view that has something to learn from."""
    found = [
        labels_of(
            view,
            look.session.videos[view].path,
            look.seen(points, view),
            n=options.pictures // len(views),
            min_views=min(options.min_views, len(views)),
        )
        for view in views
    ]
    n = sum(len(of_view.frame) for of_view in found)
    if n < LEAST_LABELS:
        raise DetectionError(
            f"{look.session.root}: in only {n} pictures do the views agree well enough to learn from; needed "
            f"{LEAST_LABELS}. Check the calibration with `mocap3d reconstruct`, or ask for less with --min-views 2."
        )
    return [of_view for of_view in found if len(of_view.frame)]


def _agreements(
    before: _Look, after: _Look, first: Points3D, second: Points3D
) -> tuple[dict[ViewId, Agreement], dict[ViewId, Agreement]]:
    """Of every view, before and after, over the points that were measured before: nothing is won by losing some."""
    was, now = {}, {}
    second = same_people(second, first)
    for view, found in before.detections.items():
        seen, seen_again = before.seen(first, view), after.seen(second, view)
        counted = seen.is_measured & seen.uv_px.isfinite().all(-1)
        was[view] = agreement(distances(seen, found, counted), seen.torso_px)
        found_again = after.detections.get(view, replace(found, frame=torch.full_like(found.frame, -1)))
        now[view] = agreement(distances(seen_again, found_again, counted), seen.torso_px)
    return was, now


def same_people(points: Points3D, like: Points3D) -> Points3D:
    """Those people of ``points`` that stand where those of ``like`` do, instant by instant, in their order."""
    apart = (points.p_in_world[:, None] - like.p_in_world[:, :, None]).norm(dim=-1).nanmedian(-1).values
    who = apart.nan_to_num(torch.inf).argmin(2)  # t p
    instant = torch.arange(len(who))[:, None]
    names = ("p_in_world", "cov_m2", "n_views", "provenance")
    return replace(points, people=like.people, **{name: getattr(points, name)[instant, who] for name in names})


def _held_out(detections: Mapping[ViewId, Detections], wanted: str | None) -> ViewId:
    """The view asked for, or the one that sees people most."""
    if len(detections) < 3:
        raise DetectionError(
            f"People were found in the views {listed(detections)} only. Needed: at least 3, two to learn from and one "
            "to judge by."
        )
    if wanted is None:
        return max(detections, key=lambda view: len(detections[view].frame))
    if wanted not in detections:
        raise DetectionError(
            f"View '{wanted}' cannot be held out.{did_you_mean(wanted, detections)} Views with people: "
            f"{listed(detections)}."
        )
    return wanted


def _with_videos(session: Session, rig: CalibratedRig) -> Session:
    """The session's calibrated views that have a video, and no keypoints of another detector."""
    views = tuple(view for view in session.views if view in session.videos and view in rig.cameras)
    if len(views) < 3:
        raise DetectionError(
            f"{session.root}: {len(views)} calibrated views with videos: {listed(views)}. Needed: at least 3, two to "
            "learn from and one to judge by."
        )
    return replace(session, views=views, videos={view: session.videos[view] for view in views}, keypoints={})
