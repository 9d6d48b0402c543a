"""``mocap3d plan RIG``."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.markup import escape

from mocap3d.cli.console import Output, OutputOptions
from mocap3d.cli.parse import parse
from mocap3d.cli.summary import measure
from mocap3d.errors import CalibrationError
from mocap3d.session.files import write_text
from mocap3d.session.rig import read_rig
from mocap3d.session.rig_plan import RigPlan
from mocap3d.synthesis.planning.plan import PlanOptions, plan_rig
from mocap3d.viz.rig_map import rig_map


@dataclass(frozen=True)
class Plan:
    """Predict how exact a rig of cameras will be at every place, and where its cameras should rather stand.

    For somebody who walks there, with what their own body hides, by the covariance that reconstruction states for a
    single frame; bones and motion then make the error smaller.

    $ mocap3d plan rigs/lab8.toml
    $ mocap3d plan rigs/lab4.toml --sigma-px 6 --out lab4.svg
    """

    rig: tyro.conf.Positional[Path]
    """A rig file: cameras and the volume."""
    out: Path | None = None
    """The map as an SVG drawing, where it is not <rig>.svg in the current folder."""
    options: Annotated[PlanOptions, tyro.conf.arg(name="")] = field(default_factory=PlanOptions)
    output: Annotated[OutputOptions, tyro.conf.arg(name="")] = field(default_factory=OutputOptions)


def run(arguments: list[str]) -> int:
    """Computes, draws, prints; 0."""
    command = parse(Plan, arguments)
    output = Output(command.output)
    path = command.out or Path(f"{command.rig.stem}.svg")
    if path.suffix.lower() != ".svg":
        raise CalibrationError(f"{path}: the map is drawn as SVG. Give --out a name that ends with .svg.")
    with output.working("reading the rig") as bar:
        plan = plan_rig(read_rig(command.rig), command.options, progress=bar)
        write_text(path, rig_map(plan))
    _print(plan, path, output)
    output.result({**_as_json(plan), "map": str(path)})
    return 0


def _print(plan: RigPlan, path: Path, output: Output) -> None:
    known = plan.map.error_mm[plan.map.error_mm.isfinite()]
    output.text(
        f"[bold]{measure(plan.error_mm, 'mm')}[/] expected error in 3D (root mean square of one frame, detector "
        f"{plan.sigma_px:g} px), {plan.seen:.1%} of the keypoints seen by two views or more"
    )
    if len(known):
        output.text(
            f"from {measure(float(known.min()), 'mm')} at the best place to {measure(float(known.max()), 'mm')}\n"
        )
    worst = sorted(plan.keypoint_mm.items(), key=lambda pair: -pair[1] if pair[1] == pair[1] else 0)[:4]
    named = (f"{name} {measure(mm, 'mm')}" for name, mm in worst)
    output.text(f"known worst: {', '.join(named)}")
    for found in plan.suggestions:
        place = ", ".join(f"{metres:g}" for metres in found.camera.position_m)
        output.text(
            f"  move [bold]{escape(found.camera.name)}[/] to ({place}) m: {measure(found.before_mm, 'mm')} -> "
            f"{measure(found.after_mm, 'mm')}, seen {found.seen_before:.1%} -> {found.seen_after:.1%}"
        )
    output.text("" if plan.suggestions else "No single camera would do clearly better elsewhere.")
    output.text(f"The map: {escape(str(path))}")


def _as_json(plan: RigPlan) -> dict[str, Any]:
    tables = {name: getattr(plan.map, name) for name in ("x_m", "y_m", "error_mm", "worst_mm", "seen", "n_views")}
    suggestions = [{**asdict(s), "camera": s.camera.name, "position_m": s.camera.position_m} for s in plan.suggestions]
    return {
        "error_mm": _finite(plan.error_mm),
        "seen": plan.seen,
        "places": {name: _finite(table.tolist()) for name, table in tables.items()},
        "keypoint_mm": {name: _finite(mm) for name, mm in plan.keypoint_mm.items()},
        "suggestions": suggestions,
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if value == value else None
