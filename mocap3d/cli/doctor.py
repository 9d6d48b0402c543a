"""``mocap3d doctor``."""

from dataclasses import asdict, dataclass, field
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.detection.doctor import examine

_MARKS = {"ok": "[green]ok[/]     ", "absent": "[dim]absent[/] ", "broken": "[red]broken[/] "}


@dataclass(frozen=True)
class Doctor:
    """Tell what is installed, which device will be used and why, and test it.

    $ mocap3d doctor
    $ mocap3d doctor --json

    Exit codes: 0 all that is needed is there; 2 something is broken.
    """

    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Examines, prints; 0, or 2 where something that is needed is broken."""
    command = parse(Doctor, arguments)
    output = Output(command.output)
    with output.working("examining"):
        checks = list(examine())
    for check in checks:
        remedy = f": [bold]{escape(check.remedy)}[/]" if check.remedy else ""
        output.text(f"{_MARKS[check.state]}{escape(check.what):<24}{escape(check.told)}{remedy}")
    is_well = all(check.state != "broken" for check in checks)
    output.result({"ok": is_well, "checks": [asdict(check) for check in checks]})
    return 0 if is_well else 2
