"""People are found where they were put: a drawn figure in pictures of our making, and people in real videos."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mocap3d.detection import persons
from mocap3d.detection.boxes import PersonBox
from mocap3d.detection.persons import PersonFinder, tiles, whole
from mocap3d.session.video import frames

HIP, HEIGHT = (128.0, 131.0), 206.0  # of the drawn figure in its 256 px picture


@pytest.fixture(scope="module")
def finder():
    return PersonFinder.shipped(torch.device("cpu"))


@pytest.fixture(scope="module")
def figure():
    return np.load(Path(__file__).parent / "golden" / "blazepose.npz")["picture"]


def _picture(figure, size_px, places):
    """The figure pasted at (x, y, side) of its top left corner, on a wall and a floor of its own colours."""
    picture = np.full((size_px[1], size_px[0], 3), figure[0, 0], np.uint8)
    for x, y, side in places:
        small = cv2.resize(figure, (side, side), interpolation=cv2.INTER_AREA if side < 256 else cv2.INTER_LINEAR)
        picture[y : y + side, x : x + side] = small
    return picture


def _assert_found(box, place):
    x, y, side = place
    hip = (x + HIP[0] * side / 256, y + HIP[1] * side / 256)
    assert math.dist(box.centre_px, hip) < 0.2 * side
    x0, y0, x1, y1 = box.corners_px
    assert y0 < y + 0.09 * side  # the head is in the box, and the feet
    assert y1 > y + 0.89 * side
    assert 0.9 < (y1 - y0) / (HEIGHT * side / 256) < 1.8
    assert (x1 - x0) / (y1 - y0) == pytest.approx(0.75)


@pytest.mark.parametrize("place", [(40, 30, 400), (500, 100, 560), (350, 300, 300)])
def test_a_figure_is_found_where_it_stands(finder, figure, place):
    people = finder([_picture(figure, (1280, 720), [place])])[0]
    assert len(people) == 1
    _assert_found(people[0], place)
    assert abs(people[0].tilt_rad) < 0.3


def test_two_figures_are_two_people(finder, figure):
    places = [(60, 100, 520), (700, 120, 520)]
    people = sorted(finder([_picture(figure, (1280, 720), places)])[0], key=lambda box: box.centre_px)
    assert len(people) == 2
    for box, place in zip(people, places, strict=True):
        _assert_found(box, place)


def test_a_small_figure_in_a_wide_picture_needs_tiles(finder, figure):
    """97 px high in 1280 x 720: the whole picture, shrunk to 224 px, shows it with 17 px."""
    place = (866, 333, 120)
    picture = _picture(figure, (1280, 720), [place])
    assert finder([picture], whole((1280, 720))) == [[]]
    people = finder([picture])[0]
    assert len(people) == 1
    _assert_found(people[0], place)


@pytest.mark.parametrize("side", [1920, 3840, 640])
def test_grids_grow_finer_down_to_what_is_worth_it(side):
    """Where somebody of 60 px fills a third of a tile; coarser ones in larger pictures, none of a few pixels."""
    sides = [squares[0].size_px[1] for squares in persons.grids((side, side * 9 // 16))]
    assert sides == sorted(sides, reverse=True)
    assert persons.SMALLEST_TILE_PX <= sides[-1] < max(0.1 * side, 400)


def test_nobody_in_an_empty_picture(finder):
    assert finder([np.full((480, 640, 3), 128, np.uint8)], whole((640, 480))) == [[]]


def test_what_is_found_does_not_depend_on_the_company(finder, figure):
    pictures = [_picture(figure, (1280, 720), [(300, 100, 500)]), _picture(figure, (500, 900), [(20, 200, 450)])]
    assert finder(pictures) == [finder([picture])[0] for picture in pictures]
    assert finder([]) == []


@pytest.mark.parametrize(("size", "count"), [((1920, 1080), 2), ((1920, 1080), 3), ((1080, 1920), 3), ((500, 500), 2)])
def test_tiles_cover_the_picture_and_overlap(size, count):
    width, height = size
    squares = tiles(size, count)
    covered = np.zeros((height, width), int)
    for tile in squares:
        x0, y0, x1, y1 = (round(side + 0.5) for side in tile.corners_px)
        assert -1 <= x0 <= x1 <= width + 1
        covered[max(y0, 0) : y1, max(x0, 0) : x1] += 1
    assert covered.min() >= 1
    assert (covered > 1).mean() > 0.2
    assert len({tile.centre_px[size.index(max(size))] for tile in squares}) >= count


def _row(score, head, hip, radius):
    """One candidate with a head-and-shoulder box of 80 px."""
    (x, y), (u, v) = head, hip
    return [score, x - 40, y - 40, x + 40, y + 40, u, v, u, v - radius]


def test_candidates_of_one_person_are_averaged():
    rows = np.array([_row(0.8, (100, 100), (100, 200), 100), _row(0.4, (106, 100), (106, 200), 100)])
    (box,) = persons._people(rows)
    assert box.centre_px == pytest.approx((102, 200))
    assert box.score == 0.8
    assert box.size_px[1] == pytest.approx(250)


def test_neighbours_whose_heads_overlap_stay_two():
    """Their mean would be a box between them, on nobody."""
    rows = np.array([_row(0.8, (100, 100), (90, 200), 100), _row(0.7, (130, 100), (170, 200), 100)])
    assert [box.centre_px for box in persons._people(rows)] == [(90, 200), (170, 200)]


def test_a_leg_in_a_tile_is_no_person():
    rows = np.array([_row(0.9, (100, 100), (100, 200), 150), _row(0.6, (110, 250), (110, 290), 30)])
    assert len(persons._people(rows)) == 1


@pytest.mark.parametrize(("hip_y", "is_whole"), [(300, True), (420, False), (80, True)])
def test_a_body_cut_by_an_inner_side_is_left_to_another_tile(hip_y, is_whole):
    """Of a tile over the upper 500 px of a picture 1000 px high: its lower side is an inner one, its upper is not."""
    row = np.array(_row(0.9, (200, hip_y - 80), (200, hip_y), 110), float)
    edges = np.array([[-0.5, -0.5], [499.5, 499.5]])
    assert persons._is_whole(row, edges, (1000, 500)) is is_whole


def test_a_lying_person_has_a_tilt():
    row = np.array([0.9, 0, 0, 80, 80, 200, 100, 100, 100], float)  # the circle's point lies to the left
    box = persons._box(row, 0.9)
    assert box.tilt_rad == pytest.approx(-math.pi / 2)
    assert box == PersonBox((200.0, 100.0), (187.5, 250.0), 0.9, box.tilt_rad)


def test_one_person_in_a_real_laboratory(finder, real_data):
    """Measured: found in all of 40 frames of 4 cameras, and nobody else; a colleague in the background is not."""
    trial = real_data / "01_pose2sim_4cam_human/S00_Demo_Session/S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial"
    for video in sorted((trial / "videos").glob("*.mp4")):
        for _, picture in frames(video, [0, 30]):
            assert len(finder([picture])[0]) == 1
