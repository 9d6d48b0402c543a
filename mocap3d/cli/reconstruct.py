"""``mocap3d reconstruct SESSION...``."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import print_exception
from typing import Annotated, Any

import tyro
from rich.markup import escape

from mocap3d.batch import Done, Failed, attempt, session_roots
from mocap3d.cli.app import FAILED, OK, USER_ERROR, worded
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import counted, print_summary
from mocap3d.errors import Mocap3dError
from mocap3d.export.results import FORMATS, Format
from mocap3d.pipeline import Reconstruction, ReconstructOptions, stated_options
from mocap3d.session.records import Session
from mocap3d.writing import export_all, summary_of, told


@dataclass(frozen=True)
class Reconstruct:
    """Reconstruct the 3D motion of a session folder, or of several, one after the other.

    Options given here overrule those under [reconstruct] in a session.toml, which overrule the defaults. Of several
    sessions, one that fails does not keep the others from being reconstructed.

    $ mocap3d reconstruct session
    $ mocap3d reconstruct session --fit.max-gap-s 0.2 --json
    $ mocap3d reconstruct study/walk_*
    """

    sessions: tyro.conf.Positional[tuple[Path, ...]]
    """Session folders: videos/ or keypoints/, a calibration, and session.toml if there is one."""
    detector: str | None = None
    """Short for --detect.detector."""
    keypoints: str | None = None
    """Short for --detect.keypoints."""
    out: Path | None = None
    """Folder for the results of a single session, where it is not its results/."""
    formats: tuple[Format, ...] = FORMATS
    """Which files to write; docs/exports.md tells what each is for."""
    options: Annotated[ReconstructOptions, tyro.conf.arg(name="")] = field(default_factory=ReconstructOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)

    def __post_init__(self):
        if not self.sessions:
            raise ValueError("No session folder is named; needed one or more.")
        if self.out is not None and len(self.sessions) > 1:
            raise ValueError(f"--out names one folder for the results of {len(self.sessions)} sessions. Leave it out.")


def run(arguments: list[str]) -> int:
    """Reconstructs, writes, prints; 0, or 2 where one of several sessions failed, or 1 if by a defect."""
    command = parse(Reconstruct, arguments)
    first, *others = session_roots(command.sessions)
    if others:
        return _run_each([first, *others], command, arguments)
    output = Output(command.output)
    outcome = _run_one(first, command, arguments, output)
    if isinstance(outcome, Failed):
        raise outcome.error
    output.result(_as_json(outcome))
    return OK


def _run_one(root: Path, command: Reconstruct, arguments: list[str], output: Output) -> Done | Failed:
    def options_of(session: Session) -> ReconstructOptions:
        # Parsed once more, now with what session.toml says in place of the defaults.
        return _options(parse(Reconstruct, arguments, default=Reconstruct((root,), options=stated_options(session))))

    def write(reconstruction: Reconstruction) -> tuple[Path, ...]:
        return export_all(reconstruction, command.out, command.formats)

    with output.working("reading the session") as bar:
        outcome = attempt(root, write, options_of, out=command.out, progress=bar)
    if isinstance(outcome, Done):
        print_summary(summary_of(outcome.reconstruction), outcome.files, output)
    return outcome


def _run_each(roots: Sequence[Path], command: Reconstruct, arguments: list[str]) -> int:
    """One after the other, each with warnings of its own; a line for each at the end."""
    output, results, lines, codes = Output(command.output), [], [], [OK]
    for number, root in enumerate(roots, 1):
        output.text(f"\n[bold]{number}/{len(roots)}  {escape(str(root))}[/]")
        own = Output(command.output)
        outcome = _run_one(root, command, arguments, own)
        if isinstance(outcome, Failed):
            code, words = _why(outcome.error)
            codes.append(code)
            output.fail(words)
            results.append({"session": str(root), "error": words, "warnings": own.warnings})
            lines.append([str(root), f"FAILED: {words.split('. ')[0]}"])
        else:
            results.append({**_as_json(outcome), "warnings": own.warnings})
            lines.append([str(root), _in_a_line(outcome)])
    output.text()
    output.table({"Session": "left", "": "left"}, lines)
    output.result({"sessions": results})
    return FAILED if FAILED in codes else max(codes)


def _why(error: Exception) -> tuple[int, str]:
    """Exit code and words; of a defect the traceback goes to stderr, as it would of a single session."""
    if isinstance(error, Mocap3dError | OSError):
        with suppress(OSError):  # one that names no file
            return USER_ERROR, worded(error)
    print_exception(error)
    return FAILED, f"a defect of mocap3d ({error!r}); its traceback is above"


def _as_json(outcome: Done) -> dict[str, Any]:
    places = {"session": str(outcome.root), "results": str(outcome.files[-1].parent)}
    return {**places, **told(outcome.reconstruction), "files": [path.name for path in outcome.files]}


def _in_a_line(outcome: Done) -> str:
    """Who was found, and how much is to be looked at."""
    summary = summary_of(outcome.reconstruction)
    look = f"{counted(len(summary.doubtful), 'thing')} to look at" if summary.doubtful else "nothing looks doubtful"
    return f"{', '.join(person.name for person in summary.people)}: {look}"


def _options(command: Reconstruct) -> ReconstructOptions:
    short = {name: getattr(command, name) for name in ("detector", "keypoints")}
    stated = {name: value for name, value in short.items() if value is not None}
    return replace(command.options, detect=replace(command.options.detect, **stated))
