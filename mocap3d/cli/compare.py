"""``mocap3d compare RESULTS REFERENCE``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.scores import show
from mocap3d.scoring.compare import CompareOptions, compare, table_of, write_comparison


@dataclass(frozen=True)
class Compare:
    """Compare results with another recording of the same motion, aligned in time and space.

    $ mocap3d compare session markers.c3d
    $ mocap3d compare session/results ik.mot --out agreement
    """

    results: tyro.conf.Positional[Path]
    """A folder of results, one of its files, or a session that has one."""
    reference: tyro.conf.Positional[Path]
    """The other recording: .c3d, .trc, .bvh (joints), .mot or .sto (angles)."""
    out: Path | None = None
    """Folder for agreement.json, agreement.md and a Bland-Altman plot of every joint or angle."""
    options: Annotated[CompareOptions, tyro.conf.arg(name="")] = field(default_factory=CompareOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Compares, prints, writes; 0."""
    command = parse(Compare, arguments)
    output = Output(command.output)
    with output.working("laying the recordings upon each other"):
        comparison = compare(command.results, command.reference, command.options)
        table = table_of(comparison, command.results, command.reference)
        files = () if command.out is None else write_comparison(comparison, table, command.out)
    show(table, output)
    if files:
        output.text(f"written: {escape(str(command.out))} ({len(files)} files)")
    return 0
