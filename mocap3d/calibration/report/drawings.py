"""Pictures of a calibration as SVG: where corners were seen, how the board was turned, and where the cameras stand."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import ceil, cos, floor, radians, sin
from typing import Any

import numpy as np
from jaxtyping import Float

INK, FAINT, ACCENT = "#1f2933", "#d9dee4", "#0b6e99"
RINGS_DEG = (15, 30, 45, 60)
MARGIN_M = 0.8
"""Of floor around cameras and boards."""
FROM_DEG = (-55.0, 28.0)
"""Where the perspective is seen from: turned about the upright, and above the horizon."""

Report = Mapping[str, Any]


def svg(width: float, height: float, parts: Iterable[str], title: str) -> str:
    """A drawing of its own size, which its page may shrink."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def coverage(counts: Sequence[Sequence[int]], size_px: Sequence[int], title: str) -> str:
    """How often corners were seen in each cell of the picture; rows from its top."""
    width = 200.0
    height = width * size_px[1] / size_px[0]
    most, n_rows, n_columns = max(1, *(max(row) for row in counts)), len(counts), len(counts[0])
    parts = []
    for r, row in enumerate(counts):
        for c, n in enumerate(row):
            shade = f'fill="{ACCENT}" fill-opacity="{0.15 + 0.85 * (n / most) ** 0.5:.2f}"' if n else 'fill="none"'
            parts.append(
                f'<rect x="{c * width / n_columns:.1f}" y="{r * height / n_rows:.1f}" width="{width / n_columns:.1f}" '
                f'height="{height / n_rows:.1f}" stroke="{FAINT}" {shade}/>'
            )
    return svg(width, height, parts, title)


def turns(normals: Sequence[Sequence[float]], title: str) -> str:
    """Which way the board faced: in the middle straight into the camera, rings every 15 degrees."""
    side = 150.0
    half = side / 2
    parts = [_ring(half, half * sin(radians(ring)) / sin(radians(75)), ring) for ring in RINGS_DEG]
    for x, y in normals:
        u, v = (half + half * each / sin(radians(75)) for each in (x, y))
        parts.append(f'<circle cx="{u:.1f}" cy="{v:.1f}" r="2.5" fill="{ACCENT}" fill-opacity="0.55"/>')
    return svg(side, side, parts, title)


def _ring(half: float, radius: float, degrees: int) -> str:
    return (
        f'<circle cx="{half:g}" cy="{half:g}" r="{radius:.1f}" fill="none" stroke="{FAINT}"/>'
        f'<text x="{half + 2:g}" y="{half - radius + 9:.1f}" font-size="8" fill="#7b8794">{degrees}&#176;</text>'
    )


