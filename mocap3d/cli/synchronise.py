"""``mocap3d synchronise SESSION``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.pipeline import stated_options
from mocap3d.session.records import Session
from mocap3d.session.session import load_session
from mocap3d.synchronisation.synchronise import CLEAR, ViewClock
from mocap3d.timing import TimingOptions, keep, measured_clocks


@dataclass(frozen=True)
class Synchronise:
    """Measure when each view was started, from the people that the calibrated cameras show.

    Writes synchronisation.toml into the session, which every other command then reads. Without it, views are taken to
    start together; what session.toml says (offset_s of [views.<name>]) goes before it.

    $ mocap3d synchronise session
    """

    session: tyro.conf.Positional[Path]
    """The session folder: videos/ or keypoints/, and a calibration."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Only say what is found; write nothing."""
    options: Annotated[TimingOptions, tyro.conf.arg(name="")] = field(default_factory=TimingOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Looks, compares, writes, prints; 0."""
    command = parse(Synchronise, arguments)
    output = Output(command.output)
    with output.working("reading the session") as bar:
        session = load_session(command.session)
        stated = stated_options(session)
        default = TimingOptions(detect=stated.detect, calibration_unit=stated.calibration_unit)
        command = parse(Synchronise, arguments, default=Synchronise(session.root, options=default))
        clocks = measured_clocks(session, command.options, progress=bar)
        path = None if command.dry_run else keep(session, clocks)
    _print(session, clocks, path, output)
    views = {clock.view: {**asdict(clock), "is_clear": bool(clock.is_clear)} for clock in clocks}
    views[clocks[0].view]["clearness"] = None  # it is the others' clock
    output.result({"session": str(session.root), "views": views, "written": path and str(path)})
    return 0


def _print(session: Session, clocks: Sequence[ViewClock], path: Path | None, output: Output) -> None:
    rate = session.rate or Fraction(1)
    heads = {"View": "left", "starts at, s": "right", "±, ms": "right", "in frames": "right", "": "left"}
    output.table(heads, [_row(clock, rate, is_first=clock is clocks[0]) for clock in clocks])
    for clock in clocks:
        if not clock.is_clear:
            output.warn(
                f"view '{clock.view}': another offset would do nearly as well ({clock.clearness:.1f} standard errors "
                f"apart, {CLEAR:g} are needed), so none is kept. Film somebody who moves in all directions and not in "
                "rhythm, raise --sync.max-offset-s, or state offset_s in session.toml."
            )
        elif clock.drift:
            slow = "loses" if clock.drift > 0 else "gains"
            output.warn(
                f"view '{clock.view}': its clock {slow} {1e3 * 60 * abs(clock.drift):.1f} ms per minute. Where that "
                f"matters, write rate = {_true_rate(session, clock):.6f} under [views.{clock.view}] in session.toml "
                "and synchronise again."
            )
    if path is not None:
        output.text(f"\n[bold]{escape(str(path))}[/] is written; `mocap3d reconstruct` reads it")


def _row(clock: ViewClock, rate: Fraction, *, is_first: bool) -> list[str]:
    if is_first:
        return [escape(clock.view), f"{clock.offset_s:+.4f}", "", "", "the clock of all"]
    if not clock.is_clear:
        return [escape(clock.view), "?", "", "", "not clear"]
    return [
        escape(clock.view),
        f"{clock.offset_s:+.4f}",
        f"{1000 * clock.sigma_s:.1f}",
        f"{clock.offset_s * float(rate):+.2f}",
        f"{1000 * clock.change_s:+.1f} ms from what was stated" if clock.change_s else "as stated",
    ]


def _true_rate(session: Session, clock: ViewClock) -> float:
    video = session.videos.get(clock.view)
    rate = session.view_rate.get(clock.view) or (video.rate if video else None) or session.rate
    return float(rate or 1) / (1 + clock.drift)
