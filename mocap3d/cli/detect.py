"""``mocap3d detect SESSION``."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.markup import escape

from mocap3d.cli.console import Bar, Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.detection.detect import KEYPOINTS, detect, detector_of
from mocap3d.detection.options import DetectOptions
from mocap3d.detection.overlay import overlaid
from mocap3d.errors import DetectionError
from mocap3d.pipeline import stated_options
from mocap3d.session.records import Detections, Session
from mocap3d.session.session import load_session
from mocap3d.session.video_writer import write_video

OVERLAYS = "derived/overlays"
_SLOW = Fraction(30)


@dataclass(frozen=True)
class Detect:
    """Find people and their keypoints in the videos of a session, as `mocap3d reconstruct` does first.

    What is found is kept in the session's derived/detections/: nothing is looked at twice.

    $ mocap3d detect session --overlay
    """

    session: tyro.conf.Positional[Path]
    """The session folder: videos/, and session.toml if there is one. A calibration is not needed."""
    overlay: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also write derived/overlays/<view>.mp4: the videos with boxes and skeletons."""
    options: Annotated[DetectOptions, tyro.conf.arg(name="")] = field(default_factory=DetectOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Looks, keeps, prints; 0."""
    command = parse(Detect, arguments)
    output = Output(command.output)
    with output.working("reading the session") as bar:
        session = load_session(command.session)
        command = parse(Detect, arguments, default=Detect(session.root, options=stated_options(session).detect))
        start_s = time.perf_counter()
        found = detect(session, command.options, progress=bar)
        took_s = time.perf_counter() - start_s
        files = _write_overlays(session, found, bar) if command.overlay else []
    _print(session, command.options, found, took_s, output)
    for path in files:
        output.text(f"  {escape(str(path))}")
    views = {view: _numbers(of_view) for view, of_view in found.items()}
    overlays = [str(path) for path in files]
    output.result({"session": str(session.root), "seconds": round(took_s, 3), "views": views, "overlays": overlays})
    return 0


def _numbers(found: Detections) -> dict[str, Any]:
    """What was found in a view."""
    return {
        "n_frames": found.n_frames,
        "n_frames_with_people": len(found.frame.unique()),
        "n_tracks": len(found.person.unique()),
        "n_sightings": len(found.frame),
        "most_at_once": int(found.frame.bincount().max()) if len(found.frame) else 0,
        "keypoint_set": found.keypoint_set,
    }


def _print(
    session: Session, options: DetectOptions, found: Mapping[str, Detections], took_s: float, output: Output
) -> None:
    heads = {"View": "left", "frames": "right", "with people": "right", "at once": "right", "tracks": "right"}
    rows = []
    for view, of_view in found.items():
        n = _numbers(of_view)
        share = f"{n['n_frames_with_people'] / max(of_view.n_frames, 1):.1%}"
        rows.append([view, f"{of_view.n_frames:,}", share, f"{n['most_at_once']}", f"{n['n_tracks']}"])
    output.table(heads, rows)
    n_frames = sum(of_view.n_frames for of_view in found.values())
    sets = ", ".join(sorted({of_view.keypoint_set for of_view in found.values()}))
    output.text(
        f"\n{n_frames:,} frames in {took_s:.1f} s ({n_frames / took_s:.1f} frames/s), "
        f"{escape(detector_of(session, options))}, {sets}; what was found before is not looked for again"
    )


def _write_overlays(session: Session, found: Mapping[str, Detections], bar: Bar) -> list[Path]:
    paths = []
    for n, (view, of_view) in enumerate(found.items()):
        if view not in session.videos:
            raise DetectionError(
                f"{session.root}: view '{view}' has {KEYPOINTS} but no video to draw them into. Put it into videos/."
            )
        bar(f"drawing {view}", n, len(found))
        video, path = session.videos[view], session.root / OVERLAYS / f"{view}.mp4"
        write_video(path, overlaid(video, of_view), video.rate or session.rate or _SLOW)
        paths.append(path)
    return paths
