"""What is filmed to calibrate: boards, markers, wands and measured points, as written in a TOML file of ``calib/``.

The frame of a printed target: x right and y up on the print, z out of it towards whoever reads it, the origin in the
lower left corner of its pattern. A board that lies on the floor with its face up has Z up. Files say millimetres, as
rulers do (points of the scene: metres); everything inside is metres.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.calibration.boards import AprilGrid, Charuco, Chessboard
from mocap3d.calibration.free_points import ScenePoints, Wand
from mocap3d.calibration.marker_sets import Aruco
from mocap3d.errors import CalibrationError
from mocap3d.session.toml import read_toml, typed
from mocap3d.session.views import did_you_mean, listed, natural_key

Pattern = Chessboard | Charuco | AprilGrid | Aruco | Wand | ScenePoints
FOLDERS = (Path(__file__).parent / "definitions", Path(__file__).parents[2] / "calib")
"""Where the definitions that come with the program lie: in an installed package, or in the source tree."""
PAPERS_MM = {"a4": (297.0, 210.0), "a3": (420.0, 297.0), "a2": (594.0, 420.0), "letter": (279.4, 215.9)}
"""Landscape."""


@dataclass(frozen=True)
class TargetTable:
    """A definition file: what it is for, its paper, and one table that says what is on it."""

    description: str = ""
    paper: str = "a4"
    """a4, a3, a2 or letter; only for drawing."""
    chessboard: Chessboard | None = None
    charuco: Charuco | None = None
    aprilgrid: AprilGrid | None = None
    aruco: Aruco | None = None
    wand: Wand | None = None
    scene: ScenePoints | None = None

    def __post_init__(self):
        kinds = [field.name for field in fields(self)[2:]]
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"it has the tables {listed(given)}; needed exactly one of {listed(kinds)}.")
        if self.paper not in PAPERS_MM:
            raise ValueError(f"paper is '{self.paper}'; needed one of {listed(PAPERS_MM)}.")

    def pattern(self) -> Pattern:
        """What is on it."""
        given = (self.chessboard, self.charuco, self.aprilgrid, self.aruco, self.wand, self.scene)
        return next(pattern for pattern in given if pattern is not None)


@dataclass(frozen=True)
class Target:
    """A rigid thing whose points are known."""

    name: str
    pattern: Pattern
    description: str = ""
    paper: str = "a4"

    @property
    def p_in_target(self) -> Float[Tensor, "k 3"]:
        """Metres, in the order in which detection reports the points."""
        return torch.from_numpy(self.pattern.points_mm()).double() / 1000

    @property
    def is_ambiguous(self) -> bool:
        """Whether it looks the same from two sides, so that two cameras may disagree on which point is which."""
        return self.pattern.turns > 1


def load_target(name: str | Path) -> Target:
    """A definition by the path of its TOML file, or by the name of one that comes with the program."""
    path = Path(name)
    if path.suffix != ".toml":
        known = {path.stem: path for path in shipped_definitions()}
        if str(name) not in known:
            raise CalibrationError(
                f"there is no board '{name}'.{did_you_mean(str(name), known)} Known: {listed(known)}; or give the path "
                "of a .toml file of your own."
            )
        path = known[str(name)]
    table = typed(read_toml(path, error=CalibrationError), TargetTable, source=path, error=CalibrationError)
    return Target(path.stem, table.pattern(), table.description, table.paper)


def shipped_definitions() -> list[Path]:
    """The definition files that come with the program, in natural order."""
    return sorted(_definitions(), key=lambda path: natural_key(path.stem))


def _definitions() -> Iterator[Path]:
    for folder in FOLDERS:
        if folder.is_dir():
            yield from folder.glob("*.toml")
            return
