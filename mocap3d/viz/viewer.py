"""A window with the skeletons in motion, by open3d, where there is a display; and the report in a browser elsewhere."""

import os
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from mocap3d.errors import Mocap3dError, missing_library
from mocap3d.session.records import Points3D
from mocap3d.viz.bodies import drawn_limbs, front
from mocap3d.viz.tubes import tube_colours, tube_corners, tube_triangles

_ZOOM = 0.7
"""Share of the 8 m of floor that are shown: somebody is seen whole."""


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
    if missing := missing_library(error):
        return f"open3d cannot be loaded: {missing}"
    return f"open3d cannot be loaded ({error}). pip install mocap3d[view], or open the report instead: --browser."


def show_window(points: Points3D) -> None:
    """Plays in a loop until the window is closed."""
    o3d = import_open3d()
    window = o3d.visualization.Visualizer()
    if not window.create_window("mocap3d", 1280, 800):
        raise Mocap3dError("a window could not be opened: no OpenGL 3.3 here. Open the report instead: --browser.")
    people = _people(o3d, points)
    for thing in (o3d.geometry.TriangleMesh.create_coordinate_frame(0.5), _floor(o3d), people):
        window.add_geometry(thing)
    _look(window.get_view_control(), points)
    rate, start_s = float(points.rate), time.perf_counter()
    while window.poll_events():
        _move(o3d, people, points, int((time.perf_counter() - start_s) * rate) % len(points.t_s))
        window.update_geometry(people)
        window.update_renderer()
    window.destroy_window()


def _people(o3d: Any, points: Points3D) -> Any:
    people = o3d.geometry.TriangleMesh()
    people.vertices = o3d.utility.Vector3dVector(tube_corners(points, 0))
    people.triangles = o3d.utility.Vector3iVector(
        tube_triangles(len(points.people) * len(drawn_limbs(points.skeleton)))
    )
    people.vertex_colors = o3d.utility.Vector3dVector(tube_colours(points))
    people.compute_vertex_normals()
    return people


def _move(o3d: Any, people: Any, points: Points3D, instant: int) -> None:
    people.vertices = o3d.utility.Vector3dVector(tube_corners(points, instant))
    people.compute_vertex_normals()


def _look(control: Any, points: Points3D) -> None:
    """From before and somewhat above the first person, at the middle of everybody's ways."""
    middle = points.p_in_world.reshape(-1, 3).nanmean(0).nan_to_num(0.0).numpy()
    control.set_lookat(middle)
    control.set_front(front(points, 0) + np.array([0.0, 0.0, 0.35]))
    control.set_up(np.array([0.0, 0.0, 1.0]))
    control.set_zoom(_ZOOM)


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


def serve_report(path: Path, port: int, ready: Callable[[str], None]) -> None:
    """To browsers of this machine alone, with the files beside it, until interrupted; ``ready`` is told the address."""
    handler = partial(_QuietHandler, directory=str(path.resolve().parent))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:  # the latter beyond 65535
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise Mocap3dError(f"port {port} cannot be served: {reason}. Give another: --port N.") from None
    with server:
        ready(f"http://127.0.0.1:{server.server_port}/{quote(path.name)}")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing of every request."""
