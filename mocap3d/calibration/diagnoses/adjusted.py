"""What is wrong with the recordings of all views together, by name, each with its remedy.

A fault is named where the recordings show it to be the likeliest reason; what is only unusual is left to the verdicts.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from mocap3d.calibration.bundle import BundleResult
from mocap3d.calibration.diagnoses.bent_board import bend
from mocap3d.calibration.diagnoses.clocks import clocks
from mocap3d.calibration.diagnoses.moved_cameras import moves
from mocap3d.calibration.diagnoses.refit import Start
from mocap3d.calibration.findings import Finding
from mocap3d.calibration.options import Between
from mocap3d.session.records import TargetObservations
from mocap3d.session.views import listed

EXPLAINED = 0.8
"""A suspicion is a fault if, put right, it leaves less than so much of the misfit."""
LATE_S, LATE_SIGMAS, LATE_BESIDE = 0.004, 5.0, 0.25
"""A clock is off if it is by more than so much, by so many sigmas, and by so much of the one that is off most."""
MOVED_PX = 2.0
"""A camera moved if its picture shifted by more than so many pixels."""
BENT_SHARE, BENT_SIGMAS, BENT_EXPLAINED = 0.003, 5.0, 0.9
"""A board is bent if a corner stands out by so much of its diagonal, and so many sigmas."""
SCALE_SHARE = 0.01


def disturbed(board: TargetObservations, everything: TargetObservations, start: Start) -> tuple[Finding, ...]:
    """A board that is bent, else clocks that are off, else a camera that moved: each looks a little like what follows
    it, and not the other way round."""
    return tuple(bent(board, start)) or tuple(late(board, everything, start)) or tuple(moving(board, start))


def late(board: TargetObservations, everything: TargetObservations, start: Start) -> Iterator[Finding]:
    """Views whose clocks are off."""
    found = clocks(board, everything, start)
    worst_s = max((abs(clock.late_s) for clock in found.values()), default=0.0)
    for view, clock in found.items():
        is_much = abs(clock.late_s) > max(LATE_S, LATE_SIGMAS * clock.sigma_s, LATE_BESIDE * worst_s)
        if is_much and clock.misfit_px < EXPLAINED * clock.stated_misfit_px:
            word = "late" if clock.late_s > 0 else "early"
            yield Finding(
                "unsynchronised",
                f"the video of '{view}' is {word} by {abs(clock.late_s):.3f} s: its corners are ahead of or behind "
                f"where the other views expect them, always by as much in time; put right, they are "
                f"{clock.misfit_px:.2f} px off in place of {clock.stated_misfit_px:.2f}. Synchronise the cameras, or "
                f"write offset_s = {clock.late_s:.3f} (added to what is there) under [views.{view}] in session.toml, "
                "and calibrate again.",
                (view,),
            )


def moving(board: TargetObservations, start: Start) -> Iterator[Finding]:
    """The camera that moved most, if one did."""
    found = moves(board, start)
    if len(found) > 2 and min(move.shift_px for move in found.values()) > MOVED_PX:
        return  # everything seems to move: one part of the recording is too poor to tell
    moved = {view: move for view, move in found.items()
             if move.shift_px > MOVED_PX and move.misfit_px < EXPLAINED * move.unmoved_misfit_px}  # fmt: skip
    if not moved:
        return
    view = max(moved, key=lambda name: moved[name].shift_px)
    suspects = tuple(found) if len(found) < 3 else (view,)
    names = f"'{view}'" if len(suspects) == 1 else f"{listed(suspects)} (one of the two)"
    yield Finding(
        "moving-camera",
        f"the camera {names} moved while the board was filmed: its picture shifted by {moved[view].shift_px:.1f} px "
        "between two parts of the recording. Fix it (also its cable, and switch off stabilisation and autofocus), and "
        "film the board again; trials that were filmed before it moved need a calibration of their own.",
        suspects,
    )


def bent(board: TargetObservations, start: Start) -> Iterator[Finding]:
    """A flat board that is not flat."""
    found = bend(board, start)
    if found is None or found.misfit_px > BENT_EXPLAINED * found.flat_misfit_px:
        return
    diagonal_m = float((board.p_in_target.amax(0) - board.p_in_target.amin(0)).norm())
    certain = found.up_m.abs() > (BENT_SIGMAS * found.sigma_m).clamp(min=BENT_SHARE * diagonal_m)
    if int(certain.sum()) >= 2:
        worst_m = float(found.up_m[certain].abs().max())
        yield Finding(
            "bent-board",
            f"the board '{board.name}' is not flat: its corners stand up to {1000 * worst_m:.1f} mm out of its plane. "
            "Glue the print to something stiff (aluminium composite, glass), and film it again.",
        )


def wrong_size(result: BundleResult, between: Between) -> Iterator[Finding]:
    """A board whose squares are not as large as stated, by a distance that was measured."""
    if not between.views or not set(between.views) <= set(result.rig.cameras):
        return
    a, b = (result.rig.cameras[view].centre_in_world for view in between.views)
    found_m, sigma_m = float((a - b).norm()), _place_sigma_m(result, between.views)
    if abs(found_m - between.metres) > max(SCALE_SHARE * between.metres, 3 * sigma_m):
        yield Finding(
            "wrong-square-size",
            f"{' and '.join(between.views)} come out {found_m:.3f} m apart, but {between.metres:.3f} m were measured. "
            f"The squares of the print are then {between.metres / found_m:.4f} times as large as its definition says: "
            "measure ten of them with a ruler, and correct its sizes (all by the same factor).",
            between.views,
        )


def _place_sigma_m(result: BundleResult, views: Sequence[str]) -> float:
    return float(np.linalg.norm([result.sigma(f"{view}.{axis}") for view in views for axis in "xyz"]))
