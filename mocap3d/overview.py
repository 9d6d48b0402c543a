"""What a session holds, what is missing for a reconstruction, and how to mend it; computes no 3D."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from mocap3d.calibration.load import load_calibration
from mocap3d.detection.detect import KEYPOINTS, detect, detector_of
from mocap3d.detection.options import DetectOptions
from mocap3d.errors import Mocap3dError
from mocap3d.geometry.camera import Camera
from mocap3d.pipeline import stated_options
from mocap3d.session.elsewhere import found_elsewhere
from mocap3d.session.records import Detections, Session, Timeline, ViewId
from mocap3d.session.session import load_session
from mocap3d.session.timeline import make_timeline

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CameraOverview:
    """A calibrated camera."""

    lens: str
    size_px: tuple[int, int]
    focal_px: float
    position_m: tuple[float, float, float]
    """In the world; of a moving camera, at its first frame."""


@dataclass(frozen=True, slots=True)
class ViewOverview:
    """What there is of one view; None = nothing, or unknown."""

    name: str
    video: str | None
    size_px: tuple[int, int] | None
    rate: str | None
    n_frames: int | None
    """Of the video, or as far as keypoints tell."""
    keypoints: str | None
    keypoint_format: str | None
    n_sightings: int | None
    """People times frames in which the detector saw them."""
    camera: CameraOverview | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A session at a glance."""

    root: str
    rate: str | None
    n_instants: int | None
    duration_s: float | None
    """Of the time that at least two views share."""
    detector: str
    """Where the 2D keypoints come from: ``keypoints`` of the session, or the network that would look at its videos."""
    keypoint_set: str | None
    people: tuple[str, ...]
    """As session.toml names them."""
    calibration: str | None
    views: tuple[ViewOverview, ...]
    unused: Mapping[str, tuple[str, ...]]
    """What lies where other programs keep it, by the key of session.toml that would state it."""
    missing: tuple[str, ...]
    """What stands in the way of a reconstruction, and how to mend it."""

    def as_json(self) -> dict[str, Any]:
        """Plain tables and lists."""
        return asdict(self)


def look_over(root: Path, *, read_keypoints: bool = True) -> Overview:
    """All that is found; keypoint files are read unless told not to, which takes its time on long recordings.

    Raises SessionError where the folder is no session at all; everything else that is wrong is told under ``missing``.
    """
    trials = _Trials()
    session = load_session(root, unreadable=trials.failed)
    options = trials(lambda: stated_options(session))
    rig = trials(lambda: load_calibration(session, unit=options.calibration_unit if options else None))
    detector = detector_of(session, options.detect if options else DetectOptions())
    is_quick = detector == KEYPOINTS and (read_keypoints or not session.keypoints)
    detections = trials(lambda: detect(session, DetectOptions(detector))) if is_quick else None
    timeline = trials(lambda: _timeline(session, detections))
    cameras = {} if rig is None else rig.cameras
    found = detections or {}
    first = next(iter(found.values()), None)
    return Overview(
        root=str(root),
        rate=None if session.rate is None else str(session.rate),
        n_instants=None if timeline is None else len(timeline.t_s),
        duration_s=None if timeline is None else float(len(timeline.t_s) / timeline.rate),
        detector=detector,
        keypoint_set=session.skeleton if first is None else first.keypoint_set,
        people=tuple(person.name for person in session.people),
        calibration=None if session.calibration is None else _within(root, session.calibration),
        views=tuple(_view(session, view, found.get(view), cameras.get(view)) for view in session.views),
        unused=_unused(session),
        missing=tuple(trials.problems),
    )


class _Trials:
    """Tries one step after the other, and keeps what went wrong."""

    def __init__(self):
        self.problems: list[str] = []

    def __call__(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except Mocap3dError as error:
            self.failed(error)
            return None

    def failed(self, error: Mocap3dError) -> None:
        """A problem that was met elsewhere."""
        self.problems.append(str(error))


def _unused(session: Session) -> dict[str, tuple[str, ...]]:
    """Of what is found elsewhere that of which the session has none."""
    has = {"videos": session.videos, "keypoints": session.keypoints, "calibration": session.calibration}
    return {key: places for key, places in found_elsewhere(session.root).items() if not has[key]}


def _timeline(session: Session, detections: Mapping[ViewId, Detections] | None) -> Timeline | None:
    """From the keypoints' lengths, or else the videos'; None where neither is known."""
    if detections is not None:
        return make_timeline(session, {view: found.n_frames for view, found in detections.items()})
    lengths = {view: len(video.t_s) for view, video in session.videos.items()}
    return make_timeline(session, lengths) if lengths else None


def _view(session: Session, view: ViewId, found: Detections | None, camera: Camera | None) -> ViewOverview:
    video, source = session.videos.get(view), session.keypoints.get(view)
    rate = session.view_rate.get(view) or (video.rate if video else None)
    length = len(video.t_s) if video else None
    return ViewOverview(
        name=view,
        video=_within(session.root, video.path) if video else None,
        size_px=video.size_px if video else None,
        rate=None if rate is None else str(rate),
        n_frames=length if found is None else found.n_frames,
        keypoints=_within(session.root, source.path) if source else None,
        keypoint_format=source.format if source else None,
        n_sightings=None if found is None else len(found.frame),
        camera=None if camera is None else _camera(camera),
    )


def _camera(camera: Camera) -> CameraOverview:
    x, y, z = camera.centre_in_world.reshape(-1, 3)[0].tolist()
    return CameraOverview(
        lens=camera.lens.model.value,
        size_px=camera.size_px,
        focal_px=float(camera.lens.f_px.mean()),
        position_m=(x, y, z),
    )


def _within(root: Path, path: Path) -> str:
    """Relative to the session where it lies in it."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
