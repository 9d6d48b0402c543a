"""A reconstruction told to a lab person."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.markup import escape

from mocap3d.cli.console import Output
from mocap3d.evaluation.summary import PersonSummary, Summary

CONTENT = {
    ".html": "look here first: verdict, 3D scene, angles, evidence; opens in any browser",
    ".trc": "markers for OpenSim (metres, Y up)",
    ".c3d": "markers and gait events for Visual3D, Vicon, MATLAB",
    ".mot": "coordinates of the model for OpenSim (degrees)",
    ".osim": "the scaled model for OpenSim",
    ".xml": "set-up of OpenSim's inverse kinematics: runs as it is",
    ".bvh": "the skeleton in motion, for Blender, MotionBuilder, Maya",
    ".glb": "the same with a body, for Blender, Unreal, a browser",
    ".csv": "one row per frame, with doubt and provenance",
    ".parquet": "all people as one table for pandas, with covariances",
    ".npz": "everything, for NumPy",
    ".json": "this summary",
    "_strides.csv": "one row per stride: lengths, times, phases",
    "_cycle.csv": "mean and deviation of the angles over the stride, 0 to 100 %",
}
"""By the end of a file's name; the longest that fits counts."""


def print_summary(summary: Summary, files: Sequence[Path], output: Output) -> None:
    """Size, people, views, doubt, what is doubtful, and where the files are."""
    people = counted(len(summary.people), "person", "people")
    output.text(
        f"[bold]{counted(summary.n_frames, 'frame')}[/] ({summary.duration_s:.2f} s at {summary.rate_hz:.6g} Hz) of "
        f"[bold]{people}[/] from [bold]{counted(len(summary.views), 'view')}[/], "
        f"{len(summary.keypoints)} keypoints ({summary.skeleton})\n"
    )
    _print_people(summary, output)
    _print_views(summary, output)
    _print_doubt(summary, output)
    output.text(f"[bold]Results[/] in {escape(str(files[-1].parent))}")
    width = max(len(path.name) for path in files)
    for path in files:
        output.text(f"  {escape(path.name.ljust(width))}  {_content(path.name)}")


def _content(name: str) -> str:
    return CONTENT[max((end for end in CONTENT if name.endswith(end)), key=len)]


def counted(n: int, one: str, more: str | None = None) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def as_typed(path: Path | str) -> str:
    """A path as every shell takes it."""
    return f'"{path}"' if " " in str(path) else str(path)


def measure(value: float, unit: str, digits: int = 1) -> str:
    """A number with its unit; a dash where it is not known."""
    return "-" if math.isnan(value) else f"{value:.{digits}f} {unit}"


def _percent(fraction: float) -> str:
    return measure(100 * fraction, "%")


def _print_people(summary: Summary, output: Output) -> None:
    numbers = dict.fromkeys(("measured", "filled", "missing"), "right")
    rows = [
        [person.name, *(_percent(part) for part in (person.measured, person.filled, person.missing)), _bones(person)]
        for person in summary.people
    ]
    output.table({"Person": "left", **numbers, "bone lengths vary by": "left"}, rows)
    output.text(
        "[dim]measured: two views or more agree; filled: bridged by body and motion; missing: unknown; all of the\n"
        "time from when somebody was first seen to when they were last[/]\n"
    )


def _bones(person: PersonSummary) -> str:
    spread_mm = {limb: mm for limb, mm in person.limb_spread_mm.items() if not math.isnan(mm)}
    if not spread_mm:
        return "-"
    worst = max(spread_mm, key=lambda limb: spread_mm[limb])
    return f"{median(spread_mm.values()):.1f} mm (most: {worst} {spread_mm[worst]:.1f} mm)"


def _print_views(summary: Summary, output: Output) -> None:
    numbers = dict.fromkeys(("reprojection error", "keypoints that agree", "detector noise"), "right")
    rows = [
        [view.name, measure(view.reprojection_px, "px"), _percent(view.agreeing), measure(view.noise_px, "px")]
        for view in summary.views
    ]
    output.table({"View": "left", **numbers}, rows)
    lasting, constant = measure(100 * summary.lasting_noise, "%", 0), measure(100 * summary.constant_noise, "%", 0)
    output.text(
        "[dim]medians; noise: one sigma per axis as measured on this recording;\n"
        f"of its variance {lasting} lasts over frames, {constant} stays (calibration, habits of the detector)[/]\n"
    )


def _print_doubt(summary: Summary, output: Output) -> None:
    sigmas = sorted((k.sigma_mm, k.name) for k in summary.keypoints if not math.isnan(k.sigma_mm))
    doubt = f"doubt of a keypoint (one sigma): {_typical(sigmas)}" if sigmas else "doubt was not computed"
    output.text(f"Each point rests on {measure(summary.views_per_point, 'views')} on average; {doubt}\n")
    output.text("[bold]Doubtful[/]" if summary.doubtful else "Nothing looks doubtful.")
    for sentence in summary.doubtful:
        output.text(f"  - {escape(sentence)}")
    output.text()


def _typical(sigmas: Sequence[tuple[float, str]]) -> str:
    (least, best), (most, worst) = sigmas[0], sigmas[-1]
    return f"{median(mm for mm, _ in sigmas):.1f} mm, from {best} {least:.1f} mm to {worst} {most:.1f} mm"
