"""Marker tracks as a file gives them: what TRC and C3D hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.session.views import did_you_mean

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "meters": 1.0, "metres": 1.0, "millimeters": 0.001, "centimeters": 0.01}
"""Length units of files, in lower case."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one time, like a foot strike."""

    t_s: float
    label: str
    """Foot Strike, Foot Off, or what the file says."""
    side: str
    """Left, Right or General."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkerTrial:
    """Marker tracks in metres, in the axes of their file."""

    path: Path
    labels: tuple[str, ...]
    """Each once: a label that comes again is numbered, ``Hand_2``."""
    rate: Fraction
    t_s: Float[np.ndarray, " t"]
    p_in_file: Float[np.ndarray, "t k 3"]
    """Metres; NaN where a marker is missing."""
    up: Literal["x", "y", "z"] | None
    """Which axis points up, where the file or the custom of its format tells."""
    residual_m: Float[np.ndarray, "t k"] | None = None
    """How badly the rays of the cameras met; 0 = computed or filled, NaN = missing. None where the file has none."""
    events: tuple[Event, ...] = ()
    quantities: Mapping[str, Mapping[str, Float[np.ndarray, "t 3"]]] = field(default_factory=dict)
    """What is stored like markers but is none, by kind (ANGLES, FORCES, ...) and label, in the unit of the file."""

    def index(self, label: str) -> int:
        """Place of a marker; refuses an unknown name and offers the nearest one."""
        if label not in self.labels:
            raise FormatError(f"{self.path}: there is no marker '{label}'.{did_you_mean(label, self.labels)}")
        return self.labels.index(label)

    def track(self, label: str) -> Float[np.ndarray, "t 3"]:
        """One marker over time (m)."""
        return self.p_in_file[:, self.index(label)]


def metres_per(unit: str, path: Path) -> float:
    """Metres of a file's length unit; refuses what is none."""
    try:
        return METRES[unit.strip().lower()]
    except KeyError:
        raise FormatError(f"{path}: found the length unit '{unit}'. Needed: m, cm or mm. Correct its header.") from None
