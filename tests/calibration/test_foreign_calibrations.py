"""Every importer puts a known point on the pixel that OpenCV gives with the file's own numbers."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mocap3d.calibration.formats import read_calibration
from mocap3d.errors import CalibrationError

# Asymmetric numbers throughout: a swapped axis, sign or index must not hide.
MATRIX = [[1681.25, 0.0, 532.5], [0.0, 1679.5, 948.0], [0.0, 0.0, 1.0]]
DISTORTION = [-0.21, 0.09, 0.0011, -0.0007, -0.013]
ROTVEC = [1.1, 0.7, -0.4]
TRANSLATION_M = [0.32, 0.95, 2.9]
POINTS = np.array([[0.3, -0.2, 0.9], [-0.4, 0.5, 1.4], [0.1, 0.25, 0.05]])
SIZE = (1088, 1920)


def opencv_pixels(points_m, *, distortion=DISTORTION, fisheye=False, rotvec=ROTVEC, translation=TRANSLATION_M):
    project = cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
    args = (points_m[:, None].copy(), np.array(rotvec), np.array(translation), np.array(MATRIX), np.array(distortion))
    return project(*args)[0][:, 0]


def pixels(camera, points_m=POINTS):
    return camera.project(torch.from_numpy(points_m)).numpy()


def camera_table(head, *, rotation=ROTVEC, translation=TRANSLATION_M, distortion=DISTORTION, extra=""):
    return (
        f"{head}\nsize = [ 1088.0, 1920.0]\nmatrix = {MATRIX}\ndistortions = {list(distortion)}\n"
        f"rotation = {np.asarray(rotation).tolist()}\ntranslation = {np.asarray(translation).tolist()}\n{extra}\n"
    )


def written(tmp_path: Path, text: str, name: str = "calibration.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


# --- Qualisys -------------------------------------------------------------------------------------------------------


def qualisys_camera(serial="23087", model="Miqus Video", attributes="", left=64, top=32):
    """A camera as QTM writes it: axes right, up, back; centre in mm; everything in 1/64 px of the whole sensor."""
    rotation = np.diag([1, -1, -1]) @ cv2.Rodrigues(np.array(ROTVEC))[0]
    centre_mm = -cv2.Rodrigues(np.array(ROTVEC))[0].T @ np.array(TRANSLATION_M) * 1000
    transform = " ".join(f'r{i + 1}{j + 1}="{rotation[i, j]!r}"' for i in range(3) for j in range(3))
    (fx, _, cx), (_, fy, cy), _ = MATRIX
    k1, k2, p1, p2, k3 = DISTORTION
    return f"""
    <camera active="1" avg-residual="0.4" model="{model}" serial="{serial}" viewrotation="0" {attributes}>
      <fov_video left="{left}" top="{top}" right="{left + SIZE[0] - 1}" bottom="{top + SIZE[1] - 1}"/>
      <transform {transform.replace("np.float64(", "").replace(")", "")}
        x="{centre_mm[0]:.12f}" y="{centre_mm[1]:.12f}" z="{centre_mm[2]:.12f}"/>
      <intrinsic focallength="9.3" focalLengthU="{fx * 64}" focalLengthV="{fy * 64}" skew="0"
        centerPointU="{(cx + left) * 64}" centerPointV="{(cy + top) * 64}"
        radialDistortion1="{k1}" radialDistortion2="{k2}" radialDistortion3="{k3}"
        tangentalDistortion1="{p1}" tangentalDistortion2="{p2}"/>
    </camera>"""


def qualisys_file(tmp_path, *cameras):
    text = f"<?xml version='1.0' encoding='ASCII'?>\n<calibration><cameras>{''.join(cameras)}</cameras></calibration>"
    return written(tmp_path, text, "lab.qca.txt")


def test_qualisys_projects_as_its_raw_numbers_say(tmp_path):
    """Measured 3e-13 px: distortion is not in 1/64, centres are mm, and the sensor's offset is taken off."""
    camera = read_calibration(qualisys_file(tmp_path, qualisys_camera())).cameras["23087"]
    assert camera.size_px == SIZE
    assert np.abs(pixels(camera) - opencv_pixels(POINTS)).max() < 1e-9


