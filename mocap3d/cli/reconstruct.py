"""``mocap3d reconstruct SESSION``."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import print_summary
from mocap3d.export.results import FORMATS, Format
from mocap3d.pipeline import ReconstructOptions, reconstruct_session, stated_options
from mocap3d.session.session import load_session
from mocap3d.writing import export_all, summary_of, told


@dataclass(frozen=True)
class Reconstruct:
    """Reconstruct the 3D motion of a session folder.

    Options given here overrule those under [reconstruct] in its session.toml, which overrule the defaults.

    $ mocap3d reconstruct session
    $ mocap3d reconstruct session --fit.max-gap-s 0.2 --json
    """

    session: tyro.conf.Positional[Path]
    """The session folder: videos/ or keypoints/, a calibration, and session.toml if there is one."""
    detector: str | None = None
    """Short for --detect.detector."""
    keypoints: str | None = None
    """Short for --detect.keypoints."""
    out: Path | None = None
    """Folder for the results, where it is not results/ of the session."""
    formats: tuple[Format, ...] = FORMATS
    """Which files to write; docs/exports.md tells what each is for."""
    options: Annotated[ReconstructOptions, tyro.conf.arg(name="")] = field(default_factory=ReconstructOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Reconstructs, writes, prints; 0."""
    command = parse(Reconstruct, arguments)
    output = Output(command.output)
    with output.working("reading the session") as bar:
        session = load_session(command.session)
        # Once more, now with what session.toml says in place of the defaults.
        default = Reconstruct(session.root, options=stated_options(session))
        command = parse(Reconstruct, arguments, default=default)
        reconstruction = reconstruct_session(session, _options(command), progress=bar)
        bar("writing the results", 1, 1)
        files = export_all(reconstruction, command.out, command.formats)
    summary = summary_of(reconstruction)
    print_summary(summary, files, output)
    places = {"session": str(command.session), "results": str(files[-1].parent)}
    output.result({**places, **told(reconstruction), "files": [path.name for path in files]})
    return 0


def _options(command: Reconstruct) -> ReconstructOptions:
    short = {name: getattr(command, name) for name in ("detector", "keypoints")}
    stated = {name: value for name, value in short.items() if value is not None}
    return replace(command.options, detect=replace(command.options.detect, **stated))
