"""Fitted skeletons as BVH and GLB: joints where the fit has them, in a T-pose at rest, named as the target wants."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from motions import make_fitted

from mocap3d.errors import FormatError
from mocap3d.export.animated import write_person_bvh, write_person_glb
from mocap3d.export.options import ExportOptions
from mocap3d.export.skeleton_motion import t_pose, tree_motion
from mocap3d.export.targets import GENERAL, TARGETS, target_of
from mocap3d.session.motion_files.bvh import read_bvh


@pytest.fixture(scope="module")
def motion():
    return make_fitted(12)


def blender(p_in_bvh: np.ndarray) -> np.ndarray:
    """What Blender's importer makes of a BVH by default: x, -z, y."""
    return np.stack([p_in_bvh[..., 0], -p_in_bvh[..., 2], p_in_bvh[..., 1]], axis=-1)


def test_blender_puts_every_joint_where_the_fit_has_it(motion, tmp_path):
    """In metres and our own world, without touching the importer's settings."""
    write_person_bvh(motion, "Bo", tmp_path / "bo.bvh", ExportOptions(target="blender"))
    back = read_bvh(tmp_path / "bo.bvh")
    p_in_world = blender(back.posed()[0])
    for ours, theirs in (("knee_r", "shin.R"), ("wrist_l", "hand.L"), ("head", "head"), ("ankle_l", "foot.L")):
        joint = motion.skeletons[1].tree.index(ours)
        np.testing.assert_allclose(p_in_world[:, back.index(theirs)], motion.joint_in_world[:, 1, joint], atol=2e-6)


def test_the_rest_pose_is_a_t_pose_that_faces_z(motion):
    """Left is at +x, arms out at one height, feet ahead, and the palms, which faced forward, look down."""
    moved = tree_motion(motion, "Ada", GENERAL)
    n = len(moved.tree.joints)
    still = replace(moved, root=np.zeros((1, 3)), parent_from_joint=np.tile(np.eye(3), (1, n, 1, 1)))
    at = {name: still.posed()[0][0, j] for j, name in enumerate(moved.tree.joints)}
    for side, sign in (("l", 1), ("r", -1)):
        arm = at[f"wrist_{side}"] - at[f"shoulder_{side}"]
        np.testing.assert_allclose(arm / np.linalg.norm(arm), [sign, 0, 0], atol=1e-9)
        assert (at[f"mtp_{side}"] - at[f"ankle_{side}"])[2] > 5
        assert at[f"hip_{side}"][0] * sign > 0
        palm = t_pose(motion.skeletons[0].tree)[motion.skeletons[0].tree.index(f"wrist_{side}")] @ [1, 0, 0]
        np.testing.assert_allclose(palm, [0, -1, 0], atol=1e-12)
    assert at["head"][1] > at["neck"][1] > at["pelvis"][1] > at["knee_r"][1] > at["ankle_r"][1]


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_keeps_the_motion(name, motion, tmp_path):
    """Distances to the root, which no axes and names can change, in metres."""
    write_person_bvh(motion, "Ada", tmp_path / "a.bvh", ExportOptions(target=name))
    back, target = read_bvh(tmp_path / "a.bvh"), target_of(name)
    p_m = back.posed()[0] / target.units_per_m
    ours = motion.joint_in_world[:, 0].numpy()
    for joint in ("wrist_r", "knee_l", "head"):
        found = np.linalg.norm(p_m[:, back.index(target.bone(joint))] - p_m[:, 0], axis=-1)
        at = motion.skeletons[0].tree.index(joint)
        np.testing.assert_allclose(found, np.linalg.norm(ours[:, at] - ours[:, 0], axis=-1), atol=1e-5)


def test_names_of_bones(motion):
    unreal = tree_motion(motion, "Ada", target_of("unreal")).tree.joints
    maya = tree_motion(motion, "Ada", target_of("maya")).tree.joints
    assert {"pelvis", "thigh_l", "calf_r", "upperarm_l", "hand_r", "spine_01"} <= set(unreal)
    assert {"Hips", "LeftUpLeg", "RightForeArm", "LeftHand", "Spine1"} <= set(maya)
    assert len(set(maya)) == len(maya)
    with pytest.raises(FormatError, match="no target 'blendr'"):
        target_of("blendr")


def test_units_and_rate_and_a_rest_frame(motion, tmp_path):
    write_person_bvh(motion, "Ada", tmp_path / "a.bvh", ExportOptions(units="mm", rate=Fraction(30), rest_frame=True))
    back = read_bvh(tmp_path / "a.bvh")
    assert (back.rate, len(back.root)) == (30, 1 + 6)
    np.testing.assert_allclose(back.parent_from_joint[0], np.tile(np.eye(3), (len(back.tree.joints), 1, 1)), atol=1e-7)
    x, y, z = 1000 * motion.root_in_world[::2, 0].numpy().T
    np.testing.assert_allclose(back.root[1:], np.stack([x, z, -y], -1), atol=1e-4)


