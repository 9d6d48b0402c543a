"""Kinematic trees: read by names, mirrored, and posed as an independent product of transforms poses them."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError, Mocap3dError
from mocap3d.skeletons.body_table import load_body, read_body
from mocap3d.skeletons.forward import posed
from mocap3d.skeletons.kinematics import JointKind, ScaledSkeleton
from mocap3d.skeletons.skeleton import load_skeleton, skeleton_names

SMALL = """
source = "a test"
[[joints]]
name = "pelvis"
segment = "pelvis"
kind = "free"
dofs = [{d}, {d}, {d}]
[[joints]]
name = "hip_r"
segment = "femur_r"
parent = "{parent}"
direction = [0, 0, 1]
length = [0.05, 0.01]
kind = "fixed"
[keypoints]
RHip = {{ at = "hip_r", offset = [0.01, 0.02, 0.03] }}
"""
DOF = '{ name = "a", axis = [0, 0, 1], range_deg = [-90, 90], ease_deg = [0, 10], isb = "" }'


def test_the_body_has_the_joints_that_biomechanists_expect():
    tree = load_body()
    moving = [joint for joint in tree.joints if joint.kind is not JointKind.FIXED]
    assert len(moving) == 23
    for name in ("lumbar", "thorax", "neck", "head", "clavicle_l", "wrist_r", "subtalar_l", "mtp_r"):
        assert tree.joints[tree.index(name)].dofs
    assert len({dof.name for joint in tree.joints for dof in joint.dofs}) == 47


def test_every_joint_comes_after_its_parent_and_mirrors_back():
    tree = load_body()
    for j, joint in enumerate(tree.joints):
        assert joint.parent < j
        assert tree.joints[joint.mirror].mirror == j
        assert np.hypot.reduce(joint.direction) == pytest.approx(0 if j == 0 else 1)
        assert joint.length_ratio == tree.joints[joint.mirror].length_ratio


def test_standing_height_is_the_sum_of_the_parts():
    """From the soles (the small toe's side) to the vertex: within 2 % of the height that scales it."""
    tree = load_body()
    body = ScaledSkeleton.of_height(tree, 1.75)
    joints, _ = posed(body, torch.zeros(3).double(), torch.eye(3).double().expand(len(tree.joints), 3, 3))
    ankle = joints[tree.index("ankle_r"), 1]
    height = joints[tree.index("head_top"), 1] - ankle + 0.039 * 1.75  # Winter: ankle to sole 0.039
    assert float(height) == pytest.approx(1.75, rel=0.02)


def test_left_is_the_mirror_image_of_right():
    tree = load_body()
    body = ScaledSkeleton.of_height(tree, 1.75)
    assert torch.allclose(
        body.offset_in_parent[[joint.mirror for joint in tree.joints]] * torch.tensor([1.0, 1, -1]),
        body.offset_in_parent,
    )


def test_forward_kinematics_is_the_product_of_transforms():
    tree = load_body()
    body = ScaledSkeleton.of_height(tree, 1.8)
    rng = np.random.default_rng(0)
    turns = Rotation.random(len(tree.joints), random_state=1).as_matrix()
    root = rng.normal(size=3)
    joints, world = posed(body, torch.from_numpy(root), torch.from_numpy(turns))
    chain = [tree.index(name) for name in ("pelvis", "hip_l", "knee_l", "ankle_l", "subtalar_l")]
    whole = np.eye(4)
    for j in chain:
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = turns[j], root if j == 0 else body.offset_in_parent[j].numpy()
        whole = whole @ step
    assert np.allclose(joints[chain[-1]].numpy(), whole[:3, 3])
    assert np.allclose(world[chain[-1]].numpy(), whole[:3, :3])


@pytest.mark.parametrize("name", skeleton_names())
def test_every_keypoint_set_sits_on_the_body(name):
    """Only BlazePose's thumbs do not: they move against the hand."""
    skeleton = load_skeleton(name)
    placed = load_body().placements(skeleton)
    lost = {keypoint for keypoint, p in zip(skeleton.keypoints, placed, strict=True) if p is None}
    assert lost == ({"LThumb", "RThumb"} if name == "blazepose33" else set())
    for k, p in enumerate(placed):
        other = placed[skeleton.mirror[k]]
        if p and other:
            assert p.offset_ratio == (*other.offset_ratio[:2], -other.offset_ratio[2])


def test_an_unknown_joint_is_refused_with_the_nearest_names():
    with pytest.raises(Mocap3dError, match="Did you mean knee_"):
        load_body().index("knee")


def test_the_mean_person_and_the_spread_among_people_grow_with_height():
    tree, thigh = load_body(), load_body().index("knee_r")
    for height_m in (1.5, 2.0):
        person = ScaledSkeleton.of_height(tree, height_m)
        assert float(person.length_m[thigh]) == pytest.approx(height_m * tree.joints[thigh].length_ratio)
        assert float(person.length_sigma_m[thigh]) == pytest.approx(height_m * tree.joints[thigh].length_ratio_sigma)


def test_a_table_of_ones_own_is_mirrored(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(d=DOF, parent="pelvis"), encoding="utf-8")
    tree = read_body(path)
    assert tree.names == ("pelvis", "hip_r", "hip_l")
    assert tree.joints[2].direction == (0, 0, -1)
    assert tree.keypoints[""]["LHip"].offset_ratio == (0.01, 0.02, -0.03)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"pelvis"\ndirection', '"pelvi"\ndirection', "Did you mean pelvis"),
        ('"pelvis"\ndirection', '"hip_r"\ndirection', "'hip_r' must be listed after its parent"),
        ('kind = "fixed"', 'kind = "ball"', "has 0 degrees of freedom"),
        ('source = "a test"', "", "has no 'source'"),
        ("direction =", "way =", "unknown key 'way'"),
        ("[keypoints]", "[extras]\n[keypoints]", "unknown key 'extras'"),
        ("source =", "source ==", "not a readable TOML"),
        ('at = "hip_r"', 'at = "hipp_r"', "Did you mean hip_r"),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path, old, new, message):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(d=DOF, parent="pelvis").replace(old, new), encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        read_body(path)
