"""Curves with bands over time, or over a cycle, as SVG text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from mocap3d.viz.charts import opened

_MOST_POINTS = 900
"""Of one curve: more than there are pixels across it only makes the file larger."""
_LEAST_SPAN = 1.0
"""Units from top to bottom of the curves: what stands still is drawn flat, not as the last digits of its numbers."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart, and one standard deviation about it where that is known."""

    name: str
    values: Float[np.ndarray, " n"]
    sigma: Float[np.ndarray, " n"] | None = None
    side: str = "middle"
    """left, right or middle: the colour."""


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Curves over time, or over a cycle."""

    title: str
    unit: str
    x: Float[np.ndarray, " n"]
    curves: tuple[Curve, ...]
    x_label: str = "s"
    follows_time: bool = True
    """Whether x is the time of the recording: the page then shows there where it is."""


def time_chart(chart: TimeChart) -> str:
    """Curves with bands of one sigma; the page moves the cursor of a chart that follows time."""
    width, height, left, right, top, base = 460, 150, 40, 8, 22, 126
    box = _Box(left, width - right, top, base, chart)
    out = [
        opened(width, height, f"{chart.title} in {chart.unit}", f'data-x="{left} {width - right}"' + _time_of(chart)),
        f'<text class="charttitle" x="4" y="13">{escape(chart.title)} '
        f'<tspan class="faint">{escape(chart.unit)}</tspan></text>',
        *box.grid(),
    ]
    for curve in chart.curves:
        out += box.drawn(curve)
    if chart.follows_time:
        out.append(f'<line class="cursor" x1="{left}" x2="{left}" y1="{top}" y2="{base}"/>')
    return "".join([*out, "</svg>"])


def _time_of(chart: TimeChart) -> str:
    return f' data-t="{chart.x[0]:.4f} {chart.x[-1]:.4f}"' if chart.follows_time and len(chart.x) else ""


class _Box:
    """The axes of a time chart."""

    def __init__(self, left: int, right: int, top: int, base: int, chart: TimeChart):
        self.left, self.right, self.top, self.base, self.chart = left, right, top, base, chart
        self.low, self.high = _range(chart.curves)
        self.keep = np.unique(np.linspace(0, len(chart.x) - 1, min(len(chart.x), _MOST_POINTS)).round().astype(int))

    def grid(self) -> list[str]:
        """Level lines at round numbers, and the ends of x."""
        out = []
        for value in ticks(self.low, self.high, 4):
            y = self._y(value)
            out.append(f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            out.append(f'<text class="tick end" x="{self.left - 5}" y="{y + 3.5:.1f}">{value:g}</text>')
        for value in ticks(float(self.chart.x[0]), float(self.chart.x[-1]), 6) if len(self.chart.x) else ():
            out.append(f'<text class="tick mid" x="{self._x(value):.1f}" y="{self.base + 14}">{value:g}</text>')
        return [
            *out,
            f'<text class="tick end faint" x="{self.right}" y="{self.base + 23}">{escape(self.chart.x_label)}</text>',
        ]

    def drawn(self, curve: Curve) -> list[str]:
        """Band and line, broken where the values are not known."""
        x, y = self.chart.x[self.keep], curve.values[self.keep]
        known = np.isfinite(y)
        pieces = [
            piece for piece in np.split(np.arange(len(x)), np.flatnonzero(np.diff(known)) + 1) if known[piece[:1]].all()
        ]
        line = "".join(f"M{self._points(x[piece], y[piece])}" for piece in pieces if len(piece))
        out = []
        if curve.sigma is not None:
            sigma = np.nan_to_num(curve.sigma[self.keep])
            for piece in pieces:
                if len(piece):
                    there = self._points(x[piece], (y + sigma)[piece])
                    back = self._points(x[piece][::-1], (y - sigma)[piece][::-1])
                    out.append(f'<path class="band {curve.side}" d="M{there}L{back}Z"/>')
        return [*out, f'<path class="curve {curve.side}" d="{line}"><title>{escape(curve.name)}</title></path>']

    def _points(self, x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> str:
        return "L".join(f"{self._x(a):.1f} {self._y(b):.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))

    def _x(self, value: float) -> float:
        first, last = float(self.chart.x[0]), float(self.chart.x[-1])
        return self.left + (value - first) / ((last - first) or 1.0) * (self.right - self.left)

    def _y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.base - share * (self.base - self.top)


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    """Of all curves with their bands, but these at most as much again on either side: a wild band flattens no curve."""
    known = [curve.values[np.isfinite(curve.values)] for curve in curves]
    values = np.concatenate(known or [np.zeros(0)])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = max(0.0, _LEAST_SPAN - (high - low)) / 2
    low, high = low - room, high + room
    most = high - low
    ends = [(c.values - c.sigma, c.values + c.sigma) for c in curves if c.sigma is not None]
    below = min((float(np.nanmin(lower)) for lower, _ in ends if np.isfinite(lower).any()), default=low)
    above = max((float(np.nanmax(upper)) for _, upper in ends if np.isfinite(upper).any()), default=high)
    margin = 0.08 * most
    return max(min(below, low), low - most) - margin, min(max(above, high), high + most) + margin


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) within the range."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]
