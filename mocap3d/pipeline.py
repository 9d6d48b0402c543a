"""The straight line from a session folder to 3D motion; the only place where two verbs meet."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from mocap3d.biomech.angles import joint_angles
from mocap3d.biomech.gait import Gait, gait_of_people
from mocap3d.biomech.whole_body import WholeBody, whole_bodies
from mocap3d.calibration.load import load_calibration
from mocap3d.detection.detect import KEYPOINTS, Progress, detect, detect_expected, detector_of
from mocap3d.detection.options import DetectOptions
from mocap3d.evaluation.quality import assess
from mocap3d.fusion.alternatives import reconsider
from mocap3d.fusion.associate import AssociateOptions, associate
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.guidance import doubtful, expected_sightings, with_second_look
from mocap3d.fusion.points import PointsOptions, triangulate_tracks
from mocap3d.fusion.skeleton_fit.fit import SkeletonOptions, fit_skeleton
from mocap3d.fusion.skeleton_fit.measures import check_lengths
from mocap3d.session.records import (
    CalibratedRig,
    JointAngles,
    Motion,
    Person,
    Points3D,
    Quality,
    Session,
    Timeline,
    Tracks2D,
)
from mocap3d.session.session import TOML_NAME, load_session
from mocap3d.session.timeline import make_timeline
from mocap3d.session.toml import typed
from mocap3d.solve import rays, sequence, tree_normal
from mocap3d.solve.compiled import is_compiled

log = logging.getLogger("mocap3d")

STAGES = (
    "reading the calibration",
    "finding the keypoints",
    "aligning the views in time",
    "finding who is who",
    "triangulating",
    "fitting whole sequences",
    "thinking again where 3D differs from a view",
    "fitting skeletons",
    "assessing",
)
COMPILING = " (compiling kernels, once per machine: about half a minute)"
_MAY_BE_ZERO = {
    *(f"associate.{name}" for name in ("min_keypoints", "min_score", "lost_s", "join_s", "min_seen_s")),
    *(f"fit.{name}" for name in ("max_gap_s", "smoothness", "threads")),
    "skeleton.threads",
}


@dataclass(frozen=True)
class ReconstructOptions:
    """Options of every room on the way; the tables under ``[reconstruct]`` of session.toml."""

    associate: AssociateOptions = field(default_factory=AssociateOptions)
    points: PointsOptions = field(default_factory=PointsOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    skeleton: SkeletonOptions = field(default_factory=SkeletonOptions)
    detect: DetectOptions = field(default_factory=DetectOptions)
    calibration_unit: Literal["m", "cm", "mm", "in"] | None = None
    """Length unit of a calibration file that does not state its own (anipose)."""

    def __post_init__(self):
        for room in ("associate", "points", "fit", "skeleton"):
            for name, value in asdict(getattr(self, room)).items():
                _check_number(f"{room}.{name}", value)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A session's 3D motion, all that it was made from, and how good it is."""

    session: Session
    options: ReconstructOptions
    rig: CalibratedRig
    timeline: Timeline
    tracks: Tracks2D
    triangulated: Points3D
    """Every instant on its own."""
    points: Points3D
    """Keypoints, whole sequences at once."""
    motion: Motion
    """Skeletons of constant lengths, from the same 2D points."""
    angles: JointAngles
    gait: dict[str, Gait]
    """Of those who walk or run."""
    bodies: dict[str, WholeBody]
    """Centre of mass, jumps and the like of everybody."""
    quality: Quality


def reconstruct(
    root: Path, options: ReconstructOptions | None = None, *, progress: Progress | None = None
) -> Reconstruction:
    """3D motion of the people in a session folder; without ``options`` session.toml's hold, or else the defaults.

    Raises Mocap3dError, whose text says what to mend. Writes nothing: see :mod:`mocap3d.writing`.
    """
    return reconstruct_session(load_session(root), options, progress=progress)


