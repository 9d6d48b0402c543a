"""Charts as SVG text: no library, no script needed to see them, colours from the page's own palette."""

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from jaxtyping import Float

from mocap3d.viz.colours import sequential

_CELL_W, _CELL_H = 34, 22
_LABEL_W, _HEAD_H, _LEAN_W = 92, 78, 40
"""For the names of rows, those of columns, and the last of these, which lean beyond their cells."""


def heatmap(
    values: Float[np.ndarray, "r c"],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    unit: str,
    title: str,
    worst: float | None = None,
    write: Callable[[float], str] = lambda value: f"{value:.1f}",
) -> str:
    """Cells from dark blue (0) to yellow (``worst``, or the 98th percentile); a dash where nothing is known."""
    known = values[np.isfinite(values)]
    top = worst or (float(np.percentile(known, 98)) if len(known) else 1.0) or 1.0
    width, height = _LABEL_W + _CELL_W * len(columns) + _LEAN_W, _HEAD_H + _CELL_H * len(rows) + 4
    parts = [opened(width, height, title)]
    for c, name in enumerate(columns):
        x, y = _LABEL_W + _CELL_W * (c + 0.62), _HEAD_H - 8
        parts.append(f'<text class="tick" transform="translate({x:.1f} {y}) rotate(-48)">{escape(name)}</text>')
    for r, row in enumerate(rows):
        y = _HEAD_H + _CELL_H * r
        parts.append(f'<text class="tick end" x="{_LABEL_W - 8}" y="{y + 15}">{escape(_short(row))}</text>')
        for c, column in enumerate(columns):
            parts.append(_cell(float(values[r, c]), top, c, y, f"{row}, {column}", unit, write))
    return "".join([*parts, "</svg>"])


def _cell(value: float, top: float, column: int, y: int, what: str, unit: str, write: Callable[[float], str]) -> str:
    x = _LABEL_W + _CELL_W * column
    if not math.isfinite(value):
        title = f"<title>{escape(what)}: unknown</title>"
        return f'<text class="tick mid faint" x="{x + _CELL_W / 2}" y="{y + 15}">-{title}</text>'
    fill, ink = sequential(value / top)
    width, height, told = _CELL_W - 1.5, _CELL_H - 1.5, f"{escape(what)}: {write(value)} {unit}"
    return (
        f'<g><rect x="{x + 0.75}" y="{y + 0.75}" width="{width}" height="{height}" rx="3" fill="{fill}"/>'
        f'<text class="cell" x="{x + _CELL_W / 2}" y="{y + 15}" fill="{ink}">{write(value)}</text>'
        f"<title>{told}</title></g>"
    )


def stacked_bars(parts: Float[np.ndarray, "r 3"], rows: Sequence[str], *, title: str) -> str:
    """Shares that were measured, filled and are missing, one bar per row."""
    width, row_h = 420, 17
    out, bar_w = [opened(width, row_h * len(rows) + 6, title)], width - 92 - 48
    for r, (name, shares) in enumerate(zip(rows, parts.tolist(), strict=True)):
        y, x = 3 + r * row_h, 92.0
        out.append(f'<text class="tick end" x="84" y="{y + 11}">{escape(name)}</text>')
        told = f"{escape(name)}: measured {shares[0]:.1%}, filled {shares[1]:.1%}, missing {shares[2]:.1%}"
        for share, kind in zip(shares, ("measured", "filled", "missing"), strict=True):
            w = max(0.0, share) * bar_w
            if w > 0.05:
                place = f'x="{x:.1f}" y="{y + 2}" width="{w:.1f}" height="11"'
                out.append(f'<rect class="{kind}" {place}><title>{told}</title></rect>')
            x += w
        out.append(f'<text class="tick" x="{92 + bar_w + 6}" y="{y + 11}">{shares[0]:.0%}</text>')
    return "".join([*out, "</svg>"])


def histogram(groups: Sequence[tuple[str, str, Float[np.ndarray, " n"]]], *, title: str, unit: str) -> str:
    """Overlaid histograms (name, side, values) on one axis; the bars of each have the same area."""
    width, height, base = 250, 112, 88
    known = [(name, side, values[np.isfinite(values)]) for name, side, values in groups]
    everything = np.concatenate([values for *_, values in known]) if known else np.zeros(0)
    out = [opened(width, height, title), f'<text class="charttitle" x="4" y="12">{escape(title)}</text>']
    if not len(everything):
        return "".join([*out, '<text class="tick" x="4" y="40">never known</text></svg>'])
    low, high = np.percentile(everything, [0.5, 99.5])
    margin = max(0.15 * (high - low), 0.5)
    edges = np.linspace(low - margin, high + margin, 41)
    counts = [np.histogram(values, edges)[0] / max(1, len(values)) for *_, values in known]
    top, bin_w = max(float(count.max()) for count in counts) or 1.0, (width - 12) / 40
    for (name, side, values), count in zip(known, counts, strict=True):
        told = (
            f"{escape(name)}: mean {values.mean():.1f} {unit}, standard deviation {values.std():.1f} {unit}"
            if len(values)
            else ""
        )
        steps = [f"M6 {base}"]
        for n, share in enumerate(count.tolist()):
            steps.append(f"V{base - 68 * share / top:.1f}H{6 + (n + 1) * bin_w:.1f}")
        out.append(f'<path class="area {side}" d="{"".join(steps)}V{base}Z"><title>{told}</title></path>')
    out.append(f'<line class="axis" x1="6" x2="{width - 6}" y1="{base}" y2="{base}"/>')
    for share in (0.1, 0.5, 0.9):
        value, x = edges[0] + share * (edges[-1] - edges[0]), 6 + share * (width - 12)
        out.append(f'<text class="tick mid" x="{x:.1f}" y="{base + 13}">{value:.0f}</text>')
    return "".join([*out, f'<text class="tick end faint" x="{width - 4}" y="{base + 24}">{unit}</text></svg>'])


def opened(width: int, height: int, title: str, more: str = "") -> str:
    """The beginning of a drawing, with what it shows for those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}" {more}>'
    )


def _short(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
