"""Boards with markers found from both sides, in part, and not in pictures of other boards."""

import cv2
import numpy as np
import pytest
from printed import filmed, moved, picture_of, slanted

from mocap3d.calibration.boards import AprilGrid, Charuco
from mocap3d.calibration.draw_target import pages_of
from mocap3d.calibration.finders import finder_of
from mocap3d.calibration.findings import mistakes
from mocap3d.calibration.free_points import Wand
from mocap3d.calibration.ink import prints_of
from mocap3d.calibration.marker_sets import Aruco, Marker
from mocap3d.calibration.targets import Target

SIZE_PX = (1280, 860)
TWO_SIDED = Charuco(7, 5, 36.0, 27.0, back="other", back_first_id=17, thickness_mm=5.0)
MIRRORED = Charuco(7, 5, 36.0, 27.0, back="mirrored", thickness_mm=5.0)


def _filmed(pattern, *, side=0):
    target = Target("board", pattern)
    page, one = pages_of(target)[side], prints_of(target)[side]
    picture = picture_of(page)
    homography = slanted(picture, SIZE_PX)
    boxes = page.white_mm if one.inverted else page.black_mm[: len(one.black_mm)]
    left, top = (boxes[:, :2] - one.black_mm[:, :2])[0]
    points_mm = pattern.points_mm()
    x = one.size_mm[0] - points_mm[:, 0] if side else points_mm[:, 0]
    on_sheet = np.stack([left + x, top + one.size_mm[1] - points_mm[:, 1]], axis=1)
    return filmed(picture, homography, SIZE_PX), moved(homography, on_sheet * 4 - 0.5)


@pytest.mark.parametrize(
    ("pattern", "side"),
    [
        (Charuco(7, 5, 36.0, 27.0), 0),
        (Charuco(6, 4, 40.0, 30.0, legacy=True), 0),
        (Charuco(6, 4, 40.0, 30.0, inverted=True, first_id=30), 0),
        (TWO_SIDED, 0),
        (TWO_SIDED, 1),
        (MIRRORED, 0),
        (MIRRORED, 1),
        (AprilGrid(5, 3, 38.0, 11.4), 0),
        (AprilGrid(5, 3, 38.0, 11.4, code_turns=2, first_id=7), 0),
    ],
)
def test_a_filmed_board_is_found_with_its_own_points(pattern, side):
    """Measured 0.05 px worst."""
    image, truth = _filmed(pattern, side=side)
    found = finder_of(pattern)(image)
    seen = np.isfinite(found.sigma_px)
    half = len(seen) // 2
    if getattr(pattern, "back", "none") != "none":
        assert seen[half:].all() if side else seen[:half].all()
        assert not (seen[:half].any() if side else seen[half:].any())
    else:
        assert seen.all()
    assert np.abs(found.uv_px - truth)[seen].max() < 0.1


def test_part_of_a_board_is_enough():
    pattern = Charuco(7, 5, 36.0, 27.0)
    image, truth = _filmed(pattern)
    image[:, 640:] = 90
    found = finder_of(pattern)(image)
    seen = np.isfinite(found.sigma_px)
    assert 8 <= seen.sum() < 24
    assert np.abs(found.uv_px - truth)[seen].max() < 0.25


@pytest.mark.parametrize(
    ("truth", "wrong", "code"),
    [
        (Charuco(5, 4, 40.0, 30.0), Charuco(4, 5, 40.0, 30.0), "swapped-rows-columns"),
        (Charuco(5, 4, 40.0, 30.0), Charuco(5, 4, 40.0, 30.0, legacy=True), "legacy-pattern"),
        (Charuco(5, 4, 40.0, 30.0), Charuco(5, 4, 40.0, 30.0, inverted=True), "inverted"),
        (Charuco(5, 4, 40.0, 30.0, dictionary="5x5_50"), Charuco(5, 4, 40.0, 30.0), "wrong-dictionary"),
        (AprilGrid(5, 3, 38.0, 11.4), AprilGrid(3, 5, 38.0, 11.4), "swapped-rows-columns"),
        (AprilGrid(5, 3, 38.0, 11.4, border_bits=1), AprilGrid(5, 3, 38.0, 11.4), "border-bits"),
        (AprilGrid(5, 3, 38.0, 11.4, code_turns=2), AprilGrid(5, 3, 38.0, 11.4), "code-turns"),
    ],
)
def test_a_wrong_definition_finds_nothing_and_the_right_one_is_named(truth, wrong, code):
    image, _ = _filmed(truth)
    assert finder_of(wrong)(image).n_points == 0
    assert next(mistake for mistake, _, other in mistakes(wrong) if finder_of(other)(image).n_points) == code


def test_markers_of_a_set():
    markers = Aruco((Marker(2, 40.0), Marker(9, 40.0, (100.0, 0.0, 0.0))))
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100)
    image = np.full((400, 700), 220, np.uint8)
    for left, number in ((100, 2), (400, 9)):
        image[120:260, left : left + 140] = cv2.aruco.generateImageMarker(dictionary, number, 140)
    image = cv2.GaussianBlur(image, (0, 0), 0.8)
    found = finder_of(markers)(image)
    square = np.array([[0, 0], [140, 0], [140, 140], [0, 140]]) - 0.5
    np.testing.assert_allclose(found.uv_px, np.concatenate([square + at for at in ([100, 120], [400, 120])]), atol=0.5)
    measured = Aruco((Marker(2, 40.0), Marker(9, 40.0)), distances_mm=((2, 9, 85.7),))
    centres = finder_of(measured)(image)
    np.testing.assert_allclose(centres.uv_px, [[169.5, 189.5], [469.5, 189.5]], atol=0.2)


def test_a_wand_is_told_by_its_middle_marker():
    wand, image = Wand((0.0, 180.0, 500.0)), np.full((480, 640), 40, np.uint8)
    ends = np.array([[500.3, 100.0], [180.0, 330.6]])
    truth = ends[0] + np.array([[0.0], [0.36], [1.0]]) * (ends[1] - ends[0])
    v, u = np.mgrid[:480, :640]
    for at in truth:
        image = np.maximum(image, 240 * (np.hypot(u - at[0], v - at[1]) < 8)).astype(np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 1.0)
    found = finder_of(wand)(image)
    assert np.abs(found.uv_px - truth).max() < 0.3
    assert finder_of(Wand((0.0, 320.0, 500.0)))(image).uv_px[0] == pytest.approx(truth[2], abs=0.3)
    assert finder_of(Wand((0.0,)))(image).n_points == 0  # which of three?


def test_both_sides_of_a_real_board(real_data):
    """Camera 1 stands behind the board: OpenCV finds nothing there, the mirrored side is found."""
    video = real_data / "02_caliscope_4cam/sessions/4_cam_recording/calibration/extrinsic/cam_1.mp4"
    capture = cv2.VideoCapture(str(video))
    image = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2GRAY)
    one_sided = Charuco(4, 5, 54.0, 40.5, "4x4_1000", inverted=True)
    assert finder_of(one_sided)(image).n_points == 0
    found = finder_of(Charuco(4, 5, 54.0, 40.5, "4x4_1000", inverted=True, back="mirrored"))(image)
    assert np.isfinite(found.sigma_px).nonzero()[0].tolist() == list(range(12, 24))
