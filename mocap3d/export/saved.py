"""Results read back from their folder, to export more of them without computing anything again."""

import json
from collections.abc import Sequence
from pathlib import Path

from mocap3d.errors import FormatError, SessionError
from mocap3d.export.motion_npz import read_motion_npz
from mocap3d.export.npz import read_npz
from mocap3d.export.results import MOTION, POINTS, RESULTS, SUMMARY, Results
from mocap3d.session.motion_files.markers import Event


def read_results(folder: Path) -> tuple[Results, Path]:
    """What reconstruct saved, and where: in ``folder``, or in its results/. Refuses one without points.npz."""
    found = results_in(folder)
    if found is None:
        is_there = "no such folder" if not folder.is_dir() else f"no {POINTS} in it, nor in its results/"
        raise SessionError(
            f"{folder}: found {is_there}. Needed: the results of `mocap3d reconstruct`, with npz among its formats "
            "(as it is unless --formats leaves it out)."
        )
    points = read_npz(found / POINTS)
    saved = read_motion_npz(found / MOTION) if (found / MOTION).is_file() else None
    if saved is not None and (saved.motion.people, len(saved.motion.t_s)) != (points.people, len(points.t_s)):
        raise FormatError(
            f"{found / MOTION}: does not belong to the {POINTS} beside it: people or frames differ. Reconstruct again."
        )
    events = _events(found / SUMMARY)
    if saved is None:
        return Results(points, events=events), found
    return Results(points, saved.motion, saved.angles, events), found


def results_in(folder: Path) -> Path | None:
    """The results folder that ``folder`` is, or has; None where there is none with points.npz."""
    return next((place for place in (folder, folder / RESULTS) if (place / POINTS).is_file()), None)


def _events(path: Path) -> dict[str, Sequence[Event]]:
    """Gait events by person, where the summary has them."""
    try:
        gait = json.loads(path.read_text(encoding="utf-8"))["gait"]
        return {person: tuple(Event(**event) for event in of_person["events"]) for person, of_person in gait.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
