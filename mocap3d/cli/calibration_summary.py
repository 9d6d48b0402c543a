"""A calibration's report on the console."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from mocap3d.calibration.findings import Finding
from mocap3d.calibration.intrinsics import LensEstimate
from mocap3d.calibration.save import Saved
from mocap3d.cli.console import Output
from mocap3d.session.records import ViewId

HEADS = ("lens", "frames", "RMS", "held out", "f (px)", "doubt of place")


def print_calibration(report: dict[str, Any], saved: Saved, output: Output) -> None:
    """Files, errors, a table of the cameras, and the verdicts."""
    kept = f" [dim](the old one is {escape(saved.backup.name)})[/]" if saved.backup else ""
    output.text(f"[bold]{escape(str(saved.calibration))}[/]: {len(report['cameras'])} cameras{kept}")
    if report["not_calibrated"]:
        output.text(f"[bold]not calibrated[/]: {escape(', '.join(report['not_calibrated']))}")
    output.text(f"report: {escape(str(saved.page))}")
    output.text(
        f"corners are {_px(report['rms_px'])} off (RMS; median {_px(report['median_px'])}), on frames that were not "
        f"fitted {_px(report['held_out_rms_px'])} (median {_px(report['held_out_median_px'])})"
    )
    if report["rigidity_mm"] is not None:
        output.text(
            f"the board comes out rigid to {report['rigidity_mm']:.2f} mm, {report['scale_error_percent']:+.2f} % large"
        )
    output.text(f"world: {escape(report['world'])}\n")
    rows = [[view, *_row(camera)] for view, camera in report["cameras"].items()]
    output.table({"view": "left", **dict.fromkeys(HEADS, "right")}, rows)
    output.text()
    for view, camera in report["cameras"].items():
        said = "; ".join((camera["grade"], *camera["reasons"]))
        output.text(f"  - [bold]{escape(view)}[/]: {escape(said)}.")


def print_lenses(lenses: Mapping[ViewId, LensEstimate], path: Path, output: Output) -> None:
    """Of lenses alone."""
    output.text(f"[bold]{escape(str(path))}[/]: {len(lenses)} lenses\n")
    for view, lens in lenses.items():
        output.text(f"  - [bold]{escape(view)}[/]: RMS {lens.rms_px:.2f} px. {escape(lens.verdict)}")


def print_findings(findings: Sequence[Finding], output: Output) -> None:
    """What is wrong with the recordings, by name."""
    if findings:
        output.text("\n[bold]found[/]")
    for finding in findings:
        output.text(f"  - [bold]{finding.code}[/]: {escape(finding.text)}")


def _row(camera: dict[str, Any]) -> list[str]:
    focal = f"{sum(camera['f_px']) / 2:.1f} +- {camera['focal_sigma_px']:.1f}"
    errors = (_px(camera["rms_px"]), _px(camera["held_out_rms_px"]))
    return [camera["lens"], str(camera["n_pictures"]), *errors, focal, f"{camera['place_sigma_mm']:.1f} mm"]


def _px(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} px"
