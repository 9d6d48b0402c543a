"""Theia's and Vicon's XML by numbers written by hand from the formats' definitions, projected by OpenCV."""

import logging

import numpy as np
import pytest
from foreign_camera import (
    CENTRE_M,
    DISTORTION,
    MATRIX,
    ROTATION,
    SIZE,
    TOLERANCE_PX,
    TRANSLATION_M,
    pixels,
    worst_px,
    written,
)
from scipy.spatial.transform import Rotation

from mocap3d.calibration.formats import read_calibration
from mocap3d.errors import CalibrationError

# --- Theia: pixels, p_in_cam = R p + t in mm --------------------------------------------------------------------------


def theia_text(*, turned=0, extra=""):
    entries = " ".join(f'r{i + 1}{j + 1}="{float(ROTATION[i, j])!r}"' for i in range(3) for j in range(3))
    x, y, z = (TRANSLATION_M * 1000).tolist()
    k1, k2, p1, p2, k3 = DISTORTION
    return f"""<calibration><results/><cameras>
    <camera active="1" serial="26079" viewrotation="{turned}" static_boxes="">
      {extra}
      <transform x="{x}" y="{y}" z="{z}" {entries}/>
      <intrinsic focallength="0" sensorMinU="0" sensorMaxU="{SIZE[0]}" sensorMinV="0" sensorMaxV="{SIZE[1]}"
        focalLengthU="{MATRIX[0, 0]}" focalLengthV="{MATRIX[1, 1]}"
        centerPointU="{MATRIX[0, 2]}" centerPointV="{MATRIX[1, 2]}" skew="0"
        radialDistortion1="{k1}" radialDistortion2="{k2}" radialDistortion3="{k3}"
        tangentalDistortion1="{p1}" tangentalDistortion2="{p2}"/>
    </camera></cameras></calibration>"""


@pytest.mark.parametrize("turned", [0, 270])
def test_theia_by_its_definition(tmp_path, turned, caplog):
    """Measured 2e-13 px. viewrotation tells how the camera stands and turns nothing."""
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = read_calibration(written(tmp_path / "cal.txt", theia_text(turned=turned))).cameras["26079"]
    assert camera.size_px == SIZE
    assert worst_px(camera, pixels()) < TOLERANCE_PX
    assert not caplog.records


def test_theia_is_told_from_qualisys_by_its_content(tmp_path):
    """With a field of view the same file is QTM's, whose units are another: its focal length is a 64th."""
    fov = f'<fov_video left="0" top="0" right="{SIZE[0] - 1}" bottom="{SIZE[1] - 1}"/>'
    qualisys = read_calibration(written(tmp_path / "a.txt", theia_text(extra=fov))).cameras["26079"]
    theia = read_calibration(written(tmp_path / "b.txt", theia_text())).cameras["26079"]
    assert float(theia.lens.f_px[0] / qualisys.lens.f_px[0]) == pytest.approx(64)


@pytest.mark.parametrize(
    ("old", "new", "needs"),
    [
        ('r11="', 'r11="3" was="', "no rotation"),
        ('serial="26079"', "", "serial"),
        ('active="1"', 'active="0"', "active"),
    ],
)
def test_broken_theia_files_are_refused_by_name(tmp_path, old, new, needs):
    with pytest.raises(CalibrationError, match=needs):
        read_calibration(written(tmp_path / "cal.txt", theia_text().replace(old, new)))


def test_binned_qualisys_video_is_refused(tmp_path):
    """A sensor of 64 x 2176 units whose largest picture is 1088 px wide."""
    fov = f'left="0" top="0" right="{SIZE[0] - 1}" bottom="{SIZE[1] - 1}"'
    text = theia_text(extra=f"<fov_video {fov}/><fov_video_max {fov}/>")
    text = text.replace(f'sensorMaxU="{SIZE[0]}"', f'sensorMaxU="{2 * 64 * SIZE[0] - 1}"')
    with pytest.raises(CalibrationError, match="binned"):
        read_calibration(written(tmp_path / "lab.qca.txt", text))


