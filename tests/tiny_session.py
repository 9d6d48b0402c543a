"""A small session folder on disk, copied for every test that spoils it."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from scene import USUAL_NOISE, small_scene

from mocap3d.cli import main
from mocap3d.synthesis.scene import Scene
from mocap3d.synthetic_session import synthesise

VIEWS = ("cam01", "cam02", "cam03")


def tiny_scene(*, n_people: int = 1) -> Scene:
    """Half a second of walking before three cameras."""
    return small_scene(n_people=n_people, n_views=3, duration_s=0.5, noise=USUAL_NOISE)


def copy_of_tiny_session(root: Path, *, n_people: int = 1) -> Path:
    """A session folder at ``root``: keypoints, Qualisys calibration, session.toml, truth.npz; no videos, no results."""
    shutil.copytree(_written(n_people), root)
    return root


@cache
def _written(n_people: int) -> Path:
    root = Path(mkdtemp(prefix="mocap3d-test-")) / "session"
    synthesise(tiny_scene(n_people=n_people), root)
    return root


def keypoint_files(root: Path, view: str) -> list[Path]:
    """One JSON per frame, in order."""
    return sorted((root / "keypoints" / view).iterdir())


def edit_keypoints(root: Path, view: str, change: Callable[[dict], dict]) -> None:
    """Every frame of a view, read, changed and written again."""
    for path in keypoint_files(root, view):
        path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


def run(*arguments: object) -> int:
    """One mocap3d command line in this process; its exit code."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:  # tyro's, after --help and wrong flags
        return int(end.code or 0)


def hidden_files(root: Path) -> Iterator[Path]:
    """What a write that failed would leave behind."""
    return (path for path in root.rglob("*") if path.name.startswith("."))
