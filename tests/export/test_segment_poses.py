"""Segments' poses in C3D as another library reads them: upright, right-handed, joined, and absent where unknown."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from motions import make_fitted, points_of

from mocap3d.export.c3d import write_c3d
from mocap3d.export.options import ExportOptions
from mocap3d.export.results import Results, write_more
from mocap3d.export.segment_poses import segment_poses
from mocap3d.session.motion_files.c3d import read_c3d

THEIA = {
    "pelvis", "torso", "head", "r_uarm", "r_larm", "r_hand", "l_uarm", "l_larm", "l_hand",
    "r_thigh", "r_shank", "r_foot", "r_toes", "l_thigh", "l_shank", "l_foot", "l_toes",
}  # fmt: skip
"""What Theia3D's files call their segments, without the ending."""


@pytest.fixture(scope="module")
def motion():
    return make_fitted(12, rate=Fraction(60000, 1001))


def poses_of(path):
    ezc3d = pytest.importorskip("ezc3d")
    file = ezc3d.c3d(str(path))
    labels = file["parameters"]["ROTATION"]["LABELS"]["value"]
    assert file["parameters"]["ROTATION"]["FRAMES"]["value"][0] == file["data"]["rotations"].shape[-1]
    assert file["parameters"]["ROTATION"]["RATE"]["value"][0] == pytest.approx(60000 / 1001)
    return {label: file["data"]["rotations"][:, :, n].transpose(2, 0, 1) for n, label in enumerate(labels)}


def test_segments_hang_together(motion, tmp_path):
    """Reals of 32 bits: 1e-4 mm at 3 m. A knee is straight below the hip joint in the thigh's own axes."""
    write_c3d(points_of(motion), "Bo", tmp_path / "bo.c3d", segments_of=motion)
    poses = poses_of(tmp_path / "bo.c3d")
    assert set(poses) == {f"{name}_4X4" for name in THEIA}
    skeleton = motion.skeletons[1]
    for name, joint in (("pelvis", "pelvis"), ("r_shank", "knee_r"), ("l_hand", "wrist_l")):
        origin_mm = 1000 * motion.joint_in_world[:, 1, skeleton.tree.index(joint)].numpy()
        np.testing.assert_allclose(poses[f"{name}_4X4"][:, :3, 3], origin_mm, atol=1e-3)
    for pose in poses.values():
        np.testing.assert_allclose(np.linalg.det(pose[:, :3, :3]), 1.0, atol=1e-5)
        np.testing.assert_array_equal(pose[:, 3], np.tile([0, 0, 0, 1], (12, 1)))
    for segment, lower, joint in (("thigh", "shank", "knee_r"), ("uarm", "larm", "elbow_r")):
        length_mm = 1000 * float(skeleton.length_m[skeleton.tree.index(joint)])
        end = poses[f"r_{segment}_4X4"] @ [0, 0, -length_mm, 1]
        np.testing.assert_allclose(end, poses[f"r_{lower}_4X4"][:, :, 3], atol=2e-3)


def test_who_stands_is_upright_and_faces_forward(motion, tmp_path):
    """At rest, facing the world's x: right is -y, forward x, up z, of every segment."""
    still = torch.eye(3, dtype=torch.float64).expand(motion.parent_from_joint.shape).clone()
    still[:, :, 0] = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    standing = replace(motion, parent_from_joint=still)
    write_c3d(points_of(standing), "Ada", tmp_path / "ada.c3d", segments_of=standing)
    for pose in poses_of(tmp_path / "ada.c3d").values():
        np.testing.assert_allclose(pose[0, :3, :3].T, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_unknown_poses_are_not_a_number_and_points_stay_as_they_are(motion, tmp_path):
    turns = motion.parent_from_joint.clone()
    turns[3, 0, motion.skeletons[0].tree.index("knee_r")] = torch.nan
    write_c3d(points_of(motion), "Ada", tmp_path / "ada.c3d", segments_of=replace(motion, parent_from_joint=turns))
    poses = poses_of(tmp_path / "ada.c3d")
    assert np.isnan(poses["r_shank_4X4"][3]).all()
    assert np.isfinite(poses["r_thigh_4X4"]).all()
    labels, unwritten = segment_poses(replace(motion, parent_from_joint=turns), 0)
    assert np.isnan(unwritten[:, :, labels.index("r_shank_4X4"), 3]).all()
    expected = points_of(motion).p_in_world[:, 0].numpy()
    np.testing.assert_allclose(read_c3d(tmp_path / "ada.c3d").p_in_file, expected, atol=3e-7)
    c3d = pytest.importorskip("c3d")
    with (tmp_path / "ada.c3d").open("rb") as file:
        theirs = np.stack([frame[:, :3] for _, frame, _ in c3d.Reader(file).read_frames()])
    np.testing.assert_allclose(theirs / 1000, expected, atol=3e-7)


def test_only_visual3d_gets_them(motion, tmp_path):
    ezc3d = pytest.importorskip("ezc3d")
    for target, n_segments in (("visual3d", len(THEIA)), (None, 0)):
        write_more(Results(points_of(motion), motion, None, {}), tmp_path, ["c3d"], ExportOptions(target=target))
        assert ezc3d.c3d(str(tmp_path / "Ada.c3d"))["data"]["rotations"].shape[2] == n_segments


def test_a_recording_too_long_to_tell_where_they_begin_goes_without(motion, tmp_path, caplog, monkeypatch):
    """Said of the same recording against a smaller limit: one that reaches the true one has 39,000 frames."""
    monkeypatch.setattr("mocap3d.export.c3d.MOST_BYTES_BEFORE", 4 * 4 * 26 * 11)
    write_c3d(points_of(motion), "Ada", tmp_path / "long.c3d", segments_of=motion)
    assert "segments' poses, which are left out" in caplog.text
    assert pytest.importorskip("ezc3d").c3d(str(tmp_path / "long.c3d"))["data"]["rotations"].shape[2] == 0