def test_qualisys_takes_video_cameras_only_in_natural_order(tmp_path):
    cameras = [
        qualisys_camera("10", "Miqus Hybrid"),
        qualisys_camera("9", "none"),
        qualisys_camera("3", "Miqus M3"),
        qualisys_camera("4", attributes="").replace('active="1"', 'active="0"'),
    ]
    assert list(read_calibration(qualisys_file(tmp_path, *cameras)).cameras) == ["9", "10"]


def test_qualisys_says_what_a_turned_view_means(tmp_path, caplog):
    turned = qualisys_camera().replace('viewrotation="0"', 'viewrotation="90"')
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = read_calibration(qualisys_file(tmp_path, turned)).cameras["23087"]
    assert camera.size_px == SIZE
    assert "without turning it" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "needs"),
    [
        ('focalLengthU="107600.0"', 'focalLengthU="much"', "needs the numbers"),
        ("<intrinsic", "<lens", "no <intrinsic>"),
        ('x="', 'x="nan" was="', "NaN"),
        ('r11="', 'r11="3" was="', "no rotation"),
        ('serial="23087"', "", "serial"),
        ('model="Miqus Video"', 'model="Miqus M3"', "no calibrated camera"),
        ("</camera>", "", "not readable XML"),
    ],
)
def test_broken_qualisys_files_are_refused_by_name(tmp_path, old, new, needs):
    path = qualisys_file(tmp_path, qualisys_camera().replace(old, new))
    with pytest.raises(CalibrationError, match=needs) as error:
        read_calibration(path)
    assert "lab.qca.txt" in str(error.value)


# --- TOML -----------------------------------------------------------------------------------------------------------


def test_pose2sim_is_metres(tmp_path):
    text = camera_table("[cam_2]\nname = 'cam_2'", distortion=DISTORTION[:4], extra="fisheye = false")
    path = written(tmp_path, text + "\n[metadata]\nadjusted = false\nerror = 0.0\n", "Calib.toml")
    camera = read_calibration(path).cameras["cam_2"]
    assert np.abs(pixels(camera) - opencv_pixels(POINTS, distortion=DISTORTION[:4])).max() < 1e-9


ANIPOSE = {"m": 1.0, "mm": 1000.0, "cm": 100.0}


def anipose_text(unit, *, metadata="adjusted = false"):
    far_m = np.add(TRANSLATION_M, [1.5, 0, 0])
    scale = ANIPOSE[unit]
    return (
        camera_table("[cam_0]\nname = 'back'", translation=np.array(TRANSLATION_M) * scale)
        + camera_table("[cam_10]\nname = 'a10'", translation=far_m * scale)
        + camera_table("[cam_2]\nname = 'a2'", translation=far_m * scale)
        + f"[metadata]\n{metadata}\n"
    )


@pytest.mark.parametrize("unit", ["m", "mm", "cm"])
def test_anipose_with_a_stated_unit(tmp_path, unit, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        stated = read_calibration(written(tmp_path, anipose_text(unit, metadata=f"unit = '{unit}'")))
        given = read_calibration(written(tmp_path, anipose_text(unit)), unit=unit)
    assert list(stated.cameras) == ["a2", "a10", "back"]
    assert not caplog.records
    for rig in (stated, given):
        assert np.abs(pixels(rig.cameras["back"]) - opencv_pixels(POINTS)).max() < 1e-9


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_anipose_without_a_unit_is_guessed_aloud(tmp_path, unit, caplog):
    with caplog.at_level(logging.WARNING, "mocap3d"):
        rig = read_calibration(written(tmp_path, anipose_text(unit)))
    assert np.abs(pixels(rig.cameras["back"]) - opencv_pixels(POINTS)).max() < 1e-9
    assert f"1 {unit}" in caplog.text
    assert "[metadata]" in caplog.text


def test_an_unknown_unit_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match="unknown length unit 'furlong'"):
        read_calibration(written(tmp_path, anipose_text("m")), unit="furlong")


