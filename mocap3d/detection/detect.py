"""The 2D keypoints of a session: those that another detector left in its folder, or our own, found in its videos."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace

from mocap3d.detection.cache import Cache, digest_video, key_of, size_bytes, stored
from mocap3d.detection.estimators.open import open_models
from mocap3d.detection.foreign import FORMATS, read_keypoints
from mocap3d.detection.guided import fingerprint, look_again
from mocap3d.detection.options import DEFAULT, DetectOptions
from mocap3d.detection.rows import strung
from mocap3d.detection.runtime import choose_device, named
from mocap3d.detection.tracking import TrackOptions
from mocap3d.detection.watch import spans_of, watch
from mocap3d.errors import DetectionError
from mocap3d.session.records import Detections, Expected, Session, VideoInfo, ViewId
from mocap3d.session.views import listed

log = logging.getLogger("mocap3d")

Progress = Callable[[str, int, int], None]
"""Told what is being done now, how many steps are behind, and how many there are."""
KEYPOINTS = "keypoints"
SOMEBODY = 0.2
"""Mean score of a crop with a person in it: sapenet-s gives people 0.3 to 0.5 and empty laboratories 0.02 to 0.11."""
_MEGA = 1_000_000


def detect(
    session: Session,
    options: DetectOptions = DetectOptions(),  # noqa: B008, it is frozen
    *,
    views: Collection[ViewId] | None = None,
    progress: Progress | None = None,
) -> dict[ViewId, Detections]:
    """Keypoints of every view that has some, in the order of the views, all of one keypoint set.

    ``views`` names those whose videos are worth the time. What was found in videos is kept in derived/detections/.
    """
    name = detector_of(session, options)
    if name == KEYPOINTS:
        return _read_all(session)
    videos = {view: session.videos[view] for view in session.views if view in session.videos}
    videos = {view: video for view, video in videos.items() if views is None or view in views}
    if not videos:
        raise DetectionError(
            f"{session.root}: detector '{name}' needs videos, and there are none. Put them into videos/<view>.mp4, or "
            "2D keypoints of another detector into keypoints/."
        )
    return _find_all(session, videos, name, options, progress or (lambda *_: None))


def detect_expected(
    session: Session, expected: Mapping[ViewId, Expected], options: DetectOptions, *, progress: Progress | None = None
) -> dict[ViewId, Detections]:
    """What is seen where people are expected, under the numbers they have there; kept like all that was detected."""
    progress = progress or (lambda *_: None)
    device = choose_device(options.device)
    models = open_models(detector_of(session, options), options, device)
    videos = {view: session.videos[view] for view in expected}
    digests, cache = _digests(videos, progress), Cache(session.root)
    found, done, total = {}, 0, sum(len(of_view.frame) for of_view in expected.values())

    def told(n: int) -> None:
        nonlocal done
        done += n
        progress(f"looking again where 3D says so, on {named(device)}", done, total)

    for view, of_view in expected.items():
        key = key_of({"video": digests[view], "models": models.fingerprint, "places": fingerprint(of_view)})
        found[view] = cache.read(view, key, 0)
        if found[view] is None:
            seen = look_again(videos[view], of_view, models.estimator, told)
            cache.write(seen, key, 0)
            found[view] = stored(seen)
    return found


def detector_of(session: Session, options: DetectOptions) -> str:
    """Which detector the options mean for this session: ``keypoints``, or one for its videos."""
    if options.detector != "auto":
        return options.detector
    return KEYPOINTS if session.keypoints or not session.videos else DEFAULT


def _digests(videos: Mapping[ViewId, VideoInfo], progress: Progress) -> dict[ViewId, str]:
    """What each video holds, as a hash."""
    total, done = sum(size_bytes(video.path) for video in videos.values()), 0

    def told(n: int) -> None:
        nonlocal done
        done += n
        progress("recognising the videos (MB)", done // _MEGA, total // _MEGA)

    return {view: digest_video(video.path, told) for view, video in videos.items()}


def _find_all(
    session: Session, videos: Mapping[ViewId, VideoInfo], name: str, options: DetectOptions, progress: Progress
) -> dict[ViewId, Detections]:
    device = choose_device(options.device)
    models = open_models(name, options, device)
    track = TrackOptions(every=options.every, min_score=SOMEBODY)
    digests, cache = _digests(videos, progress), Cache(session.root)
    what = {"models": models.fingerprint, "track": asdict(track)}
    keys = {view: key_of({"video": digest, **what}) for view, digest in digests.items()}
    spans = {view: spans_of(len(video.t_s)) for view, video in videos.items()}
    kept = {(view, span.start): cache.read(view, keys[view], span.start) for view in spans for span in spans[view]}
    parts = {place: part for place, part in kept.items() if part is not None}
    missing = {view: [span for span in spans[view] if (view, span.start) not in parts] for view in spans}
    total = sum(len(span) for of_view in missing.values() for span in of_view)
    stage, done = f"finding people: {name} on {named(device)}", 0
    log.info("%s, %d of %d frames", stage, total, sum(len(video.t_s) for video in videos.values()))

    def told(n: int) -> None:
        nonlocal done
        done += n
        progress(stage, done, total)

    for span, found in watch(videos, missing, models, track, told):
        cache.write(found, keys[found.view], span.start)
        parts[found.view, span.start] = stored(found)
    found = {view: strung([parts[view, span.start] for span in spans[view]]) for view in spans}
    return _with_people(found, session)


def _with_people(found: Mapping[ViewId, Detections], session: Session) -> dict[ViewId, Detections]:
    """The views in which somebody was found; the others are named."""
    empty = [view for view, of_view in found.items() if not len(of_view.frame)]
    if len(empty) == len(found):
        n_frames = sum(of_view.n_frames for of_view in found.values())
        raise DetectionError(
            f"{session.root}: nobody was found in any of the {n_frames} frames of the views {listed(found)}. Check "
            "that the videos show people, upright and at least 60 px high, or put another detector's files into "
            "keypoints/."
        )
    if empty:
        log.warning("Nobody was found in the views %s: they are left out.", listed(empty))
    return {view: of_view for view, of_view in found.items() if view not in empty}


def _read_all(session: Session) -> dict[ViewId, Detections]:
    """The keypoints of another detector."""
    if not session.keypoints:
        raise DetectionError(
            f"{session.root}: no keypoints found. Looked for keypoints/<view>... for the views "
            f"{listed(session.views)}. Put videos into videos/, or run a 2D detector and put its files into "
            f"keypoints/: a folder of OpenPose JSON, a COCO JSON, a DeepLabCut or SLEAP h5, or an npz "
            f"({', '.join(FORMATS)})."
        )
    if absent := [view for view in session.views if view not in session.keypoints]:
        log.warning("No keypoints for the views %s: they are left out.", listed(absent))
    detections = {}
    for view in session.views:
        if view in session.keypoints:
            found = read_keypoints(session.keypoints[view], view, skeleton=session.skeleton)
            detections[view] = _for_video(found, session)
    _check_one_set(detections, session)
    return detections


def _for_video(detections: Detections, session: Session) -> Detections:
    """With the length of the view's video, which may go on after the last person left."""
    video = session.videos.get(detections.view)
    if video is None:
        return detections
    length = len(video.t_s)
    if detections.n_frames > length:
        log.warning(
            "View '%s' has keypoints up to frame %d but its video %s has %d frames. Check that they belong together.",
            detections.view,
            detections.n_frames - 1,
            video.path,
            length,
        )
    return replace(detections, n_frames=max(detections.n_frames, length))


def _check_one_set(detections: dict[ViewId, Detections], session: Session) -> None:
    if len({found.keypoint_set for found in detections.values()}) > 1:
        sets = ", ".join(f"{view}: {found.keypoint_set}" for view, found in detections.items())
        raise DetectionError(
            f"{session.root}: the views have different keypoint sets ({sets}). Run one detector on all of them, or "
            "leave the others out."
        )
