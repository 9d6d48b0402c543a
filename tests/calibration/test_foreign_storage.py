"""OpenCV's, EasyMocap's and MC-Calib's storages, by hand-written text and OpenCV's projection."""

import cv2
import numpy as np
import pytest
from foreign_camera import (
    CENTRE_M,
    DISTORTION,
    FISHEYE,
    MATRIX,
    NEXT_FROM_FIRST,
    ROTATION,
    ROTVEC,
    SIZE,
    TOLERANCE_PX,
    TRANSLATION_M,
    pixels,
    worst_px,
    written,
)

from mocap3d.calibration.formats import read_calibration
from mocap3d.calibration.formats.opencv_yaml import read_opencv_lens
from mocap3d.errors import CalibrationError


def matrix_node(key, value, *, indent=""):
    value = np.atleast_2d(np.asarray(value, dtype=float))
    data = ", ".join(map(repr, value.ravel().tolist()))
    rows, columns = value.shape
    return f"{indent}{key}: !!opencv-matrix\n{indent}   rows: {rows}\n{indent}   cols: {columns}\n" + (
        f"{indent}   dt: d\n{indent}   data: [ {data} ]\n"
    )


def storage(*nodes):
    return "%YAML:1.0\n---\n" + "".join(nodes)


# --- OpenCV -----------------------------------------------------------------------------------------------------------


def opencv_text(*, distortion=DISTORTION, fisheye=0, unit="unit: mm\n", scale=1000.0):
    size = f"image_width: {SIZE[0]}\nimage_height: {SIZE[1]}\nfisheye_model: {fisheye}\n{unit}"
    lens = matrix_node("camera_matrix", MATRIX) + matrix_node("distortion_coefficients", np.c_[list(distortion)])
    pose = matrix_node("rotation", ROTATION) + matrix_node("translation", np.c_[TRANSLATION_M * scale])
    return storage(size, lens, pose)


@pytest.mark.parametrize("count", [4, 5, 8, 12, 14])
def test_opencv_yaml_with_any_number_of_coefficients(tmp_path, count):
    distortion = [*DISTORTION, 0.02, 0.01, -0.03, 0.001, -0.002, 0.003, -0.0005, 0.01, -0.02][:count]
    path = written(tmp_path / "left.yml", opencv_text(distortion=distortion))
    assert worst_px(read_calibration(path).cameras["left"], pixels(distortion=distortion)) < TOLERANCE_PX


def test_opencv_fisheye_and_folder(tmp_path):
    written(tmp_path / "a.yml", opencv_text())
    written(tmp_path / "b.yml", opencv_text(distortion=FISHEYE, fisheye=1))
    written(tmp_path / "boards.yml", storage("square: 3\n"))
    rig = read_calibration(tmp_path)
    assert list(rig.cameras) == ["a", "b"]
    assert worst_px(rig.cameras["a"], pixels()) < TOLERANCE_PX
    assert worst_px(rig.cameras["b"], pixels(distortion=FISHEYE, fisheye=True)) < TOLERANCE_PX


def test_opencvs_xml_is_read_like_its_yaml(tmp_path):
    storage_file = cv2.FileStorage(str(tmp_path / "left.xml"), cv2.FILE_STORAGE_WRITE)
    storage_file.write("image_width", SIZE[0])
    storage_file.write("image_height", SIZE[1])
    for key, value in [("camera_matrix", MATRIX), ("distortion_coefficients", np.array([DISTORTION]))]:
        storage_file.write(key, value)
    storage_file.write("rotation", ROTATION)
    storage_file.write("translation", TRANSLATION_M[:, None])
    storage_file.release()
    rig = read_calibration(tmp_path / "left.xml", unit="m")
    assert worst_px(rig.cameras["left"], pixels()) < TOLERANCE_PX


def stereo(folder, size=f"image_width: {SIZE[0]}\nimage_height: {SIZE[1]}\n"):
    lenses = [("M1", MATRIX), ("D1", [DISTORTION]), ("M2", MATRIX + np.diag([9, 7, 0])), ("D2", [DISTORTION[::-1]])]
    written(folder / "intrinsics.yml", storage(size, *(matrix_node(*node) for node in lenses)))
    nodes = [("R", NEXT_FROM_FIRST[0]), ("T", np.c_[NEXT_FROM_FIRST[1]]), ("Q", np.eye(4))]
    written(folder / "extrinsics.yml", storage(*(matrix_node(*node) for node in nodes)))


@pytest.mark.parametrize("given", ["", "intrinsics.yml", "extrinsics.yml"])
def test_opencvs_stereo_pair(tmp_path, given):
    """R and T take points of the left camera into the right one's frame."""
    stereo(tmp_path)
    cameras = read_calibration(tmp_path / given, unit="m").cameras
    points = np.array([[0.1, -0.2, 3.0], [-0.4, 0.3, 4.0]])
    left = pixels(points, rotation=np.eye(3), translation=np.zeros(3))
    rotation, translation = NEXT_FROM_FIRST
    right = pixels(
        points,
        matrix=MATRIX + np.diag([9, 7, 0]),
        distortion=DISTORTION[::-1],
        rotation=rotation,
        translation=translation,
    )
    assert worst_px(cameras["left"], left, points) < TOLERANCE_PX
    assert worst_px(cameras["right"], right, points) < TOLERANCE_PX