def test_anipose_fisheye(tmp_path):
    text = camera_table("[cam_0]\nname = 'a'", distortion=DISTORTION[:4], extra="fisheye = true")
    camera = read_calibration(written(tmp_path, text), unit="m").cameras["a"]
    expected = opencv_pixels(POINTS, distortion=DISTORTION[:4], fisheye=True)
    assert np.abs(pixels(camera) - expected).max() < 1e-9


def test_freemocap_is_millimetres(tmp_path, caplog):
    extra = "world_position = [1.0, 2.0, 3.0]\nworld_orientation = [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]\nid = 'x'"
    text = camera_table("[cam_0]\nname = 'cam_0'", translation=np.array(TRANSLATION_M) * 1000, extra=extra)
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = read_calibration(written(tmp_path, text)).cameras["cam_0"]
    assert not caplog.records
    assert np.abs(pixels(camera) - opencv_pixels(POINTS)).max() < 1e-9


@pytest.mark.parametrize("rotation", [cv2.Rodrigues(np.array(ROTVEC))[0], ROTVEC, [[value] for value in ROTVEC]])
@pytest.mark.parametrize(
    "head", ["[cameras.3]\ncam_id = 3\nrotation_count = 1", "[cam_3]\nport = 3\nrotation_count = 0"]
)
def test_caliscope_old_and_new(tmp_path, rotation, head):
    camera = read_calibration(written(tmp_path, camera_table(head, rotation=rotation))).cameras["cam_3"]
    assert np.abs(pixels(camera) - opencv_pixels(POINTS)).max() < 1e-9


def test_caliscope_leaves_out_what_is_ignored_or_has_no_pose(tmp_path, caplog):
    text = camera_table("[cameras.0]\ncam_id = 0") + camera_table("[cameras.1]\ncam_id = 1", extra="ignore = true")
    text += f"[cameras.2]\ncam_id = 2\nsize = [1280, 720]\nmatrix = {MATRIX}\ndistortions = {DISTORTION}\n"
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert list(read_calibration(written(tmp_path, text)).cameras) == ["cam_0"]
    assert "'cam_1' is marked as ignored" in caplog.text
    assert "'cam_2' has no pose" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "needs"),
    [
        ("translation", "shift", "no translation"),
        ("[1681.25, 0.0, 532.5]", "[1681.25, 0.0]", "rows of equal length"),
        ("[1681.25, 0.0, 532.5]", "[nan, 0.0, 532.5]", "NaN"),
        ("[1681.25, 0.0, 532.5]", "[1681.25, 3.0, 532.5]", "skew"),
        ("[1681.25, 0.0, 532.5]", "[-1681.25, 0.0, 532.5]", "positive"),
        (", -0.013]", "]\nfisheye = false\nnothing = [0]", ""),
        (", -0.013]", ", -0.013, 0.1]", "6 distortion coefficients"),
        ("1088.0", "1088.5", "whole pixels"),
        ("rotation = [1.1", "rotation = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]\nwas = [1.1", "no rotation"),
        ("[cam_0]", "[cam_0", "TOML"),
        ("matrix", "mattress", "no cameras"),
    ],
)
def test_broken_toml_is_refused_by_name(tmp_path, old, new, needs):
    path = written(tmp_path, camera_table("[cam_0]\nname = 'a'").replace(old, new, 1))
    if not needs:
        assert read_calibration(path).cameras  # four coefficients are as good as five
        return
    with pytest.raises(CalibrationError, match=needs) as error:
        read_calibration(path)
    assert "calibration.toml" in str(error.value)


def test_two_cameras_of_one_name_are_refused(tmp_path):
    text = camera_table("[cam_0]\nname = 'a'") + camera_table("[cam_1]\nname = 'a'")
    with pytest.raises(CalibrationError, match="two cameras have the name 'a'"):
        read_calibration(written(tmp_path, text), unit="m")


def test_what_is_no_file_or_no_text_is_refused(tmp_path):
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_calibration(tmp_path / "absent.toml")
    with pytest.raises(CalibrationError, match=r"\(folder\) holds no cameras"):
        read_calibration(tmp_path)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00\x01\x99")
    with pytest.raises(CalibrationError, match="not a text file"):
        read_calibration(tmp_path / "x.toml")
