"""Kalibr's and MultiCal's rigs, placed camera by camera, by hand-written text and OpenCV's projection."""

import json
import logging

import numpy as np
import pytest
from foreign_camera import (
    DISTORTION,
    FISHEYE,
    MATRIX,
    NEXT_FROM_FIRST,
    ROTATION,
    SIZE,
    TOLERANCE_PX,
    TRANSLATION_M,
    pixels,
    worst_px,
    written,
)

from mocap3d.calibration.formats import read_calibration
from mocap3d.errors import CalibrationError

# --- Kalibr -----------------------------------------------------------------------------------------------------------


def kalibr_text(*, model="pinhole", distortion_model="radtan", distortion=DISTORTION[:4], chain=True):
    rows = [*np.c_[NEXT_FROM_FIRST[0], NEXT_FROM_FIRST[1]].tolist(), [0.0, 0.0, 0.0, 1.0]]
    lens = (
        f"  cam_overlaps: [1]\n  camera_model: {model}\n"
        f"  distortion_coeffs: [{distortion[0]}, {distortion[1]}, {distortion[2]},\n    {distortion[3]}]\n"
        f"  distortion_model: {distortion_model}\n"
        f"  intrinsics: [{MATRIX[0, 0]}, {MATRIX[1, 1]}, {MATRIX[0, 2]}, {MATRIX[1, 2]}]\n"
        f"  resolution: [{SIZE[0]}, {SIZE[1]}]\n  rostopic: /cam0/image_raw\n"
    )
    poses = "".join(f"  - {row}\n" for row in rows)
    return f"cam0:\n{lens}cam1:\n" + (f"  T_cn_cnm1:\n{poses}" if chain else "") + lens


@pytest.mark.parametrize(
    ("distortion_model", "distortion", "fisheye"),
    [("radtan", DISTORTION[:4], False), ("equidistant", FISHEYE, True), ("equi", FISHEYE, True)],
)
def test_kalibr_chain_by_its_definition(tmp_path, distortion_model, distortion, fisheye, caplog):
    """T_cn_cnm1 takes points of cam0, which is the world, into cam1's frame; metres."""
    text = kalibr_text(distortion_model=distortion_model, distortion=distortion)
    with caplog.at_level(logging.WARNING, "mocap3d"):
        cameras = read_calibration(written(tmp_path / "camchain.yaml", text)).cameras
    points = np.array([[0.1, -0.2, 3.0], [-0.4, 0.3, 4.0]])
    rotation, translation = NEXT_FROM_FIRST
    first = pixels(points, distortion=distortion, rotation=np.eye(3), translation=np.zeros(3), fisheye=fisheye)
    second = pixels(points, distortion=distortion, rotation=rotation, translation=translation, fisheye=fisheye)
    assert worst_px(cameras["cam0"], first, points) < TOLERANCE_PX
    assert worst_px(cameras["cam1"], second, points) < TOLERANCE_PX
    assert not caplog.records


def test_kalibrs_chain_is_followed_in_the_order_of_its_numbers(tmp_path):
    """cam10 hangs on cam2, not on cam1."""
    text = kalibr_text()
    second = text[text.index("cam1:\n") :]
    text += second.replace("cam1:", "cam10:") + second.replace("cam1:", "cam2:")
    cameras = read_calibration(written(tmp_path / "camchain.yaml", text)).cameras
    step = np.vstack([np.c_[NEXT_FROM_FIRST[0], NEXT_FROM_FIRST[1]], [0, 0, 0, 1]])
    expected = np.linalg.inv(np.linalg.matrix_power(step, 3))[:3, 3]
    assert list(cameras) == ["cam0", "cam1", "cam2", "cam10"]
    assert np.allclose(cameras["cam10"].centre_in_world.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("kwargs", "needs"),
    [({"model": "omni"}, "omni-radtan"), ({"distortion_model": "fov"}, "pinhole-fov"), ({"chain": False}, "T_cn_cnm1")],
)
def test_kalibr_files_without_what_is_needed_are_refused(tmp_path, kwargs, needs):
    with pytest.raises(CalibrationError, match=needs):
        read_calibration(written(tmp_path / "camchain.yaml", kalibr_text(**kwargs)))


# --- MultiCal ---------------------------------------------------------------------------------------------------------


