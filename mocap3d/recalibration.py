"""Where a session's own recordings meet calibration: cameras from people, from the scene, checked, and mended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mocap3d.calibration.check import CameraCheck, check, check_board
from mocap3d.calibration.findings import refused
from mocap3d.calibration.load import load_calibration
from mocap3d.calibration.look import look
from mocap3d.calibration.observe import Progress
from mocap3d.calibration.options import Between, CalibrateOptions
from mocap3d.calibration.people import (
    PeopleCalibration,
    PeopleOptions,
    calibrate_from_people,
    guessed_lenses,
    lenses_of,
)
from mocap3d.calibration.people_sightings import in_order
from mocap3d.calibration.refine import Refined, refine
from mocap3d.calibration.structure import StructureCalibration, StructureOptions, calibrate_from_scene
from mocap3d.detection.detect import detect
from mocap3d.detection.options import DetectOptions
from mocap3d.errors import CalibrationError
from mocap3d.fusion.associate import associate
from mocap3d.session.board_recordings import load_board_recordings
from mocap3d.session.images import SUFFIXES
from mocap3d.session.layout import paths_by_view
from mocap3d.session.records import CalibratedRig, Session, Tracks2D
from mocap3d.session.session import load_session
from mocap3d.session.timeline import make_timeline

SCENE = Path("calibration") / "scene"
"""A picture of the room per view, <view>.jpg; and more/ with some of one camera that was carried about."""


@dataclass(frozen=True)
class RecalibrateOptions:
    """How people are found and used."""

    people: PeopleOptions = field(default_factory=PeopleOptions)
    detect: DetectOptions = field(default_factory=DetectOptions)


def from_people(
    root: Path, options: RecalibrateOptions, between: Between, *, progress: Progress | None = None
) -> PeopleCalibration:
    """The cameras by the people in the session's recordings; a calibration that is there is where it begins."""
    session = load_session(root)
    height_m = session.people[0].height_m if session.people else None
    people = replace(options.people, height_m=options.people.height_m or height_m)
    people = replace(people, between=between) if between.views else people
    if session.calibration is not None:
        rig = load_calibration(session)
        start = {view: camera.cam_from_world for view, camera in rig.cameras.items()}
        return calibrate_from_people(_tracks(session, rig, options, progress), lenses_of(rig), start, people,
                                     progress=progress)  # fmt: skip
    sizes_px = {view: video.size_px for view, video in session.videos.items()}
    if len(sizes_px) < 2:
        raise CalibrationError(
            f"{root} has videos of {len(sizes_px)} views; needed are at least 2 (the size of a picture tells the lens, "
            "about), or a calibration to begin with. Put the videos into videos/."
        )
    tracks = _tracks(session, None, options, progress)
    lenses = {view: lens for view, lens in guessed_lenses(sizes_px).items() if view in tracks.views}
    return calibrate_from_people(tracks, lenses, None, people, progress=progress)


def from_scene(root: Path, between: Between, *, progress: Progress | None = None) -> StructureCalibration:
    """The cameras by one picture of the room from each."""
    folder = root / SCENE
    pictures = paths_by_view(folder, lambda path: path.suffix.lower() in SUFFIXES, {})
    if len(pictures) < 2:
        raise CalibrationError(
            f"{folder} holds pictures of {len(pictures)} views; needed is one of the room from each camera, "
            "<view>.jpg, best without people, and in more/ some of one camera that is carried from view to view."
        )
    further = [path for path in sorted((folder / "more").glob("*")) if path.suffix.lower() in SUFFIXES]
    return calibrate_from_scene(pictures, StructureOptions(between=between), more=further, progress=progress)


def checked(
    root: Path, calibrate: CalibrateOptions, options: RecalibrateOptions, *, progress: Progress | None = None
) -> tuple[CameraCheck, ...]:
    """Whether the session's calibration still holds, by the board in its videos if one is named, else by its people."""
    session = load_session(root)
    rig = load_calibration(session)
    if not calibrate.target:
        return check(rig, _tracks(session, rig, options, progress))
    seen = look(load_board_recordings(root, use_videos=True), calibrate, progress=progress)
    if seen.together is None or not len(seen.together.t_s):
        raise refused(*seen.findings)
    return check_board(rig, [seen.together])


def mended(root: Path, options: RecalibrateOptions, *, progress: Progress | None = None) -> Refined:
    """The session's calibration with cameras that were touched put right by its people."""
    session = load_session(root)
    rig = load_calibration(session)
    return refine(rig, _tracks(session, rig, options, progress))


def _tracks(
    session: Session, rig: CalibratedRig | None, options: RecalibrateOptions, progress: Progress | None
) -> Tracks2D:
    """Who is seen where; without a calibration by what the views themselves say."""
    found = detect(session, options.detect, views=tuple(rig.cameras) if rig else None, progress=progress)
    detections: Mapping = {view: each for view, each in found.items() if rig is None or view in rig.cameras}
    timeline = make_timeline(session, {view: each.n_frames for view, each in detections.items()})
    return associate(detections, timeline, rig) if rig else in_order(detections, timeline)
