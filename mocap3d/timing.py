"""When the views of a session were started: measured on its own videos or keypoints, and kept in the session."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mocap3d.calibration.load import load_calibration
from mocap3d.detection.detect import Progress, detect
from mocap3d.detection.options import DetectOptions
from mocap3d.session.clocks import write_offsets
from mocap3d.session.records import Session
from mocap3d.synchronisation.synchronise import SyncOptions, ViewClock, synchronise


@dataclass(frozen=True)
class TimingOptions:
    """How far to look, and how people are found."""

    sync: SyncOptions = field(default_factory=SyncOptions)
    detect: DetectOptions = field(default_factory=DetectOptions)
    calibration_unit: Literal["m", "cm", "mm", "in"] | None = None
    """Length unit of a calibration file that does not state its own (anipose)."""


def measured_clocks(
    session: Session, options: TimingOptions, *, progress: Progress | None = None
) -> tuple[ViewClock, ...]:
    """The clock of each view with a camera; see :func:`mocap3d.synchronisation.synchronise.synchronise`."""
    rig = load_calibration(session, unit=options.calibration_unit)
    found = detect(session, options.detect, views=tuple(rig.cameras), progress=progress)
    return synchronise(session, found, rig, options.sync, progress=progress)


def keep(session: Session, clocks: tuple[ViewClock, ...]) -> Path | None:
    """Writes synchronisation.toml with the views whose clock is clear; None where no view but the first one's is."""
    clear = {clock.view: (clock.offset_s, clock.sigma_s) for clock in clocks if clock.is_clear}
    return write_offsets(session.root, clear) if len(clear) > 1 else None
