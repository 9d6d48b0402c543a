"""Joint angles as curves: left and right of a joint in one chart, in degrees, with bands."""

from collections.abc import Mapping
from math import degrees

import numpy as np
from jaxtyping import Float

from mocap3d.session.records import JointAngles
from mocap3d.viz.time_charts import Curve, TimeChart

_SIDES = {"_l": "left", "_r": "right"}
_DEGREES = degrees(1.0)
_SPOKEN = {
    "arm_flex": "arm flexion",
    "arm_add": "arm adduction",
    "arm_rot": "arm rotation",
    "elbow_flex": "elbow flexion",
    "pro_sup": "forearm pronation",
    "wrist_flex": "wrist flexion",
    "wrist_dev": "wrist deviation",
    "knee_angle": "knee flexion",
    "ankle_angle": "ankle dorsiflexion",
    "mtp_angle": "toe angle",
    "elv_angle": "shoulder plane of elevation",
    "shoulder_elv": "shoulder elevation",
    "shoulder_rot": "shoulder axial rotation",
}
"""What OpenSim's shorter names mean; the curves themselves keep these, as the columns of the files have them."""
_UNSHOWN, _HARDLY = "shown by no keypoint", "hardly shown"


def angle_charts(angles: JointAngles, person: int, *, with_hardly_shown: bool = True) -> tuple[TimeChart, ...]:
    """A chart per angle that some keypoint shows, both sides together; its title says what keeps it from being sure."""
    left_out = (_UNSHOWN,) if with_hardly_shown else (_UNSHOWN, _HARDLY)
    groups: dict[str, list[Curve]] = {}
    doubts: dict[str, str] = {}
    for number, name in enumerate(angles.names):
        values = _DEGREES * angles.angle_rad[:, person, number].numpy()
        words = angles.observable[person][number]
        if not np.isfinite(values).any() or words.startswith(left_out):
            continue
        side = _SIDES.get(name[-2:], "middle")
        stem = name if side == "middle" else name[:-2]
        sigma = _DEGREES * angles.sigma_rad[:, person, number].numpy()
        groups.setdefault(stem, []).append(Curve(name, values, sigma, side))
        doubts[stem] = "" if words == "measured" else f", {words.split(':')[0].split(' (')[0]}"
    t_s = angles.t_s.numpy()
    return tuple(TimeChart(_told(stem) + doubts[stem], "deg", t_s, tuple(curves)) for stem, curves in groups.items())


def angle_sections(angles: JointAngles) -> dict[str, tuple[TimeChart, ...]]:
    """Headings and charts of everybody."""
    sections = {f"Joint angles: {name}": angle_charts(angles, n) for n, name in enumerate(angles.people)}
    return {title: charts for title, charts in sections.items() if charts}


def _told(stem: str) -> str:
    """hip_flexion -> Hip flexion."""
    return _SPOKEN.get(stem, stem.replace("_", " ")).capitalize()


def cycle_charts(
    curves: Mapping[str, tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]], unit: str = "deg"
) -> tuple[TimeChart, ...]:
    """(mean, standard deviation) over the strides by name, from one strike to the next; both sides together."""
    groups: dict[str, list[Curve]] = {}
    n = 0
    for name, (mean, deviation) in curves.items():
        side, n = _SIDES.get(name[-2:], "middle"), len(mean)
        groups.setdefault(name if side == "middle" else name[:-2], []).append(Curve(name, mean, deviation, side))
    percent = np.linspace(0.0, 100.0, n)
    return tuple(
        TimeChart(_told(stem), unit, percent, tuple(both), x_label="% of the stride", follows_time=False)
        for stem, both in groups.items()
    )
