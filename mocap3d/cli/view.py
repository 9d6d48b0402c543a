"""``mocap3d view RESULTS``."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.errors import SessionError
from mocap3d.export.results import RESULTS
from mocap3d.export.saved import read_results
from mocap3d.viz.viewer import has_display, open_report, serve_report, show_window
from mocap3d.writing import REPORT


@dataclass(frozen=True)
class View:
    """Show the motion of a results folder in a window (open3d), or serve its report where there is no display.

    Over a network: `ssh -L 8765:localhost:8765 HOST` here, then the address that it prints, in a browser here.

    $ mocap3d view session/results
    $ mocap3d view session/results --browser
    """

    results: tyro.conf.Positional[Path]
    """The session folder or its results."""
    browser: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Open the report in the browser instead of a window."""
    port: int = 8765
    """Of the address at which the report is served, to this machine alone; 0: any that is free."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Shows, or serves until interrupted; 0."""
    command = parse(View, arguments)
    output = Output(command.output)
    if has_display() and not command.browser:
        show_window(read_results(command.results)[0].points)
        output.result({"shown": "window"})
        return 0
    places = (command.results / REPORT, command.results / RESULTS / REPORT)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise SessionError(f"{command.results} holds no {REPORT}. Run `mocap3d report` on its session first.")
    if open_report(path):
        output.result({"shown": "browser", "report": str(path.resolve())})
        return 0

    def ready(address: str) -> None:
        output.text(f"{escape(str(path.resolve()))}\nNo display here. Served until Ctrl-C: [bold]{address}[/]")
        output.result({"shown": "served", "report": str(path.resolve()), "address": address})
        sys.stdout.flush()  # a pipe would keep it until the end

    serve_report(path, command.port, ready)
    return 0
