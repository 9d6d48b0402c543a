"""What ``mocap3d calibrate`` can be told: the defaults, the keys of ``[calibrate]`` and the flags."""

from collections.abc import Collection
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from mocap3d.calibration.lens_kinds import LensKind
from mocap3d.errors import CalibrationError
from mocap3d.session.views import did_you_mean, listed

World = Literal["auto", "floor", "board", "scene", "level"]


@dataclass(frozen=True)
class Between:
    """A distance that was measured with a tape, to check the board's size by."""

    views: tuple[str, ...] = ()
    """Two cameras, lens to lens."""
    metres: float = 0.0

    def __post_init__(self):
        if (len(self.views), self.metres > 0) not in ((0, False), (2, True)):
            raise ValueError("a measured distance needs two views and the metres between their lenses.")

    def check(self, views: Collection[str]) -> None:
        """Refuses names that are none of the views."""
        for view in self.views:
            if view not in views:
                raise CalibrationError(
                    f"between.views names '{view}', which is none of {listed(views)}.{did_you_mean(view, views)}"
                )


@dataclass(frozen=True)
class CalibrateOptions:
    """How a session's cameras are calibrated."""

    target: str = ""
    """The board: a name that `mocap3d board` lists, or the path of a .toml file (relative to the session)."""
    lens_target: str = ""
    """The board of calibration/intrinsics/, where it is another than the target: a wand tells no lens."""
    lenses: str = ""
    """A calibration file of any known format whose lenses are taken as they are (relative to the session)."""
    scene: str = ""
    """A .toml file with measured points of the scene and their pixels: the world, and poses where there is no board."""
    lens: LensKind | None = None
    """Lens model of all cameras; without one, the simplest that explains held-out pictures is chosen for each."""
    world: World = "auto"
    """What the world is set by: floor (the board lies on it at ``floor_at_s``), board (as it is first seen, upright),
    scene (points), level (the cameras' own upright, the floor below the lowest corner); auto takes scene, else floor,
    else level."""
    floor_at_s: float | None = None
    """When the board lies on the floor, in seconds of the recording; of pictures, which one, from 0."""
    use_videos: bool = False
    """Look for the board in the session's own videos, not in calibration/."""
    between: Between = field(default_factory=Between)
    """A measured distance between two cameras."""
    per_view: int = 60
    """Frames of each view that are calibrated with, at most."""
    search_hz: float = 6.0
    """Looks at the videos per second."""
    threads: int = 0
    """Searching at the same time; 0 = one per core. The result is the same for any number."""

    def __post_init__(self):
        if self.per_view < 1 or not self.search_hz > 0:
            raise ValueError("per_view must be at least 1, and search_hz above 0.")
        if self.threads < 0:
            raise ValueError(f"threads is {self.threads}; needed a number of threads, or 0 for one per core.")
        if self.floor_at_s is not None and not isfinite(self.floor_at_s):
            raise ValueError(f"floor_at_s is {self.floor_at_s}; needed seconds of the recording.")
        if self.world == "floor" and self.floor_at_s is None:
            raise ValueError("world = 'floor' needs floor_at_s: when the board lies on the floor.")
        if self.world == "scene" and not self.scene:
            raise ValueError("world = 'scene' needs scene: the file of its points.")
