"""Figures are vector files of editable text, the same each time; what cannot be drawn is refused."""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from reported import small_content
from scene import RIGS

from mocap3d.errors import FormatError
from mocap3d.session.records import JointAngles
from mocap3d.session.rig import read_rig
from mocap3d.synthesis.planning.plan import PlanOptions, plan_rig
from mocap3d.viz.angle_curves import angle_sections
from mocap3d.viz.charts import heatmap, histogram
from mocap3d.viz.figures import camera_layout, curves, stick_figures
from mocap3d.viz.rig_map import rig_map
from mocap3d.viz.time_charts import Curve, TimeChart, ticks, time_chart
from mocap3d.viz.viewer import explained

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install mocap3d[plot]")
CHART = TimeChart(
    "Knee <angle>", "deg", np.arange(5.0), (Curve("knee", np.array([1, 2, np.nan, 4, 5.0]), np.ones(5), "left"),)
)


@pytest.fixture
def content():
    return small_content()


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_stick_figures_are_vectors_and_the_same_again(content, tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        stick_figures(content.points, 0, path, n=4)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes()[:5] in (b"<?xml", b"%PDF-")


def test_curves_and_cameras(content, tmp_path):
    curves([CHART], tmp_path / "curves.svg")
    camera_layout(content.rig, content.points, tmp_path / "cameras.svg")
    assert all("<image" not in path.read_text(encoding="utf-8") for path in tmp_path.iterdir())


def test_refused(content, tmp_path):
    with pytest.raises(FormatError, match=r"figures are written as \.pdf"):
        stick_figures(content.points, 0, tmp_path / "a.docx")
    with pytest.raises(FormatError, match="no curves"):
        curves([], tmp_path / "a.svg")
    nobody = replace(content.points, p_in_world=torch.full_like(content.points.p_in_world, torch.nan))
    with pytest.raises(FormatError, match="never known"):
        stick_figures(nobody, 0, tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_curve_is_broken_where_it_is_unknown():
    drawn = time_chart(CHART)
    line = drawn.split('class="curve left" d="')[1].split('"')[0]
    assert line.count("M") == 2
    assert "Knee &lt;angle&gt;" in drawn


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 187), (1e-4, 2e-4), (5, 5)])
def test_ticks_are_round_and_inside(low, high):
    found = ticks(float(low), float(high), 5)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_heatmap_and_histogram_say_what_they_do_not_know():
    drawn = heatmap(np.array([[1.0, np.nan]]), ["cam <1>"], ["a", "b"], unit="px", title="errors")
    assert "cam &lt;1&gt;, b: unknown" in drawn
    assert "cam &lt;1&gt;, a: 1.0 px" in drawn
    assert "never known" in histogram([("x", "left", np.full(3, np.nan))], title="x", unit="mm")


def test_the_map_of_a_rig_has_a_number_per_place():
    plan = plan_rig(read_rig(RIGS / "lab4.toml"), PlanOptions(step_m=1.5, turns=1, phases=1, suggest=False))
    drawn = rig_map(plan)
    assert drawn.count("<rect") == 1 + plan.map.error_mm.numel()
    assert all(f">{camera.name} " in drawn for camera in plan.cameras)


def test_joint_angles_come_in_degrees_and_pairs():
    angle = torch.full((4, 1, 3), 0.5, dtype=torch.float64)
    angle[..., 2] = torch.nan
    angles = JointAngles(
        people=("Ada",),
        names=("knee_angle_l", "knee_angle_r", "lost"),
        t_s=torch.arange(4, dtype=torch.float64),
        rate=Fraction(1),
        angle_rad=angle,
        sigma_rad=angle / 10,
        provenance=torch.full((4, 1, 3), 2, dtype=torch.int8),
        observable=(("measured", "measured", "no"),),
    )
    ((chart,),) = angle_sections(angles).values()
    assert (chart.title, [curve.side for curve in chart.curves]) == ("Knee flexion", ["left", "right"])
    np.testing.assert_allclose(chart.curves[0].values, np.degrees(0.5))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("libusb-1.0.so.0: cannot open shared object file", "apt-get install libusb-1.0-0"),
        ("libGL.so.1: cannot open shared object file", "apt-get install libgl1"),
        ("No module named 'open3d'", r"pip install mocap3d\[view\]"),
    ],
)
def test_a_viewer_that_cannot_start_says_what_to_install(text, remedy):
    assert re.search(remedy, explained(OSError(text)))
