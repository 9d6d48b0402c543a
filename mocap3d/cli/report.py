"""``mocap3d report SESSION``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.export.results import RESULTS
from mocap3d.pipeline import reconstruct_session
from mocap3d.session.session import load_session
from mocap3d.viz.report import write_report
from mocap3d.viz.verdict import judge
from mocap3d.writing import REPORT, content_of, files_beside


@dataclass(frozen=True)
class Report:
    """Reconstruct a session and write only its report: verdict, 3D scene, views, evidence, in one offline page.

    $ mocap3d report session
    $ mocap3d report session --out /tmp/look.html
    """

    session: tyro.conf.Positional[Path]
    """The session folder."""
    out: Path | None = None
    """The page to write, where it is not results/report.html of the session."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Reconstructs, writes, prints; 0."""
    command = parse(Report, arguments)
    output = Output(command.output)
    with output.working("reading the session") as bar:
        session = load_session(command.session)
        reconstruction = reconstruct_session(session, progress=bar)
        bar("writing the report", 1, 1)
        path = command.out or session.root / RESULTS / REPORT
        write_report(content_of(reconstruction, files_beside(path)), path)
    verdict = judge(reconstruction.points, reconstruction.quality)
    output.text(f"[bold]{verdict.grade.value.capitalize()}.[/] {verdict.headline}\n{escape(str(path))}")
    output.result({"report": str(path), "verdict": verdict.grade.value, "reasons": list(verdict.reasons())})
    return 0
