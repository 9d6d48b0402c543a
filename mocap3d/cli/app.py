"""``mocap3d <command>``: finds the command, and turns what goes wrong into a message and an exit code.

Nothing heavy is imported before a command is known: ``mocap3d --help`` answers at once.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper

from mocap3d.errors import Mocap3dError, missing_library

COMMANDS = {
    "init": "write a commented session.toml from what a folder holds",
    "info": "what a session folder holds, what is missing, and how to mend it",
    "calibrate": "videos or pictures of a board, a wand or measured points -> cameras, and how well each is known",
    "synchronise": "measure when each view was started, from the people that it shows",
    "reconstruct": "videos or 2D keypoints of several calibrated cameras -> 3D skeletons, each number with its doubt",
    "report": "write the report of a session: verdict, 3D scene, views and evidence in one offline page",
    "overlay": "videos with detections, the reprojected skeleton and its doubt in them",
    "view": "show the motion of a results folder in a window, or its report",
    "plot": "figures for papers from a results folder",
    "export": "saved results -> files for OpenSim, Visual3D, Blender, Unreal, Maya and others",
    "evaluate": "score results on 3DPW and other data sets, or a recording without its truth",
    "compare": "compare results with a marker-based or other recording of the same motion",
    "detect": "find people and their keypoints in the videos of a session",
    "adapt": "improve the network on a session's own videos, and keep it only if a held-out view agrees better",
    "board": "draw a calibration board at exactly its size, with a ruler to check the print",
    "convert-calibration": "write the calibration of one program as that of another",
    "plan": "predict how exact a rig of cameras will be, and where they should rather stand",
    "synth": "write a synthetic session whose truth is known",
    "ablate": "what each prior of the 3D fit, or each part of the network, is worth: measured on synthetic data",
    "train": "train a keypoint network on labelled pictures of people",
    "export-onnx": "write a keypoint network as an ONNX file",
    "doctor": "what is installed, which device will be used and why, and whether it works",
    "completion": "make a shell complete commands and flags",
}
"""Each lives in the module of its name (``_`` for ``-``), whose ``run(arguments)`` does it."""
OK, FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130
HELP = """usage: mocap3d [--help] [--version] COMMAND ...

Markerless 3D motion capture from several calibrated cameras.

commands:
{commands}

mocap3d COMMAND --help   the options of a command
exit codes: 0 done, 2 something to mend (the message says what), 130 interrupted, 1 a defect of the program
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; its exit code. As a program of its own it takes SIGTERM for Ctrl-C, and so clears up."""
    if arguments is None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _escape_what_cannot_be_written()
    try:
        return _dispatch(arguments)
    except BrokenPipeError:  # the reader of our output, e.g. head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (Mocap3dError, OSError, ImportError) as error:
        return _say(f"error: {worded(error)}", USER_ERROR)
    except KeyboardInterrupt:
        return _say("interrupted: nothing is left half written", INTERRUPTED)


def worded(error: Mocap3dError | OSError | ImportError) -> str:
    """What a user is told of it; what is neither theirs nor their system's to mend is a defect, and raised again."""
    if isinstance(error, Mocap3dError):
        return str(error)
    if missing := missing_library(error):
        return missing
    if isinstance(error, ImportError) or error.filename is None:
        raise error
    return f"{error.filename}: {error.strerror}. Check that it is there and yours to use."


def _escape_what_cannot_be_written() -> None:
    """A folder named in Cyrillic must not end a run whose output goes to a file on a Windows of Latin letters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        commands = "\n".join(f"  {name:<21}{purpose}" for name, purpose in COMMANDS.items())
        print(HELP.format(commands=commands), end="")
        return OK
    if arguments[0] in ("-V", "--version"):
        print(_version())
        return OK
    name, *rest = arguments
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else "`mocap3d --help` lists the commands."
        return _say(f"error: there is no command '{name}'. {hint}", USER_ERROR)
    with _patience():
        command = import_module(f"mocap3d.cli.{name.replace('-', '_')}")
    return command.run(rest)


@contextmanager
def _patience() -> Iterator[None]:
    """Says that something happens while libraries load, which takes seconds, to whoever watches."""
    if not sys.stderr.isatty():
        yield
        return
    print("loading ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # 30 ms

    try:
        return f"mocap3d {version('mocap3d')}"
    except PackageNotFoundError:
        return "mocap3d (not installed)"


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
