"""What came of an adaptation, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from mocap3d.learning.agreement import Agreement
from mocap3d.session.records import ViewId
from mocap3d.session.views import listed


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What came of it."""

    session: Path
    weights: Path | None
    """None where the new weights were no better, and not kept."""
    started_from: str
    held_out: ViewId
    n_pictures: int
    before: Mapping[ViewId, Agreement]
    """Of each view with the 3D of all but the held-out one."""
    after: Mapping[ViewId, Agreement]

    @property
    def gain(self) -> float:
        """Part by which the held-out view's error fell; negative where it rose."""
        return 1 - self.after[self.held_out].mean_error / self.before[self.held_out].mean_error


def report(result: Adaptation) -> list[str]:
    """What was done and what it changed, in words and numbers."""
    kept = result.weights is not None
    judged = (
        f"Its error against the 3D of the others {'fell' if result.gain > 0 else 'rose'} by {abs(result.gain):.1%}."
        if isfinite(result.gain)
        else "It shows nobody whom the others have measured in 3D, and judges nothing: hold out another by --hold-out."
    )
    lines = [
        f"Adapted {result.started_from} to {result.session.resolve().name}: learnt from {result.n_pictures} pictures "
        f"of people, of the views {listed(view for view in result.before if view != result.held_out)}.",
        f"Nothing was learnt from view '{result.held_out}'. {judged}",
        "Distance from the 3D of the views learnt from to what each view sees, median, and within 0.1 torso lengths:",
    ]
    for view, was in result.before.items():
        if not was.n:
            lines.append(f"  {view}: nothing to compare")
            continue
        now = result.after[view]
        note = " (held out)" if view == result.held_out else ""
        lines.append(
            f"  {view}{note}: {was.median_px:.1f} -> {now.median_px:.1f} px, {was.pck:.1%} -> {now.pck:.1%} "
            f"of {was.n} points"
        )
    if kept:
        lines.append(
            f"The new weights were kept. They are used only where they are asked for: mocap3d reconstruct "
            f"{result.session} --detect.detector {result.weights}"
        )
    else:
        lines.append("The new weights were not kept: the held-out view does not agree better with them.")
    return lines
