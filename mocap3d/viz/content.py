"""What a report is made from: the records of a reconstruction, and what is known about how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mocap3d.session.records import CalibratedRig, Points3D, Quality, Session, Timeline, Tracks2D
from mocap3d.viz.time_charts import TimeChart


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything that the page shows; nothing of it is computed anew but what is drawn."""

    session: Session
    timeline: Timeline
    rig: CalibratedRig
    tracks: Tracks2D
    """The 2D points that ``points`` were made from."""
    points: Points3D
    quality: Quality
    options: Mapping[str, Any] = field(default_factory=dict)
    """As nested tables of plain values."""
    curves: Mapping[str, tuple[TimeChart, ...]] = field(default_factory=dict)
    """Curves with bands under their headings: joint angles of a person, gait, ..."""
    gait: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of everybody who walks: the numbers of gait as summary.json has them."""
    files: tuple[Path, ...] = ()
    """What was exported; links are relative to the report's folder."""
