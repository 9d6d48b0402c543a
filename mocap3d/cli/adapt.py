"""``mocap3d adapt SESSION``."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.learning.adapt import Adaptation, AdaptOptions, adapt, report


@dataclass(frozen=True)
class Adapt:
    """Improve the keypoint network on a session's own videos, from what its views agree on.

    One view is held out. The new weights are kept only if it then agrees better with the 3D of the others.

    $ mocap3d adapt session
    """

    session: tyro.conf.Positional[Path]
    """The session folder: videos/ of at least 3 calibrated views, and their calibration."""
    options: Annotated[AdaptOptions, tyro.conf.arg(name="")] = field(default_factory=AdaptOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Adapts, writes, prints; 0, whether the weights were kept or not."""
    command = parse(Adapt, arguments)
    output = Output(command.output)
    with output.working("reading the session") as bar:
        result = adapt(command.session, command.options, progress=bar)
    for line in report(result):
        output.text(escape(line))
    output.result(_as_json(result))
    return 0


def _as_json(result: Adaptation) -> dict[str, object]:
    views = {
        view: {"before": _finite(asdict(was)), "after": _finite(asdict(result.after[view]))}
        for view, was in result.before.items()
    }
    return {
        "session": str(result.session),
        "kept": result.weights is not None,
        "weights": None if result.weights is None else str(result.weights),
        "held_out": result.held_out,
        "gain": result.gain if result.gain == result.gain else None,
        "pictures": result.n_pictures,
        "views": views,
    }


def _finite(row: dict[str, float]) -> dict[str, float | None]:
    return {name: value if value == value else None for name, value in row.items()}
