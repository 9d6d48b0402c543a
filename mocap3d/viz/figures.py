"""Figures for papers, as vector files by matplotlib: stick figures in a row, curves with bands, the cameras' places."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.session.files import written_aside
from mocap3d.session.records import CalibratedRig, Points3D
from mocap3d.viz.bodies import drawn_limbs, front, limb_side
from mocap3d.viz.colours import SIDES
from mocap3d.viz.time_charts import TimeChart

SUFFIXES = (".pdf", ".svg", ".eps", ".png")
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "mocap3d",
    "pdf.fonttype": 42,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
}
"""Editable text, and no random numbers in the file."""


def stick_figures(points: Points3D, person: int, path: Path, *, n: int = 8, end_to_end: bool = False) -> None:
    """``n`` instants of somebody, evenly spread, seen from their right; left blue, right orange."""
    instants = _known_instants(points, person, n)
    forward = front(points, person)
    side = np.array([forward[1], -forward[0], 0.0])  # to their right
    figure, axes = _figure(7.0, 2.2)
    span = 0.0
    for instant in instants:
        p = points.p_in_world[instant, person].numpy()
        flat = np.stack([p @ forward, p[:, 2]], -1)
        left_m = float(np.nanmin(flat[:, 0]))
        flat[:, 0] += 0.0 if end_to_end else span + 0.15 - left_m
        span = float(np.nanmax(flat[:, 0]))
        order = sorted(drawn_limbs(points.skeleton), key=lambda limb: np.nansum(p[list(limb)] @ side))
        for limb in order:
            colour = SIDES[limb_side(points.skeleton, limb)]
            axes.plot(*flat[list(limb)].T, color=colour, linewidth=1.4, solid_capstyle="round")
        axes.text(
            np.nanmean(flat[:, 0]), -0.09, f"{float(points.t_s[instant]):.2f} s", ha="center", va="top", fontsize=7
        )
    axes.axhline(0, color="#b7bec7", linewidth=0.6, zorder=0)
    axes.set_aspect("equal")
    axes.set_axis_off()
    _save(figure, path)


def curves(charts: Sequence[TimeChart], path: Path, *, columns: int = 3) -> None:
    """Small charts with bands of one standard deviation."""
    if not charts:
        raise FormatError(f"{path}: there are no curves to draw. Needed: joint angles in the results.")
    rows = -(-len(charts) // columns)
    figure, grid = _figure(7.0, 1.7 * rows, rows, min(columns, len(charts)))
    for axes, chart in zip(np.atleast_1d(grid).flat, charts, strict=False):
        for curve in chart.curves:
            axes.plot(chart.x, curve.values, color=SIDES[curve.side], linewidth=1.0, label=curve.name)
            if curve.sigma is not None:
                low, high = curve.values - curve.sigma, curve.values + curve.sigma
                axes.fill_between(chart.x, low, high, color=SIDES[curve.side], alpha=0.22, linewidth=0)
        axes.set_title(chart.title.replace(", ", "\n"), fontsize=8, loc="left")  # what is doubtful on a line of its own
        axes.set_ylabel(chart.unit)
        axes.set_xlabel(chart.x_label)
    for axes in np.atleast_1d(grid).flat[len(charts) :]:
        axes.set_axis_off()
    _save(figure, path)


def camera_layout(rig: CalibratedRig, points: Points3D | None, path: Path) -> None:
    """Cameras and the ways of people from above and from the side."""
    figure, (above, beside) = _figure(7.0, 3.4, 1, 2)
    for axes, second, label in ((above, 1, "y (m)"), (beside, 2, "z (m)")):
        for name, camera in rig.cameras.items():
            centre = camera.centre_in_world.reshape(-1, 3)[0].numpy()
            forward = camera.cam_from_world.rotation.reshape(-1, 3, 3)[0, 2].numpy()
            tip = centre + 0.6 * forward
            axes.annotate("", tip[[0, second]], centre[[0, second]], arrowprops={"arrowstyle": "-|>", "lw": 0.8})
            axes.plot(*centre[[0, second]], "o", color="#16202c", markersize=3.5)
            axes.annotate(name, centre[[0, second]], xytext=(4, 4), textcoords="offset points", fontsize=7)
        for person in range(len(points.people) if points else 0):
            middle = _way(points, person)
            axes.plot(middle[:, 0], middle[:, second], linewidth=0.9, color=list(SIDES.values())[person % 3])
        axes.set_xlabel("x (m)")
        axes.set_ylabel(label)
        axes.set_aspect("equal", adjustable="datalim")
    _save(figure, path)


def _way(points: Points3D | None, person: int) -> Float[np.ndarray, "t 3"]:
    assert points is not None
    return points.p_in_world[:, person].nanmean(1).numpy()


def _known_instants(points: Points3D, person: int, n: int) -> list[int]:
    known = points.p_in_world[:, person].isfinite().all(-1).double().mean(-1)
    whole = (known > 0.8 * float(known.max())).nonzero()[:, 0] if len(known) and known.max() > 0 else known[:0]
    if not len(whole):
        raise FormatError(
            f"person '{points.people[person]}' is never known: there is nothing to draw. Look at the report."
        )
    places = np.linspace(0, len(whole) - 1, min(n, len(whole))).round().astype(int)
    return [int(whole[place]) for place in places]


def _figure(width_in: float, height_in: float, rows: int = 1, columns: int = 1) -> Any:
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise FormatError("matplotlib is not installed; figures need it. pip install mocap3d[plot]") from None
    mpl.rcParams.update(_STYLE)
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots(rows, columns)


def _save(figure: Any, path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise FormatError(f"{path}: figures are written as {', '.join(SUFFIXES)}. Choose one of them.")
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".eps": {}}.get(path.suffix.lower())
    with written_aside(path) as aside:
        figure.savefig(aside, metadata=metadata, dpi=200)
