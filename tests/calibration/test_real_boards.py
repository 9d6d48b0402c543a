"""Real boards: what OpenCV's samples, an action camera, laboratory cameras and webcams give."""

import pytest
import real_boards
import torch

from mocap3d.calibration.bundle import bundle_adjust
from mocap3d.calibration.extrinsics import first_poses
from mocap3d.calibration.formats import read_calibration
from mocap3d.calibration.intrinsics import LensOptions, calibrate_lens
from mocap3d.calibration.lens_choice import choose_lenses
from mocap3d.calibration.lens_kinds import LensKind
from mocap3d.geometry import LensModel


def test_a_stereo_pair(real_data):
    """13 pairs. Measured: 0.196 and 0.208 px alone, 0.215 px together; baseline 3.327 squares +- 0.006. With
    OpenCV's sector-based corners: 0.256, 0.246, 0.269 and 3.315."""
    folder = real_data / "03_opencv_stereo_chessboard"
    names = [f"{n:02d}" for n in range(1, 15) if n != 10]
    pictures = {side: [folder / f"{side}{name}.jpg" for name in names] for side in ("left", "right")}
    boards = real_boards.chessboards(pictures, 9, 6, 1.0, window_px=5)
    lenses = {view: calibrate_lens(boards, view) for view in boards.views}
    assert all(estimate.rms_px < 0.25 for estimate in lenses.values())
    poses = first_poses([boards], lenses)
    result = bundle_adjust([boards], choose_lenses([boards], lenses, poses), poses)
    assert result.rms_px < 0.27
    assert float(result.rig.cameras["right"].centre_in_world.norm()) == pytest.approx(3.31, abs=0.03)


@pytest.mark.slow
def test_an_action_camera_is_recognised_as_a_fisheye(real_data):
    """18 pictures of which 15 are found whole. Measured 0.423 px; Brown-Conrady's five coefficients leave 0.48 px."""
    paths = sorted((real_data / "04_udacity_wide_chessboard" / "gopro_8x6_1280x960").glob("*.jpg"))
    found = calibrate_lens(real_boards.chessboards({"gopro": paths}, 8, 6, 1.0), "gopro")
    assert found.kind is LensKind.KANNALA_BRANDT
    assert found.lens.model is LensModel.KANNALA_BRANDT
    assert found.rms_px < 0.45


@pytest.mark.slow
def test_focal_lengths_are_the_laboratory_s(real_data):
    """Seven pictures each, against Qualisys' wand calibration. Measured 0.40, 0.04, 0.45 and 0.17 % off. One picture
    of the fourth camera is found in a wrong order, and left out."""
    folder = real_data / "01_pose2sim_4cam_human" / "S00_Demo_Session" / "S00_Calibration"
    rig = read_calibration(folder / "Calib.qca.txt")
    for number, camera in enumerate(rig.cameras.values(), 1):
        view = f"cam{number:02d}"
        paths = sorted((folder / "intrinsics" / f"int_{view}_img").glob("*.jpg"))
        found = calibrate_lens(real_boards.chessboards({view: paths}, 7, 4, 0.06), view)
        assert torch.allclose(found.lens.f_px, camera.lens.f_px, rtol=0.005, atol=0)
        assert found.rms_px < 0.2


def test_four_unsynchronised_webcams(real_data):
    """Measured: RMS 1.64 px, median 0.83 px, rigidity 0.90 mm on Caliscope's own corners."""
    session = real_data / "02_caliscope_4cam" / "sessions" / "post_optimization"
    table = session / "calibration" / "extrinsic" / "CHARUCO" / "xy_CHARUCO.csv"
    boards = real_boards.charuco_table(table, (1280, 720))
    lenses = {view: calibrate_lens(boards, view, LensOptions(lens=LensKind.BROWN5)) for view in boards.views}
    result = bundle_adjust([boards], lenses, first_poses([boards], lenses))
    assert result.rms_px < 1.7
    assert result.median_px < 0.85
    assert result.rigidity_m < 0.0011
    assert result.noise > 2, "these cameras are not synchronised, and the corners' sigmas do not know it"


@pytest.mark.slow
def test_four_webcams_of_which_one_stands_behind_the_board(real_data):
    """Caliscope's own corners. Measured: RMS 0.89 px, median 0.47 px, rigidity 0.57 mm; focal length of the
    barrel-shaped first view 875 px (by Caliscope 895). A pinhole escapes to 95 px there: the others begin anew."""
    session = real_data / "02_caliscope_4cam" / "sessions" / "4_cam_recording"
    boards = real_boards.charuco_table(session / "calibration" / "extrinsic" / "xy.csv", (1280, 720))
    lenses = {view: calibrate_lens(boards, view, LensOptions(lens=LensKind.BROWN5)) for view in boards.views}
    assert float(lenses["cam0"].lens.f_px.mean()) == pytest.approx(895, rel=0.04)
    result = bundle_adjust([boards], lenses, first_poses([boards], lenses))
    assert result.rms_px < 1.0
    assert result.median_px < 0.55
    assert result.rigidity_m < 0.0007
