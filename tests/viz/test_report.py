"""The page as text: whole, self-contained, the same each time, and safe from names."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
import torch
from clips import index_of
from reported import small_content

from mocap3d.evaluation.quality import assess
from mocap3d.viz.angle_curves import cycle_charts
from mocap3d.viz.bodies import front
from mocap3d.viz.packing import unpacked
from mocap3d.viz.report import report_html, script_safe, write_report
from mocap3d.viz.scene_data import scene_data, spread_of
from mocap3d.viz.time_charts import Curve, TimeChart, time_chart

VOID = {"meta", "link", "input", "br", "img"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return report_html(small_content(n_people=2), tmp_path_factory.mktemp("results"))


def data_of(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


class _Balance(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_points_nowhere_else(page):
    checked = _Balance()
    checked.feed(page)
    assert checked.open == []
    assert all(address.startswith(("#", "data:")) for address in checked.addresses)


def test_names_cannot_break_out(page):
    assert "Anna &amp; &lt;Bob&gt;" in page
    assert "<Bob>" not in page
    text = script_safe({"name": "</script><script>alert(1)</script>\u2028"})
    assert "<" not in text
    assert json.loads(text)["name"].startswith("</script>")


def test_positions_on_the_page_are_those_of_the_points(page):
    points, scene = small_content(n_people=2).points, data_of(page)["scene"]
    assert (scene["frames"], scene["stride"], scene["people"]) == (30, 1, list(points.people))
    np.testing.assert_allclose(unpacked(scene["positions"]), points.p_in_world, atol=scene["positions"]["step"])


def test_ellipsoids_are_roots_of_the_covariance():
    points = small_content().points
    lower = spread_of(points.cov_m2)
    root = np.zeros((*lower.shape[:-1], 3, 3))
    root[..., *np.tril_indices(3)] = lower
    np.testing.assert_allclose(root @ np.swapaxes(root, -1, -2), points.cov_m2, atol=1e-10)


def test_views_carry_what_was_seen_and_expected(page):
    content, view = small_content(n_people=2), data_of(page)["views"][1]
    camera = content.rig.cameras[view["name"]]
    expected = camera.project(content.points.p_in_world[view["instants"]]) / view["width"]
    np.testing.assert_allclose(unpacked(view["expected"]), expected, atol=view["expected"]["step"])
    assert view["pictures"] == []


def test_pictures_belong_to_their_instants(tmp_path):
    """The clips' grey tells the frame; JPEG and scaling keep it to half a number."""
    view = data_of(report_html(small_content(has_videos=True), tmp_path))["views"][0]
    assert len(view["pictures"]) == len(view["instants"]) == 30
    for instant in (0, 13, 29):
        content = base64.b64decode(view["pictures"][instant].split(",")[1])
        assert index_of(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)) == view["instants"][instant]


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a.html", "b.html"):
        write_report(small_content(has_videos=True), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_links_lead_to_the_exported_files(tmp_path):
    file = tmp_path / "P1 & co.trc"
    file.write_text("x", encoding="utf-8")
    assert 'href="P1 &amp; co.trc"' in report_html(replace(small_content(), files=(file,)), tmp_path)


def test_missing_points_and_no_covariance_are_borne(tmp_path):
    content = small_content()
    points = replace(
        content.points,
        p_in_world=torch.full_like(content.points.p_in_world, torch.nan),
        cov_m2=torch.full_like(content.points.cov_m2, torch.nan),
        provenance=torch.zeros_like(content.points.provenance),
    )
    quality = assess(points, content.tracks, content.rig)
    assert "Film again" in report_html(replace(content, points=points, quality=quality), tmp_path)


def test_ten_minutes_stay_small():
    """36,000 frames of two people, positions and doubt alone. Measured 15 MB of 25, the pictures take 7 more."""
    content = small_content(n_people=2)
    n = 36_000
    index = torch.arange(n) % len(content.points.t_s)
    points = replace(
        content.points,
        t_s=torch.arange(n, dtype=torch.float64) / 60,
        **{name: getattr(content.points, name)[index] for name in ("p_in_world", "cov_m2", "n_views", "provenance")},
    )
    scene = scene_data(points, content.rig)
    assert len(json.dumps(scene)) < 17e6
    assert unpacked(scene["positions"]).shape[0] * scene["stride"] >= n


def test_front_is_where_the_nose_points():
    points = small_content().points
    names = points.skeleton.keypoints
    nose = points.p_in_world[:3, 0, names.index("Nose")].mean(0) - points.p_in_world[:3, 0, names.index("Head")].mean(0)
    assert float(nose[:2] @ torch.from_numpy(front(points, 0))[:2]) > 0


def test_gait_and_angles_are_shown(tmp_path):
    """What biomechanics found, as summary.json has it: numbers by side, a dash where there is none."""
    gait = {
        "n_strides": {"left": 3, "right": 4},
        "cadence_per_min": 111.0,
        "speed_m_per_s": 1.25,
        "belt_m_per_s": 0.0,
        "mean": {"step_width_m": {"left": 0.141, "right": None}},
        "symmetry_percent": {"step_width_m": None},
    }
    bend = np.linspace(0, 60, 101)
    charts = cycle_charts({"knee_angle_l": (bend, bend / 10), "knee_angle_r": (bend, bend / 10)})
    assert [len(chart.curves) for chart in charts] == [2]
    curves = {"Knees over the stride": charts}
    page = report_html(replace(small_content(), gait={"Ada <3": gait}, curves=curves), tmp_path)
    assert "Gait: Ada &lt;3" in page
    assert "<td>Step width</td><td>m</td><td>0.14</td><td>-</td><td>-</td>" in page
    assert page.count('class="band left"') == page.count('class="band right"') == 1
    assert 'data-t="' not in page.split("Knees over the stride")[2].split("</svg>")[0]


def test_a_band_is_inside_its_chart_unless_it_is_wild():
    """Heights of the picture at which curve and band end: none is cut off, and no curve is flat."""
    curve = np.linspace(0.0, 10.0, 50)
    x = np.arange(50.0)
    for sigma, is_cut in ((2.0, False), (500.0, True)):
        drawn = time_chart(TimeChart("Knee", "deg", x, (Curve("knee", curve, np.full(50, sigma)),)))
        band, line = re.findall(r'<path class="(?:band|curve) middle" d="M([^"]+?)Z?"', drawn)
        heights = [[float(point.split()[1]) for point in path.split("L")] for path in (band, line)]
        assert (min(heights[0]) == 22.0 and max(heights[0]) == 126.0) == is_cut
        assert max(heights[1]) - min(heights[1]) > 25


def test_what_stands_still_is_drawn_flat():
    """An angle that no keypoint shows stays at rest; the last digits of its numbers are no motion."""
    still = 80.0 + 1e-14 * np.arange(50) % 3e-14
    drawn = time_chart(TimeChart("Forearm", "deg", np.arange(50.0), (Curve("pro_sup_r", still),)))
    (line,) = re.findall(r'<path class="curve middle" d="M([^"]+)"', drawn)
    assert len({point.split()[1] for point in line.split("L")}) == 1
