"""The jointed body of a person: segments, markers by the names of 2D keypoints, and how joints like to turn.

Upright and facing +x with the left at +y, arms hanging: no joint is turned. Lengths: Drillis & Contini (1966), as in
Winter (2009) Fig. 4.1, and Gordon et al. (2014), ANSUR II, for the head and the feet. Ranges and habits of the joints:
Norkin & White (2016) for the limits; where a joint usually is and how far from there is our judgement, wide enough to
leave everyday movements, sport and dance alone, but for knees, elbows, and how upper arms are turned and thighs lifted:
medians and spreads, rounded, of 23 clips of the CMU motion capture database (every other one of those that
``benchmarks/threedpw.py`` judges by).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from mocap3d.fusion.one_view.chain import Chain

MEAN_HEIGHT_M, HEIGHT_SPREAD = 1.71, 0.055
"""Of adults, women and men; standard deviation of the logarithm."""
LENGTHS = {  # share of the height, standard deviation of the logarithm
    "hip": (0.052, 0.15),
    "loin": (0.095, 0.08),
    "trunk": (0.194, 0.08),
    "shoulder": (0.111, 0.3),
    "upper arm": (0.1686, 0.06),
    "forearm": (0.1497, 0.06),
    "thigh": (0.241, 0.06),
    "shank": (0.249, 0.06),
    "head": (0.0743, 0.12),
    "foot": (0.1057, 0.12),
}
_LENGTH = {name: number for number, name in enumerate(LENGTHS)}
_X, _Y, _Z = np.eye(3)
_BALL, _HINGE = np.eye(3), _Y[:, None]
_Number = float | int
_Triple = tuple[_Number, _Number, _Number]


@dataclass(frozen=True, slots=True)
class _Joint:
    name: str
    parent: str | None
    way: dict[str, _Triple]
    """From the parent's joint: lengths, and along which direction."""
    axes: np.ndarray
    rests_deg: _Triple = (0.0, 0.0, 0.0)
    """Rotation vector (roll to the right, bend forward, turn to the left)."""
    spread_deg: _Triple = (180.0, 180.0, 180.0)
    limit_deg: tuple[tuple[_Number, _Number], ...] = ((-180, 180),) * 3


def _sided(side: str, s: float) -> list[_Joint]:
    """A leg and an arm; s = +1 on the left. Bending about +y moves what hangs down backwards."""

    def mirrored(low: _Number, high: _Number) -> tuple[_Number, _Number]:
        return (low, high) if s > 0 else (-high, -low)

    return [
        _Joint(f"{side}Hip", "pelvis", {"hip": (0, s, 0)}, _BALL, (s * 3, -12, 0), (9, 18, 10),
               (mirrored(-30, 60), (-135, 22), mirrored(-50, 50))),
        _Joint(f"{side}Knee", f"{side}Hip", {"thigh": (0, 0, -1)}, _HINGE, (0, 33, 0), (1, 24, 1),
               ((0, 0), (0, 155), (0, 0))),
        _Joint(f"{side}Ankle", f"{side}Knee", {"shank": (0, 0, -1)}, _HINGE, (0, 0, 0), (1, 18, 1),
               ((0, 0), (-30, 50), (0, 0))),
        _Joint(f"{side}Clavicle", "chest", {"trunk": (0, 0, 1)}, _BALL, (0, 0, 0), (9, 4, 9),
               (mirrored(-10, 40), (-10, 10), (-35, 35))),
        _Joint(f"{side}Shoulder", f"{side}Clavicle", {"shoulder": (0, s, 0)}, _BALL, (s * 12, -6, s * -8), (18, 20, 25),
               (mirrored(-50, 180), (-190, 70), mirrored(-110, 110))),
        _Joint(f"{side}Elbow", f"{side}Shoulder", {"upper arm": (0, 0, -1)}, _HINGE, (0, -48, 0), (1, 32, 1),
               ((0, 0), (-155, 0), (0, 0))),
    ]  # fmt: skip


