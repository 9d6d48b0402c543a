"""The window's geometry, held to what it stands for; and what is said where open3d or a library is missing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reported import small_content

from mocap3d.errors import Mocap3dError
from mocap3d.viz.bodies import drawn_limbs, limb_radius_m
from mocap3d.viz.tubes import tube_colours, tube_corners, tube_triangles
from mocap3d.viz.viewer import explained, serve_report, show_window


def test_tubes_run_along_the_limbs_and_close():
    """By their volume: that of the prism and of the two pyramids at its ends; outside out, or it would be negative."""
    points = small_content(n_people=2).points
    limbs = drawn_limbs(points.skeleton)
    corners, triangles = tube_corners(points, 3), tube_triangles(2 * len(limbs))
    assert len(tube_colours(points)) == len(corners) == triangles.max() + 1
    volumes = _volumes(corners, triangles).reshape(2, len(limbs), -1).sum(-1)
    for person in range(2):
        for n, (a, b) in enumerate(limbs):
            length_m = float((points.p_in_world[3, person, b] - points.p_in_world[3, person, a]).norm())
            radius_m = limb_radius_m(points.skeleton, (a, b))
            section = 10 / 2 * np.sin(2 * np.pi / 10) * radius_m**2
            assert volumes[person, n] == pytest.approx(section * (length_m + 2 / 3 * 0.7 * radius_m), rel=1e-6)


def _volumes(corners, triangles):
    a, b, c = (corners[triangles[:, n]] for n in range(3))
    return np.einsum("ni,ni->n", a, np.cross(b, c)) / 6


def test_what_is_missing_is_no_larger_than_nothing():
    points = small_content().points
    nowhere = replace(points, p_in_world=torch.full_like(points.p_in_world, torch.nan))
    assert np.ptp(tube_corners(nowhere, 0), axis=0).tolist() == [0, 0, 0]


class Window:
    """An open3d window of three frames that remembers what it showed."""

    def __init__(self):
        self.shown, self.frames = [], 3

    def create_window(self, *_):
        return True

    def add_geometry(self, thing):
        self.shown.append(thing)

    def get_view_control(self):
        return self

    def set_lookat(self, middle):
        assert np.isfinite(middle).all()

    set_front = set_up = set_zoom = set_lookat

    def poll_events(self):
        self.frames -= 1
        return self.frames >= 0

    def update_geometry(self, people):
        self.moved = np.asarray(people.vertices)

    def update_renderer(self):
        pass

    def destroy_window(self):
        self.is_closed = True


@pytest.mark.slow
def test_the_window_shows_floor_axes_and_people(monkeypatch):
    """With open3d's own geometry, and a stand-in for its window."""
    o3d = pytest.importorskip("open3d", exc_type=ImportError)
    window, points = Window(), small_content().points
    monkeypatch.setattr(o3d.visualization, "Visualizer", lambda: window)
    show_window(points)
    assert window.is_closed
    assert len(window.shown) == 3
    assert window.moved.shape == tube_corners(points, 0).shape


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("libusb-1.0.so.0: cannot open shared object file"), "apt-get install libusb-1.0-0"),
        (OSError("libGL.so.1: cannot open shared object file"), "apt-get install libgl1"),
        (ModuleNotFoundError("No module named 'open3d'"), "pip install mocap3d[view]"),
    ],
)
def test_what_keeps_open3d_from_loading_is_named(error, said):
    assert said in explained(error)


def test_a_port_that_there_is_not_is_named(tmp_path):
    with pytest.raises(Mocap3dError, match="port 99999 cannot be served: there is no such port"):
        serve_report(tmp_path / "report.html", 99999, lambda _: None)
