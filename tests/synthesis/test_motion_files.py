"""Motion files: our kinematics against hand computation, two files of one take against each other, and bad files."""

import pickle
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.amc import read_amc
from mocap3d.session.motion_files.bvh import read_bvh
from mocap3d.synthesis.motion.amp_humanoid import read_amp_humanoid
from mocap3d.synthesis.motion.clip import clip_of_tree
from mocap3d.synthesis.motion.joint_positions import read_joint_positions
from mocap3d.synthesis.motion.read import read_clip

BVH = """HIERARCHY
ROOT Hips
{{
  OFFSET 5 5 5
  CHANNELS 6 Xposition Yposition Zposition {order}
  JOINT Arm
  {{
    OFFSET 0 -80 0
    CHANNELS 3 {order}
    End Site
    {{
      OFFSET 0 0 10
    }}
  }}
}}
MOTION
Frames: 2
Frame Time: .0083333
{frames}
"""
ASF = """:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name leg
    direction 0 -1 0
    length 10
    axis 0 0 90 XYZ
    dof rx rz
    limits (-160.0 20.0)
           (-70.0 70.0)
  end
:hierarchy
  begin
    root leg
  end
"""
AMC = """:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 0 0 0
leg 30 0
2
root 1 2 3 0 90 0
leg 30 0
"""


def about(axis: str, degrees: float) -> np.ndarray:
    """Rotation matrix about one axis, written out."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return {
        "X": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "Y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "Z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def z_up(p_y_up: np.ndarray) -> np.ndarray:
    """x, y up, z forward -> forward, left, up."""
    return p_y_up[..., [2, 0, 1]]


@pytest.mark.parametrize("order", ["".join(axes) for axes in permutations("XYZ")])
def test_bvh_turns_by_its_channels_in_their_order(order, tmp_path):
    names = " ".join(f"{axis}rotation" for axis in order)
    frames = "1 2 3 10 20 30 40 50 60\n1 2 3 11 20 30 40 50 60"
    path = tmp_path / "clip.bvh"
    path.write_text(BVH.format(order=names, frames=frames), encoding="utf-8")
    clip = clip_of_tree(read_bvh(path), unit_m=0.01)
    hips = about(order[0], 10) @ about(order[1], 20) @ about(order[2], 30)
    arm = hips @ about(order[0], 40) @ about(order[1], 50) @ about(order[2], 60)
    knee = np.array([1.0, 2.0, 3.0]) + hips @ [0, -80, 0]
    assert clip.joints == ("Hips", "Arm", "Arm_end")
    assert clip.rate == Fraction(120)
    assert clip.p_in_world[0, 0] == pytest.approx(z_up(np.array([0.01, 0.02, 0.03])), abs=1e-12)
    assert clip.p_in_world[0, 1] == pytest.approx(z_up(knee) * 0.01, abs=1e-12)
    assert clip.p_in_world[0, 2] == pytest.approx(z_up(knee + arm @ [0, 0, 10]) * 0.01, abs=1e-12)


def test_bvh_unit_is_told_by_the_leg(tmp_path):
    path = tmp_path / "clip.bvh"
    path.write_text(
        BVH.format(order="Zrotation Xrotation Yrotation", frames="0 90 0 0 0 0 0 0 0\n" * 2), encoding="utf-8"
    )
    assert clip_of_tree(read_bvh(path)).p_in_world[0, 0, 2] == pytest.approx(0.9)


def test_amc_angles_are_counted_in_the_bones_own_frame(tmp_path):
    (tmp_path / "7.asf").write_text(ASF, encoding="utf-8")
    (tmp_path / "7_01.amc").write_text(AMC, encoding="utf-8")
    clip = clip_of_tree(read_amc(tmp_path / "7_01.amc"))
    inch = 0.0254 / 0.45
    foot = about("Z", 90) @ about("X", 30) @ about("Z", -90) @ [0, -10, 0]
    assert clip.joints == ("root", "leg", "leg_end")
    assert clip.p_in_world[0, 2] == pytest.approx(z_up(np.array([1, 2, 3]) + foot) * inch, abs=1e-12)
    assert clip.p_in_world[1, 2] == pytest.approx(z_up(np.array([1, 2, 3]) + about("Y", 90) @ foot) * inch, abs=1e-12)


def test_two_files_of_one_take_agree(real_data):
    """Acclaim and BVH of CMU 01_01, by two readers: measured 1.9e-6 m on average; the BVH's numbers have 5 digits."""
    folder = real_data / "05_cmu_motions"
    amc, bvh = read_clip(folder / "amc/01_01.amc"), read_clip(folder / "bvh_asfscale/01_01.bvh")
    for ours, theirs in (
        ("lfemur", "LeftUpLeg"),
        ("ltibia", "LeftLeg"),
        ("rfoot", "RightFoot"),
        ("rtoes", "RightToeBase"),
    ):
        apart = amc.p_in_world[:, amc.index(ours)] - bvh.p_in_world[:, bvh.index(theirs)]
        assert np.linalg.norm(apart, axis=-1).max() < 2e-5


