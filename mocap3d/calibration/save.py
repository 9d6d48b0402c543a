"""A calibration on disk: calibration.toml, what was there before kept under a number, and the report beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocap3d.calibration.calibrate import Calibration
from mocap3d.calibration.formats.native import write_calibration
from mocap3d.calibration.report.numbers import as_json
from mocap3d.calibration.report.page import page
from mocap3d.errors import CalibrationError
from mocap3d.session.calibration_file import OURS
from mocap3d.session.files import write_atomically, write_text
from mocap3d.session.records import CalibratedRig

PAGE, NUMBERS, LENSES = "calibration_report.html", "calibration_report.json", "lenses.toml"


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written."""

    calibration: Path
    backup: Path | None
    """Where the calibration that was there before is kept."""
    page: Path
    numbers: Path


def save(calibration: Calibration, root: Path) -> tuple[Saved, dict[str, Any]]:
    """Writes calibration.toml and the report into a session; what was written, and what the report says."""
    report = as_json(calibration)
    path, backup = save_rig(calibration.rig, root)
    write_text(root / NUMBERS, json.dumps(report, indent=1, allow_nan=False) + "\n")
    write_text(root / PAGE, page(report))
    return Saved(path, backup, root / PAGE, root / NUMBERS), report


def save_rig(rig: CalibratedRig, root: Path, name: str = OURS) -> tuple[Path, Path | None]:
    """The calibration alone; its path, and that of the one that was there before, if any."""
    path = root / name
    backup = _kept(path) if path.exists() else None
    write_calibration(rig, path)
    if backup is not None and backup.read_bytes() == path.read_bytes():  # nothing would be lost
        backup.unlink()
        backup = None
    return path, backup


def _kept(path: Path) -> Path:
    """The old file under the first free number: calibration.1.toml, calibration.2.toml ..."""
    number = 1
    while (kept := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise CalibrationError(f"{path} cannot be kept as {kept.name} ({problem.strerror}). Move it away.") from None
    with write_atomically(kept) as file:
        file.write(content)
    return kept
