"""``mocap3d plot RESULTS``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.markup import escape

from mocap3d.calibration.load import load_calibration
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.errors import Mocap3dError
from mocap3d.export.results import file_stems
from mocap3d.export.saved import read_results
from mocap3d.session.records import JointAngles, Points3D
from mocap3d.session.session import load_session
from mocap3d.viz.angle_curves import angle_charts
from mocap3d.viz.figures import camera_layout, curves, stick_figures


@dataclass(frozen=True)
class Plot:
    """Draw figures for papers from a results folder: stick figures, joint angles with bands, and the cameras' places.

    Angles that the keypoints hardly show are left out; the report has them.

    $ mocap3d plot session/results
    $ mocap3d plot session/results --format svg --instants 12
    """

    results: tyro.conf.Positional[Path]
    """The session folder or its results; the session gives the cameras."""
    out: Path | None = None
    """Folder for the figures, where it is not figures/ in the results folder."""
    format: Literal["pdf", "svg", "eps", "png"] = "pdf"
    """Vector, but for png."""
    instants: int = 8
    """Stick figures per person."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)

    def __post_init__(self):
        if self.instants < 1:
            raise ValueError(f"--instants is {self.instants}; needed 1 or more.")


def run(arguments: list[str]) -> int:
    """Reads, draws, prints; 0."""
    command = parse(Plot, arguments)
    output = Output(command.output)
    with output.working("reading the results") as bar:
        results, place = read_results(command.results)
        points, folder = results.points, command.out or place / "figures"
        paths = []
        for person, stem in enumerate(file_stems(points.people)):
            bar("drawing", person, len(points.people) + 1)
            paths.append(folder / f"{stem}_stick_figures.{command.format}")
            stick_figures(points, person, paths[-1], n=command.instants)
            paths += _angles(results.angles, person, folder / f"{stem}_angles.{command.format}")
        paths += _cameras(place, points, folder / f"cameras.{command.format}", output)
    for path in paths:
        output.text(escape(str(path)))
    output.result({"figures": [str(path) for path in paths]})
    return 0


def _angles(angles: JointAngles | None, person: int, path: Path) -> list[Path]:
    """The curves, where angles were measured at all."""
    charts = () if angles is None else angle_charts(angles, person, with_hardly_shown=False)
    if not charts:
        return []
    curves(charts, path)
    return [path]


def _cameras(results: Path, points: Points3D, path: Path, output: Output) -> list[Path]:
    """The layout, where the results lie in their session."""
    try:
        rig = load_calibration(load_session(results.resolve().parent))
    except Mocap3dError as error:
        why = str(error).split(". ")[0]
        output.warn(f"no figure of the cameras, as these results do not lie in a session with a calibration: {why}.")
        return []
    camera_layout(rig, points, path)
    return [path]