@pytest.mark.parametrize(
    ("name", "n_frames", "rate"),
    [
        ("joints_npz/running_1.npz", 167, 120),
        ("amp_humanoid_npy/amp_humanoid_walk.npy", 77, 30),
        ("amp_humanoid_npy/amp_humanoid_backflip.npy", 29, 16),
        ("bvh_daz_cm/10_03.bvh", 359, 120),
        ("amc/35_01.amc", 358, 120),
    ],
)
def test_real_clips_are_in_metres_and_upright(name, n_frames, rate, real_data):
    """Rest poses before npz and BVH motions are left out; the pelvis of a runner or walker is at about 0.9 m."""
    clip = read_clip(real_data / "05_cmu_motions" / name)
    assert (len(clip.p_in_world), clip.rate) == (n_frames, rate)
    assert 0.75 < np.median(clip.p_in_world[:, 0, 2]) < 1.1
    assert clip.p_in_world[..., 2].min() > -0.1


class Evil:
    """Runs on being unpickled."""

    def __reduce__(self):
        return print, ("executed",)


def test_a_pickle_that_would_run_is_refused_unrun(tmp_path, capsys):
    path = tmp_path / "evil.npy"
    np.save(path, np.array(Evil(), dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match=r"evil\.npy.*builtins\.print.*Needed"):
        read_amp_humanoid(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bvh", b"nonsense", "no MOTION"),
        ("b.bvh", BVH.format(order="Xrotation " * 3, frames="1 2 3").encode(), "3 numbers, but 2 frames of 9"),
        ("c.amc", AMC.encode(), "c.asf was not found"),
        ("d.npy", pickle.dumps(1), "AMP humanoid"),
        ("e.npz", b"nonsense", "e.npz"),
        ("f.fbx", b"", "'.fbx' file"),
    ],
)
def test_a_bad_file_is_named_and_explained(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError, match="Needed") as caught:
        read_clip(path)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_a_cut_off_amc_is_refused(tmp_path):
    (tmp_path / "7.asf").write_text(ASF, encoding="utf-8")
    (tmp_path / "7_01.amc").write_text(AMC.rsplit("leg", 1)[0], encoding="utf-8")
    with pytest.raises(FormatError, match="unequal numbers of frames"):
        read_amc(tmp_path / "7_01.amc")


def test_an_amc_that_is_not_there_is_named(tmp_path):
    (tmp_path / "7.asf").write_text(ASF, encoding="utf-8")
    with pytest.raises(FormatError, match=r"7_02\.amc: not found"):
        read_amc(tmp_path / "7_02.amc")


def test_joint_positions_need_the_known_joints(tmp_path):
    np.savez(tmp_path / "x.npz", joints=np.zeros((5, 12, 3)), fps=120.0, unit="m", up="Y")
    with pytest.raises(FormatError, match=r"\(5, 12, 3\)"):
        read_joint_positions(Path(tmp_path / "x.npz"))
