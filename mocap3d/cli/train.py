"""``mocap3d train CONFIG``."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.app import INTERRUPTED, OK
from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.detection.training.options import TrainOptions, read_options
from mocap3d.detection.training.train import Trained
from mocap3d.learning.train import train


@dataclass(frozen=True)
class Train:
    """Train a keypoint network on labelled pictures of people. What was interrupted goes on where it was.

    Options given here overrule those of the configuration, which overrule the defaults.

    $ mocap3d train sapenet-s
    """

    config: tyro.conf.Positional[str]
    """A TOML file, or the name of a preset: sapenet-s, sapenet-m, sapenet-l, paper."""
    options: Annotated[TrainOptions, tyro.conf.arg(name="")] = field(default_factory=TrainOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


class Stop:
    """Set by Ctrl-C or by a polite kill: training ends after the step it is in. A second one ends it at once."""

    def __init__(self):
        self.is_wanted = False

    def __call__(self) -> bool:
        return self.is_wanted

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While the block runs."""
        before = {number: signal.signal(number, self._set) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_wanted:
            raise KeyboardInterrupt
        self.is_wanted = True


def run(arguments: list[str]) -> int:
    """Trains, writes, prints; 0, or 130 where it was interrupted."""
    command = parse(Train, arguments)
    output, stop = Output(command.output), Stop()
    default = Train(command.config, options=read_options(command.config))
    command = parse(Train, arguments, default=default)
    with output.working("reading the pictures") as bar, stop.listening():
        trained = train(command.options, progress=bar, stop=stop)
    _tell(output, command, trained)
    return OK if trained.is_finished else INTERRUPTED


def _tell(output: Output, command: Train, trained: Trained) -> None:
    out, place = command.options.out, trained.place
    told = (
        f"{place.step} steps, {place.step * command.options.batches.batch} pictures, {place.elapsed_s / 60:.1f} minutes"
    )
    if trained.is_finished:
        output.text(f"trained: {told}")
    else:
        output.text(f"interrupted after {told}; the same command goes on from {escape(str(out))}")
    for folder, score in trained.scores.items():
        output.text(escape(f"{folder} ({score.n_images} held-out pictures): {score}"))
    if trained.weights is not None:
        output.text(f"weights: {escape(str(trained.weights))}")
    output.result(
        {
            "finished": trained.is_finished,
            "steps": place.step,
            "minutes": place.elapsed_s / 60,
            "out": str(out),
            "weights": None if trained.weights is None else Path(trained.weights).name,
            "scores": {folder: _finite(score.as_row()) for folder, score in trained.scores.items()},
        }
    )


def _finite(row: dict[str, float]) -> dict[str, float | None]:
    return {name: value if value == value else None for name, value in row.items()}
