"""``mocap3d ablate {fit,one-view,network}``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.scores import show
from mocap3d.detection.training.options import TrainOptions, check_complete, read_options
from mocap3d.errors import Mocap3dError
from mocap3d.learning.train import train
from mocap3d.scoring.ablate import AblateOptions, ablate_fit, ablate_network

WHAT = ("fit", "one-view", "network")


@dataclass(frozen=True)
class AblateFit:
    """Reconstruct synthetic scenes with each prior of the fit off in turn.

    $ mocap3d ablate fit --out ablation
    """

    out: Path | None = None
    """Folder for ablation.json and ablation.md."""
    options: Annotated[AblateOptions, tyro.conf.arg(name="")] = field(default_factory=AblateOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


@dataclass(frozen=True)
class AblateNetwork:
    """Train a network with each of its parts off in turn, all else alike; as many trainings as there are parts."""

    config: tyro.conf.Positional[str]
    """A preset or a TOML file, as of `mocap3d train`."""
    write: Path | None = None
    """Folder for ablation.json and ablation.md."""
    options: Annotated[TrainOptions, tyro.conf.arg(name="")] = field(default_factory=TrainOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Measures, prints, writes; 0."""
    if not arguments or arguments[0] not in WHAT:
        if arguments and arguments[0] not in ("-h", "--help"):
            raise Mocap3dError(f"'{arguments[0]}' cannot be ablated. Known: {', '.join(WHAT)}.")
        print(
            f"usage: mocap3d ablate {{{','.join(WHAT)}}} [options]\n\n"
            "$ mocap3d ablate fit --out ablation\n$ mocap3d ablate network sapenet-s\n\n"
            "mocap3d ablate WHAT --help   its options; all take --json and --quiet"
        )
        return 0
    what, *rest = arguments
    return _network(rest) if what == "network" else _fit(rest, one_view=what == "one-view")


def _fit(arguments: list[str], *, one_view: bool) -> int:
    command = parse(AblateFit, arguments, words="ablate one-view" if one_view else "ablate fit")
    output = Output(command.output)
    with output.working("making the scenes") as bar:
        table = ablate_fit(command.options, one_view=one_view, progress=bar)
    show(table, output, command.out, "ablation")
    return 0


def _network(arguments: list[str]) -> int:
    command = parse(AblateNetwork, arguments, words="ablate network")
    output = Output(command.output)
    default = AblateNetwork(command.config, options=read_options(command.config))
    command = parse(AblateNetwork, arguments, default=default, words="ablate network")
    check_complete(command.options)
    with output.working("reading the pictures") as bar:
        table = ablate_network(command.options, bar, train)
    show(table, output, command.write, "ablation")
    return 0
