"""How animation files are written, where a target does not settle it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mocap3d.export.targets import TargetName

FASTEST = 1000
UNITS_PER_M = {"m": 1.0, "cm": 100.0, "mm": 1000.0}


@dataclass(frozen=True)
class ExportOptions:
    """Options of ``mocap3d export`` about the content of files."""

    target: TargetName | None = None
    """The program that will read the files: it settles axes, units and names of bones."""
    units: Literal["m", "cm", "mm"] | None = None
    """Length unit of BVH, where it is not the target's (centimetres without a target)."""
    rate: Fraction | None = None
    """Frames per second of BVH and GLB, where it is not that of the recording."""
    rest_frame: bool = False
    """Put the rest pose as a first frame into BVH, as some retargeting tools want: all later frames move by one."""

    def __post_init__(self):
        if self.rate is not None and not 0 < self.rate <= FASTEST:
            raise ValueError(f"rate is {float(self.rate):g}; needed frames per second above 0 and at most {FASTEST}.")
