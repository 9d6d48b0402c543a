"""``mocap3d export RESULTS``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.biomech.smoothing import FilterOptions
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import counted
from mocap3d.export.options import ExportOptions
from mocap3d.export.results import Format, write_more
from mocap3d.export.saved import read_results
from mocap3d.writing import filtered


@dataclass(frozen=True)
class Export:
    """Write results that were saved by reconstruct in further formats, computing nothing again.

    $ mocap3d export session --format bvh glb
    $ mocap3d export session/results --format csv --filter butterworth --out filtered
    """

    results: tyro.conf.Positional[Path]
    """A folder of results, or a session folder that has one."""
    format: tuple[Format, ...] = ("bvh",)
    """Which files to write: trc, c3d, csv, parquet, npz; with a fitted skeleton also bvh, glb, mot, osim.
    FBX is not written: Blender, Maya and Unreal make it of BVH or GLB."""
    person: tuple[str, ...] = ()
    """Whose files to write; everybody's where nobody is named."""
    out: Path | None = None
    """Folder for the files, where it is not that of the results (or in it that of the target's name, and filtered/)."""
    smoothing: Annotated[FilterOptions, tyro.conf.arg(name="")] = field(default_factory=FilterOptions)
    options: Annotated[ExportOptions, tyro.conf.arg(name="")] = field(default_factory=ExportOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Reads, writes, prints; 0."""
    command = parse(Export, arguments)
    output = Output(command.output)
    with output.working("reading the results"):
        results, found = read_results(command.results)
        results, filters = filtered(results, command.smoothing)
        inner = Path(command.options.target or "") / ("filtered" if command.smoothing.filter else "")
        folder = command.out or found / inner
        files = write_more(results, folder, command.format, command.options, command.person)
    for person, words in filters.items():
        output.text(f"{escape(person)}: {words}")
    output.text(f"[bold]{escape(str(folder))}[/]: {counted(len(files), 'file')}")
    for path in files:
        output.text(f"  {escape(path.name)}")
    names = [path.name for path in files]
    output.result({"results": str(found), "folder": str(folder), "files": names, "filters": filters})
    return 0
