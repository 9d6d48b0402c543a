"""OpenCap's pickles: numbers through OpenCV, the world turned upright, and no foreign program run."""

import logging
import os
import pickle

import numpy as np
import pytest
from foreign_camera import (
    DISTORTION,
    MATRIX,
    POINTS_M,
    ROTATION,
    SIZE,
    TOLERANCE_PX,
    TRANSLATION_M,
    pixels,
    worst_px,
)

from mocap3d.calibration.formats import read_calibration
from mocap3d.errors import CalibrationError

POINTS_IN_BOARD_M = np.array([[-x, -z, -y] for x, y, z in POINTS_M])
"""An upright board's x runs along its rows (here against the world's), y down, z into the wall; the world is Z up."""


def dictionary(**changes):
    """As opencap-core pickles it: imageSize (height, width) in a column, translation in mm."""
    return {
        "distortion": np.array([DISTORTION]),
        "intrinsicMat": MATRIX,
        "imageSize": np.array([[1920.0], [1088.0]]),
        "rotation": ROTATION,
        "translation": TRANSLATION_M[:, None] * 1000,
        "rotation_EulerAngles": np.array([[9.0], [9.0], [9.0]]),
    } | changes


def pickled(path, content, protocol=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_opencap_by_its_definition(tmp_path, protocol, caplog):
    """Measured 2e-13 px. What an upright board calls down is down in a world whose Z is up."""
    path = pickled(tmp_path / "Cam0" / "cameraIntrinsicsExtrinsics.pickle", dictionary(), protocol)
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = read_calibration(path).cameras["Cam0"]
    assert camera.size_px == SIZE
    assert worst_px(camera, pixels(POINTS_IN_BOARD_M)) < TOLERANCE_PX
    assert "which way up" in caplog.text


def test_opencap_folders_name_the_cameras(tmp_path):
    for name in ("Cam1", "Cam0", "Cam10"):
        pickled(tmp_path / "Videos" / name / "cameraIntrinsicsExtrinsics.pickle", dictionary())
    pickled(tmp_path / "flat" / "cam00.pickle", dictionary())
    assert list(read_calibration(tmp_path / "Videos").cameras) == ["Cam0", "Cam1", "Cam10"]
    assert list(read_calibration(tmp_path / "flat").cameras) == ["cam00"]


class Attack:
    """What a pickle can do: run a shell command while it is read."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("key", ["rotation", "beside"])
def test_a_pickle_cannot_run_anything(tmp_path, key):
    trace = tmp_path / "trace"
    path = pickled(tmp_path / "cam.pickle", dictionary(**{key: Attack(trace)}))
    with pytest.raises(CalibrationError, match=r"it wants to run posix\.system"):
        read_calibration(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "needs"),
    [
        (dictionary(imageSize=np.array([[900.0], [1920.0]])), "lies outside a picture"),
        (dictionary(rotation=np.eye(3) * 2), "no rotation"),
        ({"rotation": ROTATION}, "no intrinsicMat"),
        ([1, 2], "no dictionary"),
        (dictionary(rotation=np.array([print, 1, 2], dtype=object)), "it wants to run"),
    ],
)
def test_other_pickles_are_refused_by_name(tmp_path, content, needs):
    with pytest.raises(CalibrationError, match=needs) as error:
        read_calibration(pickled(tmp_path / "cam.pickle", content))
    assert "cam.pickle" in str(error.value)


def test_a_cut_pickle_is_refused(tmp_path):
    path = pickled(tmp_path / "cam.pickle", dictionary())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CalibrationError, match="no pickle of numpy arrays"):
        read_calibration(path)
