"""``mocap3d overlay SESSION``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.errors import SessionError
from mocap3d.export.results import RESULTS
from mocap3d.pipeline import reconstruct_session
from mocap3d.session.session import load_session
from mocap3d.session.views import did_you_mean, listed
from mocap3d.viz.overlay_videos import write_overlays

FOLDER = "overlays"


@dataclass(frozen=True)
class Overlay:
    """Write a video per view with detections, reprojected skeleton, 95 % ellipses and boxes, and all views in one.

    What was detected before is not looked for again. A view without a video is drawn on a dark ground.

    $ mocap3d overlay session
    $ mocap3d overlay session --views cam01 cam03 --out /tmp/look
    """

    session: tyro.conf.Positional[Path]
    """The session folder."""
    views: tuple[str, ...] = ()
    """Only these views; all where none is named."""
    out: Path | None = None
    """Folder for the videos, where it is not results/overlays of the session."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Reconstructs, draws, prints; 0."""
    command = parse(Overlay, arguments)
    output = Output(command.output)
    with output.working("reading the session") as bar:
        session = load_session(command.session)
        for view in command.views:
            if view not in session.views:
                hint = did_you_mean(view, session.views)
                raise SessionError(f"{session.root} has no view '{view}'.{hint} Its views: {listed(session.views)}.")
        found = reconstruct_session(session, progress=bar)
        folder = command.out or session.root / RESULTS / FOLDER
        views = command.views or None
        arguments_of = (session, found.timeline, found.rig, found.tracks, found.points, folder)
        paths = write_overlays(*arguments_of, views=views, progress=bar)
    for path in paths:
        output.text(escape(str(path)))
    output.result({"session": str(session.root), "videos": [str(path) for path in paths]})
    return 0
