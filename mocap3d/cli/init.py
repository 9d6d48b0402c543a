"""``mocap3d init SESSION``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import as_typed, counted
from mocap3d.session.proposal import propose


@dataclass(frozen=True)
class Init:
    """Write a commented session.toml from what a folder holds; in an empty one, make the folders to fill.

    $ mocap3d init session
    $ mocap3d init session --overwrite
    """

    session: tyro.conf.Positional[Path]
    """The session folder; made where it is not there."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Take the place of a session.toml that is there."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Looks, writes, prints; 0."""
    command = parse(Init, arguments)
    output = Output(command.output)
    with output.working("looking at the session"):
        path, session = propose(command.session, overwrite=command.overwrite)
    if session is None:
        output.text(f"{escape(str(path))} and empty folders. Next: fill videos/ and calibration/.")
    else:
        views, root = counted(len(session.views), "view"), escape(as_typed(command.session))
        output.text(f"{escape(str(path))}: {views}. Next: mocap3d info {root}")
    output.result({"file": str(path), "views": list(session.views) if session else []})
    return 0