def multical_text(poses, names=("a", "b", "c"), *, dist=None):
    camera = {"model": "standard", "image_size": [1088.0, 1920.0], "K": MATRIX.tolist(), "dist": dist or [DISTORTION]}
    return json.dumps({"cameras": dict.fromkeys(names, camera), "camera_poses": poses, "image_sets": {"rgb": []}})


def pose(rotation, translation):
    return {"R": np.asarray(rotation).tolist(), "T": np.asarray(translation).tolist()}


def test_multical_absolute_poses(tmp_path):
    """Flat and nested coefficients both occur in its files."""
    poses = dict.fromkeys(("a", "b", "c"), pose(ROTATION, TRANSLATION_M))
    for dist in ([DISTORTION], list(DISTORTION)):
        path = written(tmp_path / "calibration.json", multical_text(poses, dist=dist))
        assert worst_px(read_calibration(path, unit="m").cameras["b"], pixels()) < TOLERANCE_PX


@pytest.mark.parametrize("is_backwards", [False, True])
def test_multical_relative_poses_are_followed_both_ways(tmp_path, is_backwards):
    """'c_to_b' takes points of b into c's frame; a hangs on nothing but the rig."""
    c_rotation, c_translation = NEXT_FROM_FIRST
    step = {"c_to_b": pose(c_rotation, c_translation)}
    if is_backwards:
        step = {"b_to_c": pose(c_rotation.T, -c_rotation.T @ c_translation)}
    poses = {**step, "b_to_a": pose(ROTATION, TRANSLATION_M), "a": pose(np.eye(3), np.zeros(3))}
    cameras = read_calibration(written(tmp_path / "calibration.json", multical_text(poses)), unit="m").cameras
    rotation, translation = c_rotation @ ROTATION, c_rotation @ TRANSLATION_M + c_translation
    assert worst_px(cameras["b"], pixels()) < TOLERANCE_PX
    assert worst_px(cameras["c"], pixels(rotation=rotation, translation=translation)) < TOLERANCE_PX


@pytest.mark.parametrize(
    ("poses", "needs"),
    [
        ({"a": pose(np.eye(3), [0, 0, 0])}, "no pose of 'b', 'c'"),
        ({"a": pose(np.eye(3), [0, 0, 0]), "b_to_x": pose(np.eye(3), [0, 0, 0])}, "'b_to_x' is of no known camera"),
        (None, "no camera_poses"),
    ],
)
def test_multical_files_with_lost_cameras_are_refused(tmp_path, poses, needs):
    with pytest.raises(CalibrationError, match=needs):
        read_calibration(written(tmp_path / "calibration.json", multical_text(poses)), unit="m")


def test_multical_models_that_are_not_opencvs_are_refused(tmp_path):
    """A fisheye's four coefficients would pass as Brown's."""
    poses = dict.fromkeys(("a", "b", "c"), pose(ROTATION, TRANSLATION_M))
    text = multical_text(poses, dist=list(FISHEYE)).replace('"standard"', '"fisheye"')
    with pytest.raises(CalibrationError, match="lens model 'fisheye'"):
        read_calibration(written(tmp_path / "calibration.json", text), unit="m")


def test_broken_json_is_refused_by_name(tmp_path):
    with pytest.raises(CalibrationError, match=r"calibration\.json is not valid JSON"):
        read_calibration(written(tmp_path / "calibration.json", "{"))
    with pytest.raises(CalibrationError, match=r"\(JSON\) holds no cameras"):
        read_calibration(written(tmp_path / "calibration.json", "{}"))


@pytest.mark.parametrize(("translation", "unit"), [(1.0, "m"), (1000.0, "mm")])
def test_units_that_no_file_states_are_guessed_aloud(tmp_path, translation, unit, caplog):
    far = pose(ROTATION, np.add(TRANSLATION_M, [4, 0, 0]) * translation)
    poses = {"a": pose(ROTATION, TRANSLATION_M * translation), "b": far, "c": far}
    with caplog.at_level(logging.WARNING, "mocap3d"):
        rig = read_calibration(written(tmp_path / "calibration.json", multical_text(poses)))
    assert worst_px(rig.cameras["a"], pixels()) < TOLERANCE_PX
    assert f"as 1 {unit}" in caplog.text
    assert "--unit" in caplog.text
