"""Board definitions: where their points are, and what is refused."""

import cv2
import numpy as np
import pytest

from mocap3d.calibration.boards import AprilGrid, Charuco, Chessboard
from mocap3d.calibration.free_points import ScenePoints, Wand
from mocap3d.calibration.marker_sets import Aruco, Marker, centres_from_distances_mm
from mocap3d.calibration.targets import Target, load_target, shipped_definitions
from mocap3d.errors import CalibrationError


def test_first_corner_of_a_chessboard_is_the_upper_left_one():
    points_mm = Chessboard(9, 6, 25.0).points_mm()
    assert points_mm[0].tolist() == [25, 150, 0]
    assert points_mm[1].tolist() == [50, 150, 0]
    assert points_mm[-1].tolist() == [225, 25, 0]


@pytest.mark.parametrize(("columns", "rows", "turns"), [(9, 6, 1), (8, 6, 2), (7, 7, 2), (6, 6, 4)])
def test_a_chessboard_knows_how_often_it_looks_the_same(columns, rows, turns):
    """By turning the picture of its squares."""
    squares = np.indices((rows + 1, columns + 1)).sum(axis=0) % 2
    same = sum(np.array_equal(np.rot90(squares, quarter), squares) for quarter in range(4))
    board = Chessboard(columns, rows, 10.0)
    assert board.turns == same == turns
    assert Target("board", board).is_ambiguous == (turns > 1)


@pytest.mark.parametrize("legacy", [False, True])
def test_charuco_corners_are_opencvs(legacy):
    board = Charuco(6, 4, 30.0, 20.0, legacy=legacy)
    theirs = np.array(board.opencv().getChessboardCorners())
    ours = board.points_mm()
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=1e-4)
    np.testing.assert_allclose(board.size_mm[1] - ours[:, 1], theirs[:, 1], atol=1e-4)


def test_back_of_a_board_lies_behind_its_front():
    front = Charuco(5, 4, 30.0, 20.0).points_mm()
    mirrored = Charuco(5, 4, 30.0, 20.0, back="mirrored", thickness_mm=6.0).points_mm()
    np.testing.assert_allclose(mirrored[len(front) :], front - [0, 0, 6])
    other = Charuco(5, 4, 30.0, 20.0, back="other", back_first_id=10, thickness_mm=6.0).points_mm()
    # Whoever reads the back sees its first corner upper left: behind the front's upper right one.
    np.testing.assert_allclose(other[len(front)], front[3] - [0, 0, 6])


def test_aprilgrid_begins_lower_left():
    points_mm = AprilGrid(3, 2, 20.0, 6.0).points_mm()
    assert points_mm[0].tolist() == [6, 26, 0]  # upper left corner of tag 0
    assert points_mm[4].tolist() == [32, 26, 0]
    assert points_mm[12].tolist() == [6, 52, 0]  # tag 3 stands on tag 0


def test_marker_of_a_set_is_turned_and_moved():
    quarter = (0.0, 0.0, np.pi / 2)
    points_mm = Aruco((Marker(3, 40.0, (100.0, 0.0, 50.0), quarter),)).points_mm()
    np.testing.assert_allclose(points_mm[0], [80, -20, 50], atol=1e-9)  # its upper left corner (-20, 20) turned


def test_centres_come_back_from_their_distances():
    """Measured 3e-13 mm worst."""
    truth = np.array([[0, 0], [800, 0], [750, 400], [-100, 350]], float)
    ids = [4, 7, 1, 9]
    pairs = [(ids[i], ids[j], float(np.linalg.norm(truth[i] - truth[j]))) for i in range(4) for j in range(i)]
    np.testing.assert_allclose(centres_from_distances_mm(ids, tuple(pairs))[:, :2], truth, atol=1e-8)
    pairs[3] = (*pairs[3][:2], pairs[3][2] + 40)
    with pytest.raises(ValueError, match="do not fit a plane"):
        centres_from_distances_mm(ids, tuple(pairs))
    with pytest.raises(ValueError, match="lacks the pair"):
        centres_from_distances_mm(ids, tuple(pairs[1:]))


def test_every_shipped_board_loads():
    targets = [load_target(path) for path in shipped_definitions()]
    assert {
        f"{kind}_{paper}" for kind in ("chessboard", "charuco", "aprilgrid", "aruco") for paper in ("a4", "a3")
    } <= {target.name for target in targets}
    for target in targets:
        assert target.description
        assert len(target.p_in_target.unique(dim=0)) == len(target.p_in_target)
        assert not target.is_ambiguous


def test_an_unknown_board_is_named_with_the_like(tmp_path):
    with pytest.raises(CalibrationError, match="Did you mean 'charuco_a4'"):
        load_target("charuco_a44")
    path = tmp_path / "mine.toml"
    path.write_text("[charuco]\ncolumns = 5\nrows = 4\nsquare_mm = 30.0\nmarkers_mm = 20.0\n", encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"mine\.toml.*'charuco\.markers_mm'.*Did you mean 'marker_mm'"):
        load_target(path)
    path.write_text("paper = 'a4'\n", encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"mine\.toml.*exactly one of"):
        load_target(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Chessboard(9, 1, 25.0), "too few"),
        (lambda: Chessboard(9, 6, 0.0), "square_mm is 0"),
        (lambda: Charuco(5, 4, 30.0, 30.0), "must be less than"),
        (lambda: Charuco(5, 4, 30.0, 20.0, dictionary="4x4_1001"), "Did you mean '4x4_100"),
        (lambda: Charuco(30, 10, 30.0, 20.0, dictionary="4x4_50"), "has 50"),
        (lambda: Charuco(5, 4, 30.0, 20.0, back="other", back_first_id=5), "leave the 10 markers"),
        (lambda: Aruco((Marker(1, 50.0), Marker(1, 50.0))), "each id once"),
        (lambda: Wand((0.0, 250.0, 500.0)), "ends look alike"),
        (lambda: Wand((10.0, 20.0)), "ascend from 0"),
        (lambda: ScenePoints({}), "empty"),
        (lambda: ScenePoints({"door": (0.0, 0.0, 0.0)}, {"cam1": {"dor": (1.0, 2.0)}}), "Did you mean 'door'"),
    ],
)
def test_impossible_targets_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_dictionaries_may_be_named_as_opencv_does():
    assert Charuco(5, 4, 30.0, 20.0, dictionary="DICT_4X4_50").opencv().getDictionary().markerSize == 4
    assert cv2.aruco.DICT_4X4_50 == 0