# --- Vicon: quaternion x y z w, centre in mm, a polynomial that corrects distorted pixels -----------------------------

SENSOR = (1920, 1200)
FOCAL_PX, ASPECT = 2020.25, 1.02
PRINCIPAL = np.array([948.5, 612.25])
GRID_PX = np.stack(np.meshgrid(np.linspace(0, 1919, 13), np.linspace(0, 1199, 9)), -1).reshape(-1, 2)


def vicon_text(radial="0 0", radial2="", *, frames=1, sensor=SENSOR, attributes='SYSTEM="DV"'):
    quaternion = " ".join(map(repr, Rotation.from_matrix(ROTATION).as_quat().tolist()))
    centre = " ".join(map(repr, (CENTRE_M * 1000).tolist()))
    second = f'VICON_RADIAL2="{radial2}"' if radial2 else ""
    frame = (
        f'<KeyFrame FOCAL_LENGTH="{FOCAL_PX}" FRAME="0" ORIENTATION="{quaternion}" POSITION="{centre}" '
        f'PRINCIPAL_POINT="{PRINCIPAL[0]} {PRINCIPAL[1]}" VICON_RADIAL="{radial}" {second} WORLD_ERROR="0.2"/>'
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<Cameras SOURCE="Nexus 2.16" VERSION="2.0">
  <Camera DEVICEID="51433950" DISPLAY_TYPE="VideoInputDevice:Blackfly" PIXEL_ASPECT_RATIO="{ASPECT}"
    SENSOR_SIZE="{sensor[0]} {sensor[1]}" SKEW="0" {attributes} USERID="2">
    <KeyFrames>{frame * frames}</KeyFrames>
  </Camera>
  <Camera DEVICEID="2107" DISPLAY_TYPE="T160" SYSTEM="" TYPE="DxCore160" SENSOR_SIZE="16 16"><KeyFrames/></Camera>
</Cameras>"""


def vicon_camera(tmp_path, *args, **kwargs):
    return read_calibration(written(tmp_path / "lab.xcp", vicon_text(*args, **kwargs))).cameras["51433950"]


def test_vicon_pinhole_by_its_definition(tmp_path):
    """Measured 4e-13 px: fy = f / aspect, the quaternion's real part is last, the position is the centre in mm."""
    camera = vicon_camera(tmp_path)
    matrix = np.array([[FOCAL_PX, 0, PRINCIPAL[0]], [0, FOCAL_PX / ASPECT, PRINCIPAL[1]], [0, 0, 1]])
    assert camera.size_px == SENSOR
    assert worst_px(camera, pixels(matrix=matrix, distortion=np.zeros(5))) < TOLERANCE_PX


def off_px(camera, centre, correction):
    """How far the camera images the corrected ray of each pixel of the sensor beside that pixel, worst of all.

    Vicon's definition, by hand: dp = (x - x0, a (y - y0)), ideal = (1 + k1 r^2 + k2 r^4 + ...) dp, ray = ideal / f.
    """
    dp = (GRID_PX - centre) * [1, ASPECT]
    r2 = (dp**2).sum(1, keepdims=True)
    k1, k2, k3 = correction
    ideal = centre + dp * (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / [1, ASPECT]
    rays = np.c_[(ideal - PRINCIPAL) / [FOCAL_PX, FOCAL_PX / ASPECT], np.ones(len(ideal))]
    return worst_px(camera, GRID_PX, (rays * 3 - TRANSLATION_M) @ ROTATION)


@pytest.mark.parametrize("k", [(5e-8, 0.0), (5e-8, 3e-15), (-5e-8, 1e-14), (2e-7, 5e-14)])
def test_vicons_correction_is_inverted_over_the_whole_sensor(tmp_path, k, caplog):
    """Measured 0.031, 0.0022, 0.0027 and 0.0003 px at worst; the last is a rational lens."""
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = vicon_camera(tmp_path, f"{k[0]} {k[1]}")
    assert off_px(camera, PRINCIPAL, (*k, 0)) < 0.1
    assert not caplog.records


def test_vicons_first_coefficient_has_the_other_sign_and_the_unit_of_pixels(tmp_path):
    """k1 of OpenCV = -k1 of Vicon f^2 to first order: copying it is 76 px off in the corner."""
    camera = vicon_camera(tmp_path, "5e-8 0")
    assert float(camera.lens.distortion[0]) == pytest.approx(-5e-8 * FOCAL_PX**2, rel=0.02)


def test_vicon_radial2_alone_is_read_aloud(tmp_path, caplog):
    """A centre of its own, 8 px beside the principal point; measured 0.013 px."""
    with caplog.at_level(logging.WARNING, "mocap3d"):
        camera = vicon_camera(tmp_path, "0 0", "ViconRadial2 955.5 608.25 3e-8 2e-15 1e-22")
    assert off_px(camera, np.array([955.5, 608.25]), (3e-8, 2e-15, 1e-22)) < 0.1
    assert "does not publish" in caplog.text


@pytest.mark.parametrize("radial2", ["ViconRadial2 955.5 608.25 0 0 0", "ViconRadial2 955.5 608.25 9 9 9"])
def test_vicon_radial_goes_before_radial2(tmp_path, radial2):
    camera = vicon_camera(tmp_path, "5e-8 0", radial2)
    assert off_px(camera, PRINCIPAL, (5e-8, 0, 0)) < 0.1


@pytest.mark.parametrize(
    ("kwargs", "needs"),
    [
        ({"frames": 2}, "moved"),
        ({"attributes": 'SYSTEM="DV" TYPE="x"', "radial": "-0.2 0.01"}, "another convention"),
        ({"radial": "0 0", "radial2": "ViconRadial2 1 2 0.3 0 0"}, "another convention"),
        ({"radial": "0 0", "radial2": "ViconRadial2 1 2 3"}, "VICON_RADIAL2"),
        ({"radial": "-6e-7 0"}, "folds"),
        ({"radial": "many"}, "2 numbers"),
        ({"frames": 0}, "no calibrated camera"),
    ],
)
def test_vicon_files_that_say_something_else_are_refused(tmp_path, kwargs, needs):
    with pytest.raises(CalibrationError, match=needs) as error:
        vicon_camera(tmp_path, **kwargs)
    assert "lab.xcp" in str(error.value)


def test_vicon_takes_video_cameras_only(tmp_path):
    assert list(read_calibration(written(tmp_path / "lab.xcp", vicon_text())).cameras) == ["51433950"]
    vue = vicon_text(attributes='SYSTEM=""').replace("VideoInputDevice:Blackfly", "Vue")
    assert list(read_calibration(written(tmp_path / "vue.xcp", vue)).cameras) == ["51433950"]


def test_the_optical_axis_of_a_labs_camera_meets_the_floors_origin(tmp_path):
    """Numbers of a lab's file (pose2sim issue 195): it looks at its origin, and down in the picture is down."""
    text = vicon_text().replace(
        " ".join(map(repr, Rotation.from_matrix(ROTATION).as_quat().tolist())),
        "0.0212356595799633 0.774555124454236 -0.632128503215528 0.00519243357047355",
    )
    text = text.replace(
        " ".join(map(repr, (CENTRE_M * 1000).tolist())), "-28.8969712138325 6497.81893431526 1828.97203757617"
    )
    camera = read_calibration(written(tmp_path / "lab.xcp", text)).cameras["51433950"]
    _, down, ahead = camera.cam_from_world.rotation.numpy()
    to_origin = -camera.centre_in_world.numpy()
    assert ahead @ to_origin / np.linalg.norm(to_origin) > 0.99
    assert down[2] < -0.9
    assert np.allclose(camera.centre_in_world.numpy(), [-0.0289, 6.4978, 1.829], atol=1e-4)
