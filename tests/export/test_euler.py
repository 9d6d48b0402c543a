"""Euler angles are angles of the same rotation, at gimbal lock too."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap3d.export.euler import euler_rad


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("order", "middle"), [("ZXY", 0.5), ("ZXY", 90.0), ("XYZ", -90.0), ("XYZ", 20.0)])
def test_angles_turn_as_the_matrix_does_and_nothing_warns(order, middle):
    """Measured: 4e-16."""
    turns = Rotation.from_euler(order, [[30.0, middle, -70.0], [-160.0, middle, 5.0]], degrees=True).as_matrix()
    again = Rotation.from_euler(order, euler_rad(turns, order)).as_matrix()
    assert np.abs(again - turns).max() < 1e-12
