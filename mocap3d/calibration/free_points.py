"""Targets without a board: wands with bright or dark markers, one moving point, and measured points of the scene."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import Literal

import numpy as np
from jaxtyping import Float

from mocap3d.session.records import ViewId
from mocap3d.session.views import did_you_mean

Pixel = tuple[float, float]
Triple = tuple[float, float, float]
MIN_UNEVEN = 0.1


@dataclass(frozen=True)
class Wand:
    """``[wand]``: one to three round markers on a straight stick; one alone is a point that moves about."""

    positions_mm: tuple[float, ...]
    """Of each marker's centre along the stick, ascending from 0."""
    appearance: Literal["bright", "dark"] = "bright"
    """Against what is behind it."""
    diameters_px: tuple[float, float] = (4.0, 60.0)
    """Smallest and largest diameter of a marker in the pictures."""
    min_contrast: float = 60.0
    """Grey values (of 255) between a marker and its surroundings."""

    def __post_init__(self):
        at = self.positions_mm
        if not 1 <= len(at) <= 3 or at[0] != 0 or any(a >= b for a, b in pairwise(at)):
            raise ValueError(f"positions_mm is {list(at)}; needed one to three numbers that ascend from 0.")
        if len(at) == 3 and abs(at[1] / at[2] - 0.5) < MIN_UNEVEN:
            raise ValueError(
                f"the middle marker of positions_mm {list(at)} is near the middle, so the wand's ends look alike. Move "
                f"it by at least {MIN_UNEVEN * at[2]:.0f} mm."
            )
        if not 0 < self.diameters_px[0] < self.diameters_px[1] or not 0 < self.min_contrast < 255:
            raise ValueError("diameters_px must ascend above 0, and min_contrast lie between 0 and 255.")

    @property
    def turns(self) -> int:
        """Two markers alone do not tell which is which."""
        return 2 if len(self.positions_mm) == 2 else 1

    def points_mm(self) -> Float[np.ndarray, "k 3"]:
        """Along x."""
        return np.array([[x, 0.0, 0.0] for x in self.positions_mm], np.float64)


@dataclass(frozen=True)
class ScenePoints:
    """``[scene]``: points of the room whose place was measured, and where they are seen in each view."""

    points_m: Mapping[str, Triple]
    """Name -> place in the world: metres, Z up."""
    pixels: Mapping[ViewId, Mapping[str, Pixel]] = field(default_factory=dict)
    """View -> name -> (u, v); (0, 0) is the centre of the top left pixel."""
    sigma_px: float = 1.0
    """One sigma of a clicked pixel."""

    def __post_init__(self):
        if not self.points_m:
            raise ValueError("points_m is empty; needed at least one named point.")
        for name, place in self.points_m.items():
            if not all(map(isfinite, place)):
                raise ValueError(f"points_m.{name} is {list(place)}; needed three numbers.")
        if not self.sigma_px > 0:
            raise ValueError(f"sigma_px is {self.sigma_px:g}; needed more than 0.")
        for view, pixels in self.pixels.items():
            for name, pixel in pixels.items():
                if not all(map(isfinite, pixel)):
                    raise ValueError(f"pixels.{view}.{name} is {list(pixel)}; leave out points that are not seen.")
                if name not in self.points_m:
                    raise ValueError(
                        f"pixels.{view} has a point '{name}' that points_m lacks.{did_you_mean(name, self.points_m)}"
                    )

    @property
    def turns(self) -> int:
        """Named points are never taken for each other."""
        return 1

    def points_mm(self) -> Float[np.ndarray, "k 3"]:
        """In the order of the file."""
        return 1000.0 * np.array(list(self.points_m.values()), np.float64)
