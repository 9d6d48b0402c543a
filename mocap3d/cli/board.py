"""``mocap3d board NAME --out board.pdf``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.calibration.draw_target import draw_target
from mocap3d.calibration.targets import load_target, shipped_definitions
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse


@dataclass(frozen=True)
class Board:
    """Draw a calibration board at exactly its size, with a ruler to check the print; without a name, list them.

    $ mocap3d board
    $ mocap3d board charuco_a2 --out board.pdf
    """

    name: tyro.conf.Positional[str] = ""
    """A board that comes with the program, or the path of a .toml file of your own."""
    out: Path | None = None
    """Where to: .pdf or .svg; else the board's name with .pdf."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Draws or lists; 0."""
    command = parse(Board, arguments)
    output = Output(command.output)
    if not command.name:
        targets = [load_target(path) for path in shipped_definitions()]
        for target in targets:
            output.text(f"{target.name:<22}{escape(target.description)}")
        output.result({"boards": {target.name: target.description for target in targets}})
        return 0
    target = load_target(command.name)
    paths = draw_target(target, command.out or Path(f"{target.name}.pdf"))
    for path in paths:
        output.text(f"{escape(str(path))}: print it on {target.paper} at 100 %, and check the ruler at its lower edge.")
    output.result({"board": target.name, "paper": target.paper, "files": [str(path) for path in paths]})
    return 0
