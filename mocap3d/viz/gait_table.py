"""The numbers of somebody's gait, left and right beside each other."""

from collections.abc import Mapping
from typing import Any

from mocap3d.viz.elements import section, table

_UNITS = {"_m_per_s": "m/s", "_per_min": "per min", "_percent": "%", "_m": "m", "_s": "s"}
"""Endings of the numbers' names, the longer ones first."""
_WHOLE = ("cadence_per_min", "speed_m_per_s", "belt_m_per_s")


def gait_section(anchor: str, person: str, gait: Mapping[str, Any]) -> str:
    """Means over the strides of each side, and (right - left) / mean."""
    strides, means, symmetry = gait["n_strides"], gait["mean"], gait["symmetry_percent"]
    rows = [(*_named(name), "", "", "", _number(gait[name])) for name in _WHOLE]
    for name, of_side in means.items():
        left, right = (_number(of_side[side]) for side in of_side)
        rows.append((*_named(name), left, right, _number(symmetry[name], digits=1), ""))
    counts = ", ".join(f"{n} {side}" for side, n in strides.items())
    kind = "Running" if gait.get("is_running") else "Walking"
    told = f"{kind}. Means over the strides ({counts}); symmetry is (right - left) / mean, 0 is symmetric."
    heads = ("", "unit", "left", "right", "symmetry, %", "both")
    return section(anchor, f"Gait: {person}", told, table(heads, rows))


def _named(name: str) -> tuple[str, str]:
    """step_width_m -> Step width, m."""
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " ").capitalize(), unit
    return name.replace("_", " ").capitalize(), ""


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
