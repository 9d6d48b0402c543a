"""The error map of a planned rig as a drawing from above: cameras, what they look at, and a number per place."""

import math
from html import escape

from mocap3d.session.rig import CameraTable
from mocap3d.session.rig_plan import RigPlan
from mocap3d.viz.colours import VERMILLION, sequential

_WIDTH_PX, _MARGIN_PX = 860, 60
_INK, _SOFT = "#16202c", "#5a6675"
_SHOWN_SUGGESTIONS = 3


def rig_map(plan: RigPlan) -> str:
    """SVG text, Y up as on a floor plan; brighter = larger error, a cross = seen by fewer than two views."""
    frame = _Frame(plan)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH_PX} {frame.height:.0f}" '
        f'width="{_WIDTH_PX}" height="{frame.height:.0f}" font-family="sans-serif" fill="{_INK}">',
        f'<rect width="{_WIDTH_PX}" height="{frame.height:.0f}" fill="#ffffff"/>',
        f'<text x="20" y="30" font-size="17" font-weight="600">Expected error {plan.error_mm:.0f} mm</text>',
        f'<text x="20" y="48" font-size="12" fill="{_SOFT}">root mean square in 3D, one frame, detector '
        f"{plan.sigma_px:g} px; {plan.seen:.1%} of the keypoints seen by two views or more</text>",
        *_cells(plan, frame),
    ]
    for camera in plan.cameras:
        parts += _camera(camera, frame, _INK)
    for suggestion in plan.suggestions[:_SHOWN_SUGGESTIONS]:
        parts += _camera(suggestion.camera, frame, VERMILLION, f"{suggestion.camera.name}?")
    return "".join([*parts, *_scale(frame), "</svg>"])


class _Frame:
    """From metres of the floor to the drawing."""

    def __init__(self, plan: RigPlan):
        cameras = [*plan.cameras, *(s.camera for s in plan.suggestions[:_SHOWN_SUGGESTIONS])]
        low, high = plan.volume.min_m, plan.volume.max_m
        xs = [c.position_m[0] for c in cameras] + [low[0], high[0]]
        ys = [c.position_m[1] for c in cameras] + [low[1], high[1]]
        self.left, self.top = min(xs), max(ys)
        self.scale = (_WIDTH_PX - 2 * _MARGIN_PX) / max(max(xs) - min(xs), 0.6 * (max(ys) - min(ys)), 1.0)
        self.height = (max(ys) - min(ys)) * self.scale + 2 * _MARGIN_PX + 50

    def at(self, x_m: float, y_m: float) -> tuple[float, float]:
        return _MARGIN_PX + (x_m - self.left) * self.scale, 30 + _MARGIN_PX + (self.top - y_m) * self.scale


def _cells(plan: RigPlan, frame: _Frame) -> list[str]:
    found = plan.map
    known = found.error_mm[found.error_mm.isfinite()]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    side = float(found.x_m[1] - found.x_m[0]) * frame.scale
    tall = float(found.y_m[1] - found.y_m[0]) * frame.scale
    parts = []
    for row, y_m in enumerate(found.y_m.tolist()):
        for column, x_m in enumerate(found.x_m.tolist()):
            error_mm, (x, y) = float(found.error_mm[row, column]), frame.at(x_m, y_m)
            if math.isnan(error_mm):
                parts.append(f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle" fill="{_SOFT}">x</text>')
                continue
            fill, ink = sequential((error_mm - low) / max(high - low, 0.2 * high, 1e-9))
            views, seen, worst = (float(t[row, column]) for t in (found.n_views, found.seen, found.worst_mm))
            told = f"{views:.1f} views, {seen:.0%} seen, worst keypoint {worst:.0f} mm"
            parts.append(
                f'<g><rect x="{x - side / 2 + 1:.1f}" y="{y - tall / 2 + 1:.1f}" width="{side - 2:.1f}" '
                f'height="{tall - 2:.1f}" rx="4" fill="{fill}"/><text x="{x:.1f}" y="{y + 4.5:.1f}" '
                f'text-anchor="middle" font-size="13" fill="{ink}">{error_mm:.0f}</text>'
                f"<title>{x_m:g}, {y_m:g} m: {told}</title></g>"
            )
    return parts


def _camera(camera: CameraTable, frame: _Frame, colour: str, name: str | None = None) -> list[str]:
    """A wedge as wide as the picture, and name and height."""
    x, y = frame.at(*camera.position_m[:2])
    made = camera.camera()
    forward = made.cam_from_world.rotation[2]
    toward = math.atan2(-float(forward[1]), float(forward[0]))  # the drawing's y points down
    half = math.atan(camera.size_px[0] / 2 / float(made.lens.f_px[0]))
    tips = [(x + 34 * math.cos(toward + turn), y + 34 * math.sin(toward + turn)) for turn in (-half, half)]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in ((x, y), *tips))
    away = -1 if math.sin(toward) > 0 else 1
    return [
        f'<polygon points="{points}" fill="{colour}" fill-opacity="0.16" stroke="{colour}" stroke-width="1.5"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>',
        f'<text x="{x:.1f}" y="{y + (20 if away > 0 else -10):.1f}" font-size="12" text-anchor="middle" '
        f'fill="{colour}">{escape(name or camera.name)} '
        f'<tspan font-size="10">{camera.position_m[2]:g} m</tspan></text>',
    ]


def _scale(frame: _Frame) -> list[str]:
    y, length = frame.height - 16, frame.scale
    return [
        f'<path d="M20 {y:.1f}h{length:.1f}m0 -4v8M20 {y - 4:.1f}v8" stroke="{_INK}" fill="none"/>',
        f'<text x="{24 + length:.1f}" y="{y + 4:.1f}" font-size="11" fill="{_SOFT}">1 m</text>',
        f'<text x="{_WIDTH_PX - 20}" y="{y + 4:.1f}" font-size="11" fill="{_SOFT}" text-anchor="end">seen from above, '
        "numbers in mm</text>",
    ]