@pytest.mark.parametrize(
    ("old", "new", "needs"),
    [
        ("rotation", "turn", "no pose"),
        ("image_width", "width", "no image_width"),
        ("cols: 3", "cols: 4", "cannot be read as YAML"),
        ("   data: [ 1681.25,", "   data: [ 1681.25, 3", "cannot be read as YAML|rows|shape|skew"),
        ("camera_matrix", "camera_mattress", "no cameras"),
    ],
)
def test_broken_opencv_files_are_refused_by_name(tmp_path, old, new, needs):
    with pytest.raises(CalibrationError, match=needs) as error:
        read_calibration(written(tmp_path / "left.yml", opencv_text().replace(old, new, 1)))
    assert "left.yml" in str(error.value)


def test_half_of_a_stereo_pair_and_one_without_size_are_refused(tmp_path):
    stereo(tmp_path)
    (tmp_path / "extrinsics.yml").rename(tmp_path / "elsewhere.yml")
    with pytest.raises(CalibrationError, match="one of two files"):
        read_calibration(tmp_path / "intrinsics.yml")
    stereo(tmp_path, size="")
    with pytest.raises(CalibrationError, match="no image_width"):
        read_calibration(tmp_path)


def test_the_lens_of_opencvs_own_sample(real_data):
    """The sample's file, by its nodes through cv2 itself. Measured 0 px."""
    path = real_data / "03_opencv_stereo_chessboard" / "left_intrinsics.yml"
    lens, size_px = read_opencv_lens(path)
    nodes = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    matrix, distortion = (nodes.getNode(key).mat() for key in ("camera_matrix", "distortion_coefficients"))
    assert size_px == (640, 480)
    assert np.array_equal(lens.matrix().numpy(), matrix)
    assert np.array_equal(lens.distortion[:5].numpy(), distortion.ravel())
    with pytest.raises(CalibrationError, match="no pose"):
        read_calibration(path)


# --- EasyMocap --------------------------------------------------------------------------------------------------------


def easymocap(folder, *, size=True, rotation_key="Rot_01"):
    """As its writer lays it: names in quotes, CRLF, a rotation vector and a matrix."""
    lens = matrix_node("K_01", MATRIX) + matrix_node("dist_01", [DISTORTION])
    lens += f"H_01: {SIZE[1]}\nW_01: {SIZE[0]}\n" if size else ""
    rotation = matrix_node("R_01", np.c_[ROTVEC]) if rotation_key == "R_01" else matrix_node("Rot_01", ROTATION)
    pose = rotation + matrix_node("T_01", np.c_[TRANSLATION_M])
    for name, nodes in (("intri.yml", lens), ("extri.yml", pose)):
        written(folder / name, storage('names:\n  - "01"\n', nodes).replace("\n", "\r\n"))


@pytest.mark.parametrize("given", ["", "intri.yml", "extri.yml"])
@pytest.mark.parametrize("rotation_key", ["Rot_01", "R_01"])
def test_easymocap_by_its_definition(tmp_path, given, rotation_key):
    """The name keeps its leading zero."""
    easymocap(tmp_path, rotation_key=rotation_key)
    camera = read_calibration(tmp_path / given, unit="m").cameras["01"]
    assert camera.size_px == SIZE
    assert worst_px(camera, pixels()) < TOLERANCE_PX


def test_easymocap_without_a_size_or_a_pose_is_refused(tmp_path):
    easymocap(tmp_path, size=False)
    with pytest.raises(CalibrationError, match="'W_01: 1920'"):
        read_calibration(tmp_path)
    easymocap(tmp_path)
    written(tmp_path / "extri.yml", storage('names:\n  - "01"\n'))
    with pytest.raises(CalibrationError, match="no Rot_01 or T_01"):
        read_calibration(tmp_path)
    (tmp_path / "extri.yml").unlink()
    with pytest.raises(CalibrationError, match=r"no extri\.yml"):
        read_calibration(tmp_path / "intri.yml")


# --- MC-Calib ---------------------------------------------------------------------------------------------------------


def mc_calib_text(*, kind=0, distortion=DISTORTION, groups=(0, 0)):
    """camera_pose_matrix is the camera's place in the reference camera's frame, here in cm."""
    text = "nb_camera: 2\n"
    for number, group in enumerate(groups):
        pose = np.eye(4)
        if number == 1:
            pose[:3, :3], pose[:3, 3] = ROTATION.T, CENTRE_M * 100
        text += f"camera_{number}:\n" + matrix_node("camera_matrix", MATRIX, indent="   ")
        text += matrix_node("distortion_vector", [distortion], indent="   ")
        text += f"   distortion_type: {kind}\n   camera_group: {group}\n"
        text += f"   img_width: {SIZE[0]}\n   img_height: {SIZE[1]}\n"
        text += matrix_node("camera_pose_matrix", pose, indent="   ")
    return storage(text)


@pytest.mark.parametrize(("kind", "distortion"), [(0, DISTORTION), (1, FISHEYE)])
def test_mc_calib_by_its_definition(tmp_path, kind, distortion):
    path = written(tmp_path / "calibrated_cameras_data.yml", mc_calib_text(kind=kind, distortion=distortion))
    rig = read_calibration(path, unit="cm")
    assert list(rig.cameras) == ["camera_0", "camera_1"]
    assert worst_px(rig.cameras["camera_1"], pixels(distortion=distortion, fisheye=kind == 1)) < TOLERANCE_PX


def test_mc_calib_says_what_it_cannot_use(tmp_path):
    with pytest.raises(CalibrationError, match="2 groups"):
        read_calibration(written(tmp_path / "c.yml", mc_calib_text(groups=(0, 1))), unit="cm")
    with pytest.raises(CalibrationError, match="distortion type 2"):
        read_calibration(written(tmp_path / "c.yml", mc_calib_text(kind=2)), unit="cm")
    with pytest.raises(CalibrationError, match="no img_width"):
        read_calibration(written(tmp_path / "c.yml", mc_calib_text().replace("img_width", "wide")), unit="cm")
