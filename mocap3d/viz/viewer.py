"""A window with the skeletons in motion, by open3d, where there is a display; and the report in a browser elsewhere."""

import os
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np

from mocap3d.errors import Mocap3dError
from mocap3d.session.records import Points3D
from mocap3d.viz.bodies import drawn_limbs, limb_side
from mocap3d.viz.colours import SIDES, rgb

PACKAGES = {
    "libusb": "libusb-1.0-0",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libX11": "libx11-6",
    "libgomp": "libgomp1",
}
"""System libraries that open3d loads, and the Debian packages that have them."""


def has_display() -> bool:
    """Whether a window could be shown."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def import_open3d() -> Any:
    """open3d, or an error that names what is missing."""
    try:
        import open3d  # pyright: ignore[reportMissingImports], hundreds of megabytes: not in the test extra
    except ImportError as error:
        raise Mocap3dError(explained(error)) from None
    except OSError as error:  # a shared library of the system
        raise Mocap3dError(explained(error)) from None
    return open3d


def explained(error: Exception) -> str:
    """Which package to install after a failed import."""
    text = str(error)
    for library, package in PACKAGES.items():
        if library in text:
            return f"open3d needs the system library {library}, which is missing. On Debian: apt-get install {package}."
    return f"open3d cannot be loaded ({text}). pip install mocap3d[view], or open the report instead: --browser."


def show_window(points: Points3D) -> None:
    """Plays in a loop until the window is closed."""
    o3d = import_open3d()
    window = o3d.visualization.Visualizer()
    if not window.create_window("mocap3d", 1280, 800):
        raise Mocap3dError("a window could not be opened: no OpenGL 3.3 here. Open the report instead: --browser.")
    lines = _line_set(o3d, points)
    window.add_geometry(o3d.geometry.TriangleMesh.create_coordinate_frame(0.5))
    window.add_geometry(_floor(o3d))
    window.add_geometry(lines)
    window.get_view_control().set_up(np.array([0.0, 0.0, 1.0]))
    rate, start_s, is_open = float(points.rate), time.perf_counter(), True
    while is_open:
        instant = int((time.perf_counter() - start_s) * rate) % len(points.t_s)
        lines.points = o3d.utility.Vector3dVector(_places(points, instant))
        window.update_geometry(lines)
        is_open = window.poll_events()
        window.update_renderer()
    window.destroy_window()


def _places(points: Points3D, instant: int) -> np.ndarray:
    """All keypoints of all people; a missing one is far below the floor, where it is not seen."""
    places = points.p_in_world[instant].reshape(-1, 3).numpy().copy()
    places[~np.isfinite(places).all(-1)] = (0.0, 0.0, -1e3)
    return places


def _line_set(o3d: Any, points: Points3D) -> Any:
    limbs, n = drawn_limbs(points.skeleton), len(points.skeleton.keypoints)
    pairs = np.array([(a + n * person, b + n * person) for person in range(len(points.people)) for a, b in limbs])
    colours = [rgb(SIDES[limb_side(points.skeleton, limb)]) for limb in limbs] * len(points.people)
    lines = o3d.geometry.LineSet(o3d.utility.Vector3dVector(_places(points, 0)), o3d.utility.Vector2iVector(pairs))
    lines.colors = o3d.utility.Vector3dVector(np.array(colours) / 255)
    return lines


def _floor(o3d: Any, half_m: int = 4) -> Any:
    marks = np.arange(-half_m, half_m + 1.0)
    ends = [((x, -half_m, 0.0), (x, half_m, 0.0)) for x in marks] + [
        ((-half_m, y, 0.0), (half_m, y, 0.0)) for y in marks
    ]
    places = np.array(ends).reshape(-1, 3)
    pairs = np.arange(len(places)).reshape(-1, 2)
    floor = o3d.geometry.LineSet(o3d.utility.Vector3dVector(places), o3d.utility.Vector2iVector(pairs))
    floor.paint_uniform_color((0.75, 0.78, 0.82))
    return floor


def open_report(path: Path) -> bool:
    """In the browser of the desktop, where there is one; whether it was."""
    return has_display() and webbrowser.open(path.resolve().as_uri())
