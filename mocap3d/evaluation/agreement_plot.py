"""Bland-Altman plots as SVG: the difference over the mean, with bias and limits; no plotting library needed."""

from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Float

from mocap3d.evaluation.agreement import Agreement
from mocap3d.session.files import write_text_atomically

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 400, 70, 50, 40, 110
MOST = 1500
"""Points drawn of each axis, evenly spread."""
COLOURS = ("#c0392b", "#27ae60", "#2471a3")
AXES = ("x", "y", "z")


def write_bland_altman(
    path: Path, agreement: Agreement, mean: Float[np.ndarray, "t c"], difference: Float[np.ndarray, "t c"]
) -> None:
    """One signal; a joint's three axes in one plot."""
    known = np.isfinite(mean).all(1) & np.isfinite(difference).all(1)
    mean, difference = mean[known], difference[known]
    x_range = _range(mean)
    y_range = _range(np.concatenate([difference.ravel(), agreement.low, agreement.high]))
    parts = [_frame(agreement, x_range, y_range)]
    for axis in range(difference.shape[1]):
        rows = np.unique(np.linspace(0, len(mean) - 1, min(len(mean), MOST)).astype(int)) if len(mean) else []
        dots = "".join(
            f'<circle cx="{_x(mean[r, axis], x_range):.1f}" cy="{_y(difference[r, axis], y_range):.1f}" r="1.5"/>'
            for r in rows
        )
        parts.append(f'<g fill="{COLOURS[axis]}" fill-opacity="0.35">{dots}</g>')
        parts.append(_lines(agreement, axis, difference.shape[1], y_range))
    with write_text_atomically(path) as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
            f'font-size="12">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
            + "\n".join(parts)
            + "\n</svg>\n"
        )


def _lines(agreement: Agreement, axis: int, n_axes: int, y_range: tuple[float, float]) -> str:
    """Bias, and the limits dashed."""
    colour = COLOURS[axis] if n_axes > 1 else "black"
    lines = []
    for value, dash in ((agreement.bias[axis], ""), (agreement.low[axis], "6 4"), (agreement.high[axis], "6 4")):
        if np.isfinite(value):
            y = _y(value, y_range)
            lines.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" '
                f'stroke-dasharray="{dash}"/>'
                f'<text x="{WIDTH - RIGHT + 4}" y="{y + 4:.1f}" fill="{colour}">{value:+.1f}'
                f"{' ' + AXES[axis] if n_axes > 1 else ''}</text>"
            )
    return "".join(lines)


def _frame(agreement: Agreement, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    """Axes, ticks, labels."""
    title = f"{agreement.name}: RMSE {agreement.rmse:.1f} {agreement.unit}, n = {agreement.n}"
    ticks = "".join(
        f'<text x="{_x(v, x_range):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{v:.0f}</text>'
        for v in np.linspace(*x_range, 5)
    ) + "".join(
        f'<text x="{LEFT - 6}" y="{_y(v, y_range) + 4:.1f}" text-anchor="end">{v:.1f}</text>'
        for v in np.linspace(*y_range, 5)
    )
    return (
        f'<text x="{LEFT}" y="{TOP - 16}" font-weight="bold">{escape(title)}</text>'
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" fill="none" '
        'stroke="#888"/>'
        f'{ticks}<text x="{LEFT}" y="{HEIGHT - 8}">mean of both ({agreement.unit})</text>'
        f'<text transform="translate(14 {HEIGHT - BOTTOM}) rotate(-90)">ours minus reference ({agreement.unit})</text>'
    )


def _range(values: Float[np.ndarray, "*n"]) -> tuple[float, float]:
    known = np.asarray(values)[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    margin = max(0.05 * (high - low), 1e-3)
    return low - margin, high + margin


def _x(value: float, x_range: tuple[float, float]) -> float:
    return LEFT + (value - x_range[0]) / (x_range[1] - x_range[0]) * (WIDTH - LEFT - RIGHT)


def _y(value: float, y_range: tuple[float, float]) -> float:
    return HEIGHT - BOTTOM - (value - y_range[0]) / (y_range[1] - y_range[0]) * (HEIGHT - TOP - BOTTOM)
