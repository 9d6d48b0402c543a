"""The ways of ``mocap3d calibrate`` that need no board: from people, from the scene, a check, and mending."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from mocap3d.calibration.check import CameraCheck
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.save import save_rig
from mocap3d.cli.calibration_summary import print_findings
from mocap3d.cli.console import Bar, Output
from mocap3d.recalibration import RecalibrateOptions, checked, from_people, from_scene, mended
from mocap3d.session.records import CalibratedRig

Say = Callable[[], None]


def by_people(root: Path, calibrate: CalibrateOptions, options: RecalibrateOptions, output: Output, bar: Bar) -> Say:
    """Places or refines the cameras; gives what is to be said once the work is done."""
    found = from_people(root, options, calibrate.between, progress=bar)
    path, backup = save_rig(found.rig, root)

    def say() -> None:
        _say_written(output, path, backup, f"{found.world}; size by {found.size.source}")
        for view, off_px in found.held_out_px.items():
            before = f" (before {found.before_px[view]:.1f})" if view in found.before_px else ""
            output.text(f"  - [bold]{escape(view)}[/]: people are {off_px:.1f} px off{before}, at times not fitted")
        print_findings(found.findings, output)
        output.result({
            **_files(path, backup), **_cameras(found.rig), "world": found.world, "held_out_px": dict(found.held_out_px),
            "before_px": dict(found.before_px), "findings": [{"code": f.code, "text": f.text} for f in found.findings],
        })  # fmt: skip

    return say


def by_scene(root: Path, calibrate: CalibrateOptions, _: RecalibrateOptions, output: Output, bar: Bar) -> Say:
    """Places the cameras by pictures of the room."""
    found = from_scene(root, calibrate.between, progress=bar)
    path, backup = save_rig(found.result.rig, root)

    def say() -> None:
        _say_written(output, path, backup, found.world)
        output.text(f"points of the room are {found.result.median_px:.2f} px off (median)")
        output.result({**_files(path, backup), **_cameras(found.result.rig), "world": found.world,
                       "median_px": found.result.median_px})  # fmt: skip

    return say


def check_all(root: Path, calibrate: CalibrateOptions, options: RecalibrateOptions, output: Output, bar: Bar) -> Say:
    """Says per camera whether its calibration holds; writes nothing."""
    checks = checked(root, calibrate, options, progress=bar)

    def say() -> None:
        _say_checks(checks, output)
        output.result({"checks": _checks(checks)})

    return say


def mend(root: Path, _: CalibrateOptions, options: RecalibrateOptions, output: Output, bar: Bar) -> Say:
    """Mends what was touched, and writes it if that is better at times that were not fitted."""
    refined = mended(root, options, progress=bar)
    path, backup = save_rig(refined.rig, root) if refined.kept else (None, None)

    def say() -> None:
        output.text(escape(refined.text))
        _say_checks(refined.checks, output)
        if path is not None:
            _say_written(output, path, backup, "as before")
        output.result({"kept": refined.kept, "mended": list(refined.mended), "checks": _checks(refined.checks),
                       "before_px": dict(refined.before_px), "after_px": dict(refined.after_px),
                       **(_files(path, backup) if path else {})})  # fmt: skip

    return say


def _say_checks(checks: Sequence[CameraCheck], output: Output) -> None:
    for each in checks:
        output.text(f"  - {escape(each.text)}")


def _checks(checks: Sequence[CameraCheck]) -> Mapping[str, Any]:
    told = ("holds", "shift_px", "sigma_px", "by_chance", "turn_deg", "move_mm")
    return {each.view: {name: getattr(each, name) for name in told} for each in checks}


def _say_written(output: Output, path: Path, backup: Path | None, world: str) -> None:
    kept = f" [dim](the old one is {escape(backup.name)})[/]" if backup else ""
    output.text(f"[bold]{escape(str(path))}[/] is written{kept}\nworld: {escape(world)}")


def _files(path: Path, backup: Path | None) -> dict[str, Any]:
    return {"calibration": str(path), "backup": backup and str(backup)}


def _cameras(rig: CalibratedRig) -> dict[str, Any]:
    return {"cameras": {view: {"f_px": camera.lens.f_px.tolist(), "position_m": camera.centre_in_world.tolist()}
                        for view, camera in rig.cameras.items()}}  # fmt: skip