def test_glb_is_in_metres_for_every_target(motion, tmp_path):
    pygltflib = pytest.importorskip("pygltflib")
    write_person_glb(motion, "Ada", tmp_path / "a.glb", ExportOptions(target="maya"))
    gltf = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    hips = next(node for node in gltf.nodes if node.name == "LeftLeg")
    knee = motion.skeletons[0].tree.index("knee_l")
    assert np.linalg.norm(hips.translation) == pytest.approx(float(motion.skeletons[0].length_m[knee]), abs=1e-6)
    assert gltf.asset.extras["axes"] == GENERAL.axes.description
    assert gltf.asset.extras["person"] == "Ada"


@pytest.mark.parametrize("name", TARGETS)
def test_glb_moves_alike_for_every_target(name, motion, tmp_path):
    """Metres, Y up: (x, z, -y) of the world, at the rate asked for."""
    pygltflib = pytest.importorskip("pygltflib")
    write_person_glb(motion, "Bo", tmp_path / "b.glb", ExportOptions(target=name, rate=Fraction(30)))
    gltf = pygltflib.GLTF2().load(str(tmp_path / "b.glb"))
    accessor = gltf.accessors[gltf.animations[0].samplers[0].output]
    start = gltf.bufferViews[accessor.bufferView].byteOffset
    place = np.frombuffer(gltf.binary_blob(), "<f4", 3 * accessor.count, start).reshape(-1, 3)
    x, y, z = motion.root_in_world[::2, 1].numpy().T
    np.testing.assert_allclose(place, np.stack([x, z, -y], -1), atol=1e-6)
    assert gltf.asset.extras["rate"] == "30/1 frames per second"
    assert gltf.asset.extras["units"] == "metres, seconds"


@pytest.mark.parametrize("name", TARGETS)
def test_a_tree_knows_the_unit_of_its_target(name, motion):
    target = target_of(name)
    assert tree_motion(motion, "Ada", target).unit_m == pytest.approx(1 / target.units_per_m)


def test_half_the_rate_of_any_length_ends_with_the_last_frame_that_fits(tmp_path):
    """31 / 30 s at 60 Hz are 62.00000000000001 frames, of a recording that has frame 62 and no later one."""
    motion = make_fitted(63, ("Ada",))
    write_person_bvh(motion, "Ada", tmp_path / "a.bvh", ExportOptions(rate=Fraction(30), units="m"))
    x, y, z = motion.root_in_world[::2, 0].numpy().T
    np.testing.assert_allclose(read_bvh(tmp_path / "a.bvh").root, np.stack([x, z, -y], -1), atol=1e-6)


def test_a_rest_frame_only_moves_what_follows_by_one(motion, tmp_path):
    """Of somebody who comes late, and whose knee is seen once: held until and from then on, not begun at rest."""
    turns, place = motion.parent_from_joint.clone(), motion.root_in_world.clone()
    turns[:3], place[:3] = torch.nan, torch.nan
    knee = motion.skeletons[0].tree.index("knee_r")
    turns[4:, 0, knee] = torch.nan
    late = replace(motion, parent_from_joint=turns, root_in_world=place)
    write_person_bvh(late, "Ada", tmp_path / "a.bvh", ExportOptions(rest_frame=True, units="m"))
    back = read_bvh(tmp_path / "a.bvh")
    np.testing.assert_allclose(back.root[:5], np.tile(back.root[4], (5, 1)), atol=1e-7)
    held = back.parent_from_joint[1:, back.index("knee_r")]
    np.testing.assert_allclose(held, np.tile(held[3], (12, 1, 1)), atol=1e-6)
    assert np.abs(held[3] - np.eye(3)).max() > 0.01
    write_person_bvh(late, "Ada", tmp_path / "b.bvh", ExportOptions(units="m"))
    plain = read_bvh(tmp_path / "b.bvh")
    np.testing.assert_array_equal(back.parent_from_joint[1:], plain.parent_from_joint)
    np.testing.assert_array_equal(back.root[1:], plain.root)


def test_somebody_who_leaves_and_returns(motion, tmp_path):
    """Held before and after, straight on between; whoever is never placed is refused."""
    gone = motion.parent_from_joint.clone()
    place = motion.root_in_world.clone()
    gone[4:7, 0], place[4:7, 0] = torch.nan, torch.nan
    gone[:, 1], place[:, 1] = torch.nan, torch.nan
    away = replace(motion, parent_from_joint=gone, root_in_world=place)
    write_person_bvh(away, "Ada", tmp_path / "a.bvh")
    back = read_bvh(tmp_path / "a.bvh")
    np.testing.assert_allclose(back.root[5], (back.root[3] + back.root[7]) / 2, atol=1e-6)
    with pytest.raises(FormatError, match="nothing to animate"):
        write_person_bvh(away, "Bo", tmp_path / "b.bvh")
