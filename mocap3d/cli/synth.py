"""``mocap3d synth OUT`` and ``mocap3d synth people --out DIR``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import counted
from mocap3d.synthesis.rendering.dataset import PeopleOptions, render_people
from mocap3d.synthesis.rendering.studio import StudioOptions
from mocap3d.synthesis.scene import SceneOptions, make_scene
from mocap3d.synthetic_session import CalibrationKind, synthesise


@dataclass(frozen=True)
class Synth:
    """Write a synthetic session: keypoints as a detector would see them, a calibration, and the truth beside them.

    `mocap3d synth people --help`: rendered pictures of people, for training.

    $ mocap3d synth demo/session --n-views 4 --duration-s 2
    $ mocap3d synth demo/session --rig rigs/lab8.toml --n-people 2
    """

    folder: tyro.conf.Positional[Path]
    """The session folder to make."""
    calibration: CalibrationKind = "qualisys"
    """Format of the calibration file."""
    scene: Annotated[SceneOptions, tyro.conf.arg(name="")] = field(default_factory=SceneOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


@dataclass(frozen=True)
class SynthPeople:
    """Render pictures of people with exact keypoints, for training; goes on where an earlier run stopped."""

    out: Path
    """The folder of shards to make."""
    people: Annotated[PeopleOptions, tyro.conf.arg(name="")] = field(default_factory=PeopleOptions)
    studio: Annotated[StudioOptions, tyro.conf.arg(name="")] = field(default_factory=StudioOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Makes, writes, prints; 0."""
    if arguments[:1] == ["people"]:
        return _people(arguments[1:])
    return _session(arguments)


def _people(arguments: list[str]) -> int:
    command = parse(SynthPeople, arguments, words="synth people")
    output = Output(command.output)
    with output.working("opening the studio") as bar:

        def told(done: int, wanted: int) -> None:
            bar("rendering shards", done, wanted)

        paths = render_people(command.out, command.people, command.studio, told)
    output.text(f"{escape(str(command.out))}: {counted(command.people.n, 'picture')} in {counted(len(paths), 'shard')}")
    output.result({"folder": str(command.out), "n": command.people.n, "shards": [path.name for path in paths]})
    return 0


def _session(arguments: list[str]) -> int:
    command = parse(Synth, arguments)
    output = Output(command.output)
    with output.working("making the scene"):
        scene = make_scene(command.scene)
        synthesise(scene, command.folder, command.calibration)
    people, frames = counted(len(scene.people), "person", "people"), counted(len(scene.t_s), "frame")
    output.text(f"{escape(str(command.folder))}: {frames} of {people} in {counted(len(scene.rig.cameras), 'view')}")
    output.text("The truth is in truth.npz, which `mocap3d reconstruct` does not read.")
    output.result(
        {
            "session": str(command.folder),
            "truth": "truth.npz",
            "n_frames": len(scene.t_s),
            "views": list(scene.rig.cameras),
            "people": [person.name for person in scene.people],
        }
    )
    return 0