def from_above(report: Report) -> str:
    """The rig as a plan: x to the right, y up, a square of the floor is a metre."""
    low, high = _extent(report)
    scale = min(640 / (high[0] - low[0]), 520 / (high[1] - low[1]))

    def onto(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        return np.stack([points[:, 0] - low[0], high[1] - points[:, 1]], 1) * scale

    size = (high - low) * scale
    parts = [*_floor(low, high, onto), *_boards(report, onto)]
    for view, camera in report["cameras"].items():
        parts += _camera(view, camera, onto, reach_m=0.12 * float((high - low).max()))
    return svg(float(size[0]), float(size[1]), [*parts, *_axes(onto, 0.4)], "the cameras from above")


def in_perspective(report: Report) -> str:
    """The rig as someone sees it who stands aside and above; a line falls from every camera to the floor."""
    low, high = _extent(report)
    middle, reach = np.append((low + high) / 2, 0.8), float(np.linalg.norm(high - low))
    turn, lift = (radians(angle) for angle in FROM_DEG)
    back = np.array([cos(turn) * cos(lift), sin(turn) * cos(lift), sin(lift)])
    right = np.array([-sin(turn), cos(turn), 0.0])
    up = np.cross(back, right)
    eye = middle + 1.5 * reach * back

    def seen(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        depth = np.maximum((eye - points) @ back, 0.1 * reach)
        return np.stack([(points - eye) @ right / depth, -((points - eye) @ up) / depth], 1)

    shown = seen(np.array([[*corner, 0.0] for corner in (low, high, (low[0], high[1]), (high[0], low[1]))]
                          + [camera["position_m"] for camera in report["cameras"].values()]))  # fmt: skip
    start, span = shown.min(0), np.ptp(shown, axis=0)
    size, border = 640 * np.array([1, span[1] / span[0]]), 30.0

    def onto(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        return border + (seen(points) - start) / span * (size - 2 * border)

    parts = [*_floor(low, high, onto), *_boards(report, onto)]
    for view, camera in report["cameras"].items():
        place = np.array(camera["position_m"])
        parts.append(_line(onto(np.stack([place, place * [1, 1, 0]])), FAINT, dashed=True))
        parts += _camera(view, camera, onto, reach_m=0.1 * float((high - low).max()))
    return svg(float(size[0]), float(size[1]), [*parts, *_axes(onto, 0.4)], "the cameras in perspective")


def _extent(report: Report) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Of the floor that is drawn, in metres."""
    points = np.array(
        [*(camera["position_m"] for camera in report["cameras"].values()), *report["boards_m"], [0, 0, 0]]
    )
    return points[:, :2].min(0) - MARGIN_M, points[:, :2].max(0) + MARGIN_M


def _floor(low: np.ndarray, high: np.ndarray, onto: Any) -> list[str]:
    """Its grid; of large halls every second, fifth ... metre."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 1000) if (high - low).max() / step < 16)
    lines = []
    for axis in (0, 1):
        for at in np.arange(ceil(low[axis] / step) * step, floor(high[axis] / step) * step + step / 2, step):
            ends = np.zeros((2, 3))
            ends[:, axis], ends[:, 1 - axis] = at, (low[1 - axis], high[1 - axis])
            lines.append(_line(onto(ends), FAINT))
    return lines


def _boards(report: Report, onto: Any) -> list[str]:
    points = np.array(report["boards_m"]).reshape(-1, 3)
    return [f'<circle cx="{u:.1f}" cy="{v:.1f}" r="2" fill="#e58e26" fill-opacity="0.5"/>' for u, v in onto(points)]


def _camera(view: str, camera: Report, onto: Any, *, reach_m: float) -> list[str]:
    """A pyramid as wide as what the camera sees, and its name."""
    place, rotation = np.array(camera["position_m"]), np.array(camera["rotation"])
    half = np.array(camera["size_px"]) / 2 / np.array(camera["f_px"])
    corners = np.array([[x, y, 1.0] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * [*half, 1.0] * reach_m
    seen = onto(place + corners @ rotation)
    (eye,) = onto(place[None])
    base = " ".join(f"{u:.1f},{v:.1f}" for u, v in seen)
    sides = "".join(_line(np.stack([eye, corner]), ACCENT) for corner in seen)
    return [
        f'<polygon points="{base}" fill="{ACCENT}" fill-opacity="0.15" stroke="{ACCENT}"/>{sides}',
        f'<circle cx="{eye[0]:.1f}" cy="{eye[1]:.1f}" r="3.5" fill="{INK}"/>',
        f'<text x="{eye[0] + 6:.1f}" y="{eye[1] - 6:.1f}" font-size="13" fill="{INK}" stroke="#fff" stroke-width="3" '
        f'paint-order="stroke">{escape(view)}</text>',
    ]


def _axes(onto: Any, length_m: float) -> list[str]:
    """Of the world, at its origin: x red, y green, z blue."""
    ends = onto(np.concatenate([np.zeros((1, 3)), length_m * np.eye(3)]))
    return [_line(np.stack([ends[0], ends[1 + axis]]), colour, width=2.5)
            for axis, colour in enumerate(("#c0392b", "#1e8449", "#2255cc"))]  # fmt: skip


def _line(ends: np.ndarray, colour: str, *, width: float = 1.0, dashed: bool = False) -> str:
    (x1, y1), (x2, y2) = ends
    dash = ' stroke-dasharray="3 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dash}/>'
    )
