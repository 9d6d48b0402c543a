"""Masses of body segments of adults and where they are centred, by joint names.

Source: de Leva (1996) J Biomech 29:1223, Table 4, and its alternative end points.
"""

from dataclasses import dataclass

WOMEN_MEN = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SegmentInertia:
    """One segment between two joints; women's and men's values."""

    name: str
    proximal: str
    """Joint at which it begins; ``{side}`` stands for r or l. A ``+`` joins two joints whose middle is meant."""
    distal: str
    mass_fraction: WOMEN_MEN
    centre_fraction: WOMEN_MEN
    """From the proximal to the distal end."""


SEGMENTS = (
    SegmentInertia("head", "head_top", "neck", (0.0668, 0.0694), (0.4841, 0.5002)),
    SegmentInertia("trunk", "shoulder_r+shoulder_l", "hip_r+hip_l", (0.4257, 0.4346), (0.3782, 0.4310)),
    SegmentInertia("humerus", "shoulder_{side}", "elbow_{side}", (0.0255, 0.0271), (0.5754, 0.5772)),
    SegmentInertia("forearm", "elbow_{side}", "wrist_{side}", (0.0138, 0.0162), (0.4559, 0.4574)),
    SegmentInertia("hand", "wrist_{side}", "hand_tip_{side}", (0.0056, 0.0061), (0.3427, 0.3624)),
    SegmentInertia("femur", "hip_{side}", "knee_{side}", (0.1478, 0.1416), (0.3612, 0.4095)),
    SegmentInertia("tibia", "knee_{side}", "ankle_{side}", (0.0481, 0.0433), (0.4352, 0.4395)),
    SegmentInertia("foot", "subtalar_{side}", "toe_tip_{side}", (0.0129, 0.0137), (0.4014, 0.4415)),
)
SIDES = ("r", "l")


def between(pair: WOMEN_MEN, share_of_men: float) -> float:
    """The number between women's (0) and men's (1)."""
    return pair[0] + share_of_men * (pair[1] - pair[0])
