"""``mocap3d view RESULTS``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.errors import SessionError
from mocap3d.export.saved import read_results
from mocap3d.pipeline import REPORT, RESULTS
from mocap3d.viz.viewer import has_display, open_report, show_window


@dataclass(frozen=True)
class View:
    """Show the motion of a results folder in a window (open3d), or its report where there is no display.

    mocap3d view session/results
    mocap3d view session/results --browser
    """

    results: tyro.conf.Positional[Path]
    """The session folder or its results."""
    browser: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Open the report in the browser instead of a window."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Shows, or tells where the report is; 0."""
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
    is_shown = open_report(path)
    if not is_shown:
        output.text(
            f"No display here. Open this file in any browser, it needs no network:\n{escape(str(path.resolve()))}"
        )
    output.result({"shown": "browser" if is_shown else None, "report": str(path.resolve())})
    return 0