def reconstruct_session(
    session: Session, options: ReconstructOptions | None = None, *, progress: Progress | None = None
) -> Reconstruction:
    """As :func:`reconstruct`, of a session that is loaded already."""
    options = stated_options(session) if options is None else options
    check_lengths(session.people)
    step = _Steps(progress)
    step(0)
    rig = load_calibration(session, unit=options.calibration_unit)
    step(1)
    found = detect(session, options.detect, views=tuple(rig.cameras), progress=progress)
    detections = {view: of_view for view, of_view in found.items() if view in rig.cameras}
    step(2)
    timeline = make_timeline(session, {view: of_view.n_frames for view, of_view in detections.items()})
    step(3)
    tracks = associate(detections, timeline, rig, _for_people(options.associate, session.people))
    _check_people(tracks, session.people)
    bodies = _known_bodies(tracks, session.people)
    step(4, rays.triangulate)
    triangulated = triangulate_tracks(tracks, rig, options.points)
    step(5, sequence.gauss_newton)
    points = fit_sequence(tracks, rig, triangulated, bodies, options.fit)
    step(6)
    better = _second_look(session, options, rig, timeline, tracks, points, progress)
    better = _second_thoughts(better, rig, points)
    if better is not tracks:
        tracks = better
        triangulated = triangulate_tracks(tracks, rig, options.points)
        points = fit_sequence(tracks, rig, triangulated, bodies, options.fit)
    step(7, tree_normal.normal)
    motion = fit_skeleton(points, tracks, rig, bodies, options.skeleton)
    angles, gait, whole = joint_angles(motion), gait_of_people(points, motion), whole_bodies(motion)
    step(8)
    quality = assess(points, tracks, rig)
    return Reconstruction(
        session, options, rig, timeline, tracks, triangulated, points, motion, angles, gait, whole, quality
    )


def stated_options(session: Session) -> ReconstructOptions:
    """What session.toml says under ``[reconstruct]``, defaults for the rest; SessionError names a wrong key."""
    table = session.options.get("reconstruct", {})
    return typed(table, ReconstructOptions, source=session.root / TOML_NAME, key="reconstruct")


def _second_look(
    session: Session,
    options: ReconstructOptions,
    rig: CalibratedRig,
    timeline: Timeline,
    tracks: Tracks2D,
    points: Points3D,
    progress: Progress | None,
) -> Tracks2D:
    """The tracks with what a look guided by 3D adds; themselves where there is nothing to look at or to gain."""
    if not options.detect.guided or detector_of(session, options.detect) == KEYPOINTS:
        return tracks
    which = doubtful(points, tracks, rig, timeline)
    if not which.any():
        return tracks
    expected = expected_sightings(which, points, tracks, rig, timeline)
    found = detect_expected(session, expected, options.detect, progress=progress)
    better, n_better = with_second_look(tracks, which, points, rig, timeline, found)
    log.info("looked again at %d sightings, and saw %d better", int(which.sum()), n_better)
    return better if n_better else tracks


def _second_thoughts(tracks: Tracks2D, rig: CalibratedRig, points: Points3D) -> Tracks2D:
    """The tracks with other alternatives of the detector's where 3D tells that they are the right ones."""
    better, n_changed = reconsider(tracks, rig, points)
    if n_changed:
        log.info("took another peak, or the other side, for %d points", n_changed)
    return better


def _check_number(name: str, value: object) -> None:
    """Numbers must be finite and above 0; where 0 has a meaning, it may be 0."""
    least = "at least 0" if name in _MAY_BE_ZERO else "above 0"
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if not (0 < number < math.inf or (number == 0 and name in _MAY_BE_ZERO)):
            raise ValueError(f"{name} is {number:g}; needed a number {least}.")


class _Steps:
    """Tells the progress, and that the next step begins with compiling where it does."""

    def __init__(self, progress: Progress | None):
        self._progress = progress or (lambda *_: None)

    def __call__(self, number: int, kernel: Callable[..., object] | None = None) -> None:
        suffix = "" if kernel is None or is_compiled(kernel) else COMPILING
        self._progress(STAGES[number] + suffix, number, len(STAGES))


def _for_people(options: AssociateOptions, people: Sequence[Person]) -> AssociateOptions:
    """Where session.toml names people, they are those to keep, and their names are used."""
    if not people:
        return options
    names = options.people or tuple(person.name for person in people)
    return replace(options, people=names, n_people=len(people) if options.n_people is None else options.n_people)


def _check_people(tracks: Tracks2D, people: Sequence[Person]) -> None:
    if len(people) > 1:
        log.warning(
            "People are named in the order of how long they are seen, which may not be the order of session.toml: "
            "check who is who in the results (%s).",
            ", ".join(tracks.people),
        )
    if len(tracks.people) < len(people):
        log.warning("session.toml names %d people, but %d were found.", len(people), len(tracks.people))


def _known_bodies(tracks: Tracks2D, people: Sequence[Person]) -> dict[str, Person]:
    """By name in the tracks; nobody where several are stated, since which of them is which is not known."""
    return {tracks.people[0]: people[0]} if len(people) == 1 else {}
