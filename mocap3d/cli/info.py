"""``mocap3d info SESSION``."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import as_typed, counted
from mocap3d.overview import Overview, ViewOverview, look_over


@dataclass(frozen=True)
class Info:
    """Tell what a session folder holds, what is missing for a reconstruction, and how to mend it.

    $ mocap3d info session
    $ mocap3d info session --quick --json
    """

    session: tyro.conf.Positional[Path]
    """The session folder."""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Do not read the keypoint files, only say which there are."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Looks, prints; 0, also where something is missing."""
    command = parse(Info, arguments)
    output = Output(command.output)
    with output.working("looking at the session"):
        overview = look_over(command.session, read_keypoints=not command.quick)
    _print(overview, output)
    output.result(overview.as_json())
    return 0


def _print(overview: Overview, output: Output) -> None:
    length = "" if overview.n_instants is None else f", {counted(overview.n_instants, 'frame')}"
    seconds = "" if overview.duration_s is None else f" ({overview.duration_s:.2f} s) that two views or more share"
    output.text(f"[bold]{escape(overview.root)}[/]: {_rate(overview.rate)}{length}{seconds}")
    output.text(f"detector: {escape(overview.detector)}")
    output.text(f"keypoint set: {overview.keypoint_set or 'not known'}")
    output.text(f"people in session.toml: {escape(', '.join(overview.people)) or 'not stated: everybody seen is kept'}")
    output.text(f"calibration: {escape(overview.calibration or 'none')}\n")
    for view in overview.views:
        output.text(f"[bold]{escape(view.name)}[/]")
        output.text(f"  video      {_video(view)}\n  keypoints  {_keypoints(view)}\n  camera     {_camera(view)}")
    output.text()
    for key, places in overview.unused.items():
        there = escape(", ".join(places))
        output.text(f'not used: {there}. To use it, write {key} = "{escape(places[0])}" into session.toml')
    for problem in overview.missing:
        output.text(f"[red]missing:[/] {escape(problem)}")
    if not overview.missing:
        output.text(f"Ready: mocap3d reconstruct {escape(as_typed(overview.root))}")


def _rate(rate: str | None) -> str:
    return "frame rate not known" if rate is None else f"{float(Fraction(rate)):.6g} Hz"


def _video(view: ViewOverview) -> str:
    if view.video is None or view.size_px is None:
        return "none"
    width, height = view.size_px
    return f"{escape(view.video)}: {width}x{height}, {_rate(view.rate)}"


def _keypoints(view: ViewOverview) -> str:
    if view.keypoints is None:
        return "none"
    seen = "" if view.n_sightings is None else f", {counted(view.n_sightings, 'sighting')} in {view.n_frames} frames"
    return f"{escape(view.keypoints)} ({view.keypoint_format}){seen}"


def _camera(view: ViewOverview) -> str:
    if view.camera is None:
        return "none of this name is calibrated: the view is left out"
    (width, height), camera = view.camera.size_px, view.camera
    place = ", ".join(f"{metres:.2f}" for metres in camera.position_m)
    return f"at ({place}) m, f {camera.focal_px:.0f} px, {width}x{height}, {camera.lens}"