def _joints() -> list[_Joint]:
    return [
        _Joint("pelvis", None, {}, _BALL),
        _Joint("chest", "pelvis", {"loin": (0, 0, 1)}, _BALL, (0, 10, 0), (12, 18, 15),
               ((-40, 40), (-35, 85), (-50, 50))),
        _Joint("skull", "chest", {"trunk": (0, 0, 1)}, _BALL, (0, 0, 0), (15, 20, 25),
               ((-50, 50), (-60, 60), (-80, 80))),
        *_sided("L", 1.0),
        *_sided("R", -1.0),
    ]  # fmt: skip


def _markers() -> dict[str, tuple[str, str, _Triple]]:
    """By keypoint: its segment, and its place in shares of one of its lengths."""
    head: dict[str, _Triple] = {
        "Head": (0.0, 0.0, 2.31), "Nose": (0.846, 0.0, 1.346),
        "LEye": (0.654, 0.246, 1.615), "REye": (0.654, -0.246, 1.615),
        "LEar": (0.077, 0.577, 1.462), "REar": (0.077, -0.577, 1.462),
    }  # fmt: skip
    markers = {name: ("skull", "head", place) for name, place in head.items()}
    markers |= {"Hip": ("pelvis", "hip", (0, 0, 0)), "Neck": ("skull", "head", (0, 0, 0))}
    for side, s in (("L", 1.0), ("R", -1.0)):
        foot = {"BigToe": (1.0, -0.135 * s, -0.297), "SmallToe": (0.73, 0.27 * s, -0.297), "Heel": (-0.297, 0, -0.27)}
        markers |= {side + name: (f"{side}Ankle", "foot", place) for name, place in foot.items()}
        markers |= {side + name: (side + name, "hip", (0.0, 0.0, 0.0)) for name in ("Hip", "Knee", "Ankle")}
        markers |= {side + name: (side + name, "hip", (0.0, 0.0, 0.0)) for name in ("Shoulder", "Elbow")}
        markers[f"{side}Wrist"] = (f"{side}Elbow", "forearm", (0.0, 0.0, -1.0))
    return markers


@dataclass(frozen=True, slots=True, eq=False)
class Human:
    """A chain, and what is believed of it before anything is seen."""

    chain: Chain
    markers: tuple[str, ...]
    log_length: Float[np.ndarray, " l"]
    """Of a person of 1 m."""
    log_length_spread: Float[np.ndarray, " l"]
    rests: Float[np.ndarray, "j 3"]
    """Rotation vectors (rad)."""
    spread: Float[np.ndarray, "j 3"]
    lowest: Float[np.ndarray, "j 3"]
    highest: Float[np.ndarray, "j 3"]


@cache
def human() -> Human:
    """The one body; treat it as read-only."""
    joints, markers = _joints(), _markers()
    number = {joint.name: n for n, joint in enumerate(joints)}
    offset, place = np.zeros((len(LENGTHS), len(joints), 3)), np.zeros((len(LENGTHS), len(markers), 3))
    for n, joint in enumerate(joints):
        for length, way in joint.way.items():
            offset[_LENGTH[length], n] += way
    for n, (_, length, at) in enumerate(markers.values()):
        place[_LENGTH[length], n] = at
    chain = Chain(
        parents=tuple(-1 if joint.parent is None else number[joint.parent] for joint in joints),
        offset=offset,
        axes=tuple(joint.axes for joint in joints),
        owner=tuple(number[owner] for owner, _, _ in markers.values()),
        place=place,
    )
    limits = np.radians([joint.limit_deg for joint in joints])
    return Human(
        chain,
        tuple(markers),
        np.log([share for share, _ in LENGTHS.values()]),
        np.array([spread for _, spread in LENGTHS.values()]),
        np.radians([joint.rests_deg for joint in joints]),
        np.radians([joint.spread_deg for joint in joints]),
        limits[..., 0],
        limits[..., 1],
    )
