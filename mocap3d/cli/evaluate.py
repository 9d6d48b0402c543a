"""``mocap3d evaluate {3dpw,mpii,coco,posetrack,penn,h36m,3dhp,panoptic,shelf,campus,session} DIR``."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, cast

import tyro

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.scores import show
from mocap3d.errors import Mocap3dError
from mocap3d.scoring.pictures import NetworkOptions
from mocap3d.scoring.public_data import (
    MOTIONS,
    PICTURES,
    MotionSet,
    PictureSet,
    evaluate_motions,
    evaluate_pictures,
    evaluate_tracking,
)
from mocap3d.scoring.session import evaluate_session
from mocap3d.scoring.threedpw import ThreeDpwOptions, evaluate_threedpw

WHAT = {
    "3dpw": "3DPW: predictions of any method, or our own three ways to them, by protocols A and B",
    "mpii": "a keypoint network on MPII (PCKh)",
    "coco": "a keypoint network on COCO (AP with boxes given)",
    "posetrack": "a keypoint network on PoseTrack 2018; MOTA of people who were followed",
    "penn": "a keypoint network on Penn Action (PCK)",
    "h36m": "joints in 3D on Human3.6M",
    "3dhp": "joints in 3D on the test set of MPI-INF-3DHP",
    "panoptic": "joints in 3D on CMU Panoptic",
    "shelf": "joints in 3D on Shelf (PCP)",
    "campus": "joints in 3D on Campus (PCP)",
    "session": "a recording without truth: views left out, bones, jitter, feet, coverage",
}
_USAGE = """usage: mocap3d evaluate WHAT DIR [options]

WHAT:
{what}

$ mocap3d evaluate session session/results
$ mocap3d evaluate 3dpw 3DPW --out scores

mocap3d evaluate WHAT --help   its options; all take --json, --quiet and --out
"""


@dataclass(frozen=True)
class _Place:
    folder: tyro.conf.Positional[Path]
    """The data set's folder; of `session`, a session or its results."""
    out: Path | None = None
    """Folder for scores.json and scores.md."""
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


@dataclass(frozen=True)
class EvaluateThreedpw(_Place):
    """Score 3DPW by protocols A (the challenge's) and B (14 joints)."""

    options: Annotated[ThreeDpwOptions, tyro.conf.arg(name="")] = field(default_factory=ThreeDpwOptions)


@dataclass(frozen=True)
class EvaluatePictures(_Place):
    """Score a keypoint network on labelled pictures."""

    split: str | None = None
    """Part of the data set, where it is not the usual one."""
    predictions: Path | None = None
    """Of posetrack: folder of <video>.json, a method's people with track_id laid out as the annotations are. They are
    scored in the network's place, by who is who (MOTA, IDF1)."""
    options: Annotated[NetworkOptions, tyro.conf.arg(name="")] = field(default_factory=NetworkOptions)


@dataclass(frozen=True)
class EvaluateMotions(_Place):
    """Score joints in 3D."""

    predictions: Path = tyro.MISSING
    """Folder with <sequence>.npz of every sequence (a / in a name is a folder): our points.npz, or `joints` (frames,
    people, joints, 3) in metres, joints in the order of the data set."""


@dataclass(frozen=True)
class EvaluateSession(_Place):
    """Tell how accurate a recording is without its truth."""


def run(arguments: list[str]) -> int:
    """Scores, prints, writes; 0."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE.format(what="\n".join(f"  {name:<11}{about}" for name, about in WHAT.items())), end="")
        return 0
    name, *rest = arguments
    if name not in WHAT:
        near = get_close_matches(name, WHAT, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise Mocap3dError(f"'{name}' cannot be evaluated.{hint} Known: {', '.join(WHAT)}.")
    if name == "3dpw":
        return _threedpw(rest)
    if name in PICTURES:
        return _pictures(name, rest)
    return _motions(name, rest) if name in MOTIONS else _session(rest)


def _threedpw(arguments: list[str]) -> int:
    command = parse(EvaluateThreedpw, arguments, words="evaluate 3dpw")
    output = Output(command.output)
    with output.working("reading 3DPW") as bar:
        table = evaluate_threedpw(command.folder, command.options, bar)
    show(table, output, command.out)
    return 0


def _pictures(name: str, arguments: list[str]) -> int:
    command = parse(EvaluatePictures, arguments, words=f"evaluate {name}")
    output = Output(command.output)
    data = cast(PictureSet, name)
    with output.working(f"reading {name}") as bar:
        table = (
            evaluate_pictures(data, command.folder, command.split, command.options, bar)
            if command.predictions is None
            else evaluate_tracking(data, command.folder, command.split, command.predictions)
        )
    show(table, output, command.out)
    return 0


def _motions(name: str, arguments: list[str]) -> int:
    command = parse(EvaluateMotions, arguments, words=f"evaluate {name}")
    output = Output(command.output)
    with output.working(f"reading {name}") as bar:
        table = evaluate_motions(cast(MotionSet, name), command.folder, command.predictions, bar)
    show(table, output, command.out)
    return 0


def _session(arguments: list[str]) -> int:
    command = parse(EvaluateSession, arguments, words="evaluate session")
    output = Output(command.output)
    with output.working("reading the session") as bar:
        table = evaluate_session(command.folder, bar)
    show(table, output, command.out)
    return 0
