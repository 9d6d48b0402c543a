"""COLMAP's models in text and binary: hand-written files through OpenCV, and pycolmap as the other reader."""

import logging
import struct

import numpy as np
import pytest
from foreign_camera import (
    DISTORTION,
    FISHEYE,
    MATRIX,
    POINTS_M,
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
from mocap3d.calibration.formats.colmap import write_colmap, write_colmap_binary
from mocap3d.errors import CalibrationError

(FX, _, CX), (_, FY, CY), _ = MATRIX.tolist()
ONE_F = np.array([[FX, 0, CX], [0, FX, CY], [0, 0, 1]])
C = [CX + 0.5, CY + 0.5]
"""COLMAP counts from the corner of the top-left pixel, OpenCV from its centre."""
K8 = [0.11, 0.05, 0.001, -0.002, 0.02, 0.3, 0.1, 0.02]
X, Y, Z, W = Rotation.from_matrix(ROTATION).as_quat().tolist()

MODELS = {
    "SIMPLE_PINHOLE": (0, [FX, *C], {"matrix": ONE_F, "distortion": np.zeros(4)}),
    "PINHOLE": (1, [FX, FY, *C], {"distortion": np.zeros(4)}),
    "SIMPLE_RADIAL": (2, [FX, *C, -0.2], {"matrix": ONE_F, "distortion": [-0.2, 0, 0, 0]}),
    "RADIAL": (3, [FX, *C, -0.2, 0.1], {"matrix": ONE_F, "distortion": [-0.2, 0.1, 0, 0]}),
    "OPENCV": (4, [FX, FY, *C, *DISTORTION[:4]], {"distortion": DISTORTION[:4]}),
    "OPENCV_FISHEYE": (5, [FX, FY, *C, *FISHEYE], {"distortion": FISHEYE, "fisheye": True}),
    "FULL_OPENCV": (6, [FX, FY, *C, *K8], {"distortion": K8}),
    "SIMPLE_RADIAL_FISHEYE": (8, [FX, *C, 0.05], {"matrix": ONE_F, "distortion": [0.05, 0, 0, 0], "fisheye": True}),
    "RADIAL_FISHEYE": (9, [FX, *C, 0.05, -0.02], {"matrix": ONE_F, "distortion": [0.05, -0.02, 0, 0], "fisheye": True}),
}


def text_model(folder, model, parameters, *, names=("cam1.png", "cam2.png")):
    """Keypoint lines full and empty; a camera that both images share."""
    numbers = " ".join(map(repr, parameters))
    written(folder / "cameras.txt", f"# Camera list\n7 {model} {SIZE[0]} {SIZE[1]} {numbers}\n")
    pose = f"{W!r} {X!r} {Y!r} {Z!r} " + " ".join(map(repr, TRANSLATION_M.tolist()))
    points = ["1.5 2.5 -1 3.5 4.5 17", ""]
    lines = [f"{n} {pose} 7 {name}\n{points[n % 2]}\n" for n, name in enumerate(names)]
    written(folder / "images.txt", "# Image list\n" + "".join(lines))


def binary_model(folder, model_number, parameters):
    folder.mkdir(parents=True, exist_ok=True)
    camera = struct.pack("<QiiQQ", 1, 7, model_number, *SIZE) + struct.pack(f"<{len(parameters)}d", *parameters)
    (folder / "cameras.bin").write_bytes(camera)
    images = struct.pack("<Q", 2)
    for number, name in enumerate((b"cam1.png", b"cam2.png")):
        images += struct.pack("<i7di", number, W, X, Y, Z, *TRANSLATION_M, 7) + name + b"\0"
        images += struct.pack("<Q", number) + struct.pack("<ddq", 1.5, 2.5, -1) * number
    (folder / "images.bin").write_bytes(images)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ending", ["txt", "bin"])
def test_colmap_models_by_their_definition(tmp_path, model, ending):
    """Measured 3e-13 px at worst."""
    number, parameters, opencv = MODELS[model]
    text_model(tmp_path, model, parameters) if ending == "txt" else binary_model(tmp_path, number, parameters)
    for given in (tmp_path, tmp_path / f"cameras.{ending}", tmp_path / f"images.{ending}"):
        rig = read_calibration(given, unit="m")
        assert list(rig.cameras) == ["cam1", "cam2"]
        assert rig.cameras["cam2"].size_px == SIZE
        assert worst_px(rig.cameras["cam2"], pixels(**opencv)) < TOLERANCE_PX


def test_an_arbitrary_scale_is_said(tmp_path, caplog):
    text_model(tmp_path, "PINHOLE", [FX, FY, *C])
    with caplog.at_level(logging.WARNING, "mocap3d"):
        assert read_calibration(tmp_path).cameras
    assert "arbitrary scale" in caplog.text


@pytest.mark.parametrize(
    ("names", "views"),
    [
        (("left/1.png", "right/1.png"), ["left", "right"]),
        (("left/1.png", "left/2.png"), ["left_1", "left_2"]),
        (("a b.png", "c.jpg"), ["a b", "c"]),
    ],
)
def test_views_are_named_by_folder_or_image(tmp_path, names, views):
    text_model(tmp_path, "PINHOLE", [FX, FY, *C], names=names)
    assert list(read_calibration(tmp_path, unit="m").cameras) == views


@pytest.mark.parametrize(
    ("file", "old", "new", "needs"),
    [
        ("cameras.txt", "OPENCV", "FOV", "FOV, which no lens here is"),
        ("cameras.txt", "7 OPENCV", "8 OPENCV", "camera 7, which is not in cameras.txt"),
        ("cameras.txt", " 1088", " wide", "damaged COLMAP model"),
        ("cameras.txt", repr(FY), "", "shape"),
        ("images.txt", repr(W), "0", "quaternion"),
        ("images.txt", "cam2", "cam1", "two images are called 'cam1'"),
    ],
)
def test_broken_text_models_are_refused(tmp_path, file, old, new, needs):
    text_model(tmp_path, "OPENCV", MODELS["OPENCV"][1])
    path = tmp_path / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CalibrationError, match=needs):
        read_calibration(tmp_path, unit="m")


