"""Turned pictures, by OpenCV with the turned numbers written by hand."""

import cv2
import numpy as np
import pytest
import torch
from foreign_camera import DISTORTION, MATRIX, POINTS_M, ROTATION, SIZE, TOLERANCE_PX, TRANSLATION_M, pixels, worst_px

from mocap3d.calibration.rotation import rotated_rig
from mocap3d.errors import CalibrationError
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid
from mocap3d.session.records import CalibratedRig

(FX, _, CX), (_, FY, CY), _ = MATRIX.tolist()
K1, K2, P1, P2, K3 = DISTORTION
WIDTH, HEIGHT = SIZE
QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


@pytest.fixture
def rig():
    lens = Lens.from_matrix(torch.from_numpy(MATRIX), torch.tensor(DISTORTION, dtype=torch.float64))
    camera = Camera(lens, Rigid(torch.from_numpy(ROTATION), torch.from_numpy(TRANSLATION_M)), SIZE)
    return CalibratedRig({"a": camera, "b": camera})


TURNED = {
    90: ([[FY, 0, HEIGHT - 1 - CY], [0, FX, CX], [0, 0, 1]], (K1, K2, P2, -P1, K3), QUARTER, SIZE[::-1]),
    180: (
        [[FX, 0, WIDTH - 1 - CX], [0, FY, HEIGHT - 1 - CY], [0, 0, 1]],
        (K1, K2, -P1, -P2, K3),
        QUARTER @ QUARTER,
        SIZE,
    ),
    270: ([[FY, 0, CY], [0, FX, WIDTH - 1 - CX], [0, 0, 1]], (K1, K2, -P2, P1, K3), QUARTER.T, SIZE[::-1]),
}


@pytest.mark.parametrize("clockwise_deg", TURNED)
def test_turned_cameras_by_hand(rig, clockwise_deg):
    """Measured 4e-13 px."""
    matrix, distortion, turn, size_px = TURNED[clockwise_deg]
    turned = rotated_rig(rig, clockwise_deg).cameras["b"]
    expected = pixels(
        matrix=np.array(matrix), distortion=distortion, rotation=turn @ ROTATION, translation=turn @ TRANSLATION_M
    )
    assert turned.size_px == size_px
    assert worst_px(turned, expected) < TOLERANCE_PX


def test_a_pixel_drawn_into_a_picture_is_found_where_the_turned_picture_has_it(rig):
    """cv2.rotate turns a picture in which every point is drawn; to the pixel."""
    for clockwise_deg, code in ((90, cv2.ROTATE_90_CLOCKWISE), (270, cv2.ROTATE_90_COUNTERCLOCKWISE)):
        turned = rotated_rig(rig, clockwise_deg).cameras["a"]
        for point, (u, v) in zip(POINTS_M, pixels(), strict=True):
            picture = np.zeros((HEIGHT, WIDTH), np.uint8)
            picture[round(v), round(u)] = 255
            row, column = np.argwhere(cv2.rotate(picture, code))[0]
            assert np.abs(turned.project(torch.from_numpy(point)).numpy() - [column, row]).max() <= 0.51


def test_some_views_only(rig):
    turned = rotated_rig(rig, 90, views=["b"])
    assert turned.cameras["a"] is rig.cameras["a"]
    assert turned.cameras["b"].size_px == SIZE[::-1]


def test_what_cannot_be_turned_is_said(rig):
    with pytest.raises(CalibrationError, match="multiple of 90"):
        rotated_rig(rig, 45)
    with pytest.raises(CalibrationError, match="no camera 'c'"):
        rotated_rig(rig, 90, views=["c"])
