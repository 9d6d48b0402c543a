"""Drawn boards: at their size in the file, and found again where they were drawn."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from printed import PX_PER_MM, picture_of

from mocap3d.calibration.boards import AprilGrid, Charuco, Chessboard
from mocap3d.calibration.draw_target import draw_target, pages_of
from mocap3d.calibration.finders import finder_of
from mocap3d.calibration.free_points import Wand
from mocap3d.calibration.ink import prints_of
from mocap3d.calibration.marker_sets import Aruco, Marker
from mocap3d.calibration.targets import Target, load_target, shipped_definitions
from mocap3d.cli import main
from mocap3d.errors import CalibrationError

PRINTED = [target for target in map(load_target, shipped_definitions()) if not isinstance(target.pattern, Wand)]
PRINTED = [target for target in PRINTED if target.name != "scene_points"]
ODD = [
    Target("inverted", Charuco(6, 4, 36.0, 25.0, inverted=True)),
    Target("legacy", Charuco(6, 4, 36.0, 25.0, legacy=True)),
    Target("mirrored", Charuco(6, 4, 36.0, 25.0, back="mirrored", thickness_mm=4.0)),
    Target("thin", AprilGrid(4, 2, 40.0, 12.0, border_bits=1, first_id=5)),
    Target("turned", AprilGrid(4, 2, 40.0, 12.0, code_turns=2)),
    Target("light first", Chessboard(9, 6, 25.0, inverted=True)),
    Target("set", Aruco((Marker(2, 60.0), Marker(7, 80.0, (0.0, 200.0, 0.0))))),
]


@pytest.mark.parametrize("target", [*PRINTED, *ODD], ids=lambda target: target.name)
def test_a_drawn_board_is_found_where_it_was_drawn(target):
    """Measured 0.043 px worst of corners where squares meet, 0.17 px of lone markers; 4 or 2 px are a millimetre."""
    finder, points_mm = finder_of(target.pattern), target.pattern.points_mm()
    prints, pages, seen = prints_of(target), pages_of(target), np.zeros(len(points_mm), bool)
    for one, page in zip(prints, pages, strict=True):
        image = picture_of(page, px_per_mm=PX_PER_MM[target.paper])
        found = finder(image)
        there = np.isfinite(found.sigma_px)
        seen |= there
        expected = _in_picture(target, one, page, points_mm)[there] * PX_PER_MM[target.paper] - 0.5
        bound = 0.25 if isinstance(target.pattern, Aruco) else 0.06
        assert np.abs(found.uv_px[there] - expected).max() < bound
    assert seen.all()


def _in_picture(target, one, page, points_mm):
    """Millimetres from the sheet's top left corner, of the points on the front, or on the back as one turns it over."""
    if isinstance(target.pattern, Aruco):
        number = [marker.id for marker in target.pattern.markers].index(
            int(re.findall(r"marker (\d+)", one.caption)[0])
        )
        middle = np.array([page.size_mm[0] / 2, page.black_mm[0, 1] + one.size_mm[1] / 2])
        own = points_mm[4 * number : 4 * number + 4, :2] - target.pattern.markers[number].centre_mm[:2]
        sheet = np.full((len(points_mm), 2), np.nan)
        sheet[4 * number : 4 * number + 4] = middle + own * [1, -1]
        return sheet
    left = (page.size_mm[0] - one.size_mm[0]) / 2
    boxes = page.white_mm if one.inverted else page.black_mm[: len(one.black_mm)]
    top = (boxes[:, 1] - one.black_mm[:, 1])[0]
    x = one.size_mm[0] - points_mm[:, 0] if "back" in one.caption else points_mm[:, 0]
    return np.stack([left + x, top + one.size_mm[1] - points_mm[:, 1]], axis=1)


def test_pdf_and_svg_hold_the_same_rectangles_in_millimetres(tmp_path):
    target = load_target("charuco_a4")
    (page,) = pages_of(target)
    (as_pdf,), (as_svg,) = draw_target(target, tmp_path / "b.pdf"), draw_target(target, tmp_path / "b.svg")
    text = as_pdf.read_bytes().decode("cp1252")
    scale = float(re.search(r"([\d.]+) 0 0 -[\d.]+ 0 [\d.]+ cm", text)[1])
    boxes = np.array([line.split()[:4] for line in text.splitlines() if line.endswith(" re")], float)
    np.testing.assert_allclose(boxes, page.black_mm, atol=1e-4)
    assert scale == pytest.approx(72 / 25.4, abs=1e-7)
    width, height = map(float, re.search(r"MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", text).groups())
    np.testing.assert_allclose([width / scale, height / scale], [297, 210], atol=1e-3)
    root = ElementTree.fromstring(as_svg.read_text(encoding="utf-8"))
    assert (root.get("width"), root.get("viewBox")) == ("297mm", "0 0 297 210")
    path = root.find("{http://www.w3.org/2000/svg}path").get("d")
    found = np.array(re.findall(r"M(\S+) (\S+?)h(\S+?)v(\S+?)h-", path), float)
    np.testing.assert_allclose(found, page.black_mm, atol=1e-4)


def test_pdf_offsets_point_at_their_objects(tmp_path):
    (path,) = draw_target(load_target("charuco_two_sided_a3"), tmp_path / "two.pdf")
    content = path.read_bytes()
    start = int(content.split(b"startxref\n")[1].split()[0])
    offsets = [int(line[:10]) for line in content[start:].splitlines()[3:-4] if line.endswith(b"n ")]
    assert len(offsets) == 3 + 2 * 2
    for number, offset in enumerate(offsets, start=1):
        assert content[offset:].startswith(b"%d 0 obj" % number)
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.S):
        assert len(stream) == int(length)


def test_the_ruler_is_a_hundred_millimetres_long():
    (page,) = pages_of(load_target("chessboard_a4"))
    (target_print,) = prints_of(load_target("chessboard_a4"))
    ruler = page.black_mm[len(target_print.black_mm) :]
    ticks = np.sort(ruler[ruler[:, 2] == 0.2, 0])
    assert ticks[-1] - ticks[0] == pytest.approx(100)
    pattern_bottom = (page.black_mm[: len(target_print.black_mm), 1::2].sum(axis=1)).max()
    assert ruler[:, 1].min() > pattern_bottom


def test_two_sides_are_two_files(tmp_path):
    paths = draw_target(load_target("charuco_two_sided_a3"), tmp_path / "two.svg")
    assert [path.name for path in paths] == ["two.svg", "two-2.svg"]


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(CalibrationError, match=r"is 400 x 280 mm; on a4 285 x 190 mm are free"):
        draw_target(Target("big", Chessboard(9, 6, 40.0)), tmp_path / "big.pdf")
    with pytest.raises(CalibrationError, match="not printed"):
        draw_target(load_target("wand_500"), tmp_path / "wand.pdf")
    with pytest.raises(CalibrationError, match=r"\.pdf or \.svg"):
        draw_target(load_target("charuco_a4"), tmp_path / "board.png")


def test_command_draws_and_lists(tmp_path, capsys):
    assert main(["board", "charuco_a4", "--out", str(tmp_path / "board.pdf")]) == 0
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")
    assert "100 %" in capsys.readouterr().out
    assert main(["board"]) == 0
    assert "charuco_two_sided_a3" in capsys.readouterr().out
    assert main(["board", "charuco_a5"]) == 2
    assert "Did you mean" in capsys.readouterr().err