@pytest.mark.parametrize("file", ["cameras.bin", "images.bin"])
def test_cut_binary_models_are_refused(tmp_path, file):
    binary_model(tmp_path, *MODELS["OPENCV"][:2])
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:40])
    with pytest.raises(CalibrationError, match="damaged COLMAP model"):
        read_calibration(tmp_path, unit="m")


def test_half_a_model_is_refused(tmp_path):
    binary_model(tmp_path, *MODELS["OPENCV"][:2])
    (tmp_path / "images.bin").unlink()
    with pytest.raises(CalibrationError, match="both are needed"):
        read_calibration(tmp_path / "cameras.bin")


@pytest.mark.parametrize("write", [write_colmap, write_colmap_binary])
@pytest.mark.parametrize("model", MODELS)
def test_pycolmap_sees_what_we_write(tmp_path, model, write):
    """pycolmap reads our files and projects the points to the same pixels, half a pixel further in its count.

    It also writes them again, in the other form, and we read that. Measured 3e-13 px (pycolmap 4.2.1).
    """
    pycolmap = pytest.importorskip("pycolmap")
    text_model(tmp_path / "a", model, MODELS[model][1])
    write(read_calibration(tmp_path / "a", unit="m"), tmp_path / "b")
    reconstruction = pycolmap.Reconstruction(str(tmp_path / "b"))
    expected = pixels(**MODELS[model][2])
    for image in reconstruction.images.values():
        seen = np.array([image.project_point(point) for point in POINTS_M]) - 0.5
        assert np.abs(seen - expected).max() < TOLERANCE_PX
    (tmp_path / "c").mkdir()
    (reconstruction.write_binary if write is write_colmap else reconstruction.write_text)(str(tmp_path / "c"))
    assert worst_px(read_calibration(tmp_path / "c", unit="m").cameras["cam2"], expected) < TOLERANCE_PX
