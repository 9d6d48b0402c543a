"""BVH and GLB in Blender itself, where bpy 5 is installed."""

from pathlib import Path

import numpy as np
import pytest
from clips_as_trees import clips, motion_of
from motions import make_fitted

from mocap3d.export.animated import write_person_bvh, write_person_glb
from mocap3d.export.animation import in_axes
from mocap3d.export.axes import WORLD
from mocap3d.export.bvh import write_bvh
from mocap3d.export.options import ExportOptions
from mocap3d.export.targets import target_of
from mocap3d.session.motion_files.tree import TreeMotion, likely_unit_m

pytestmark = pytest.mark.slow
BLENDER = ExportOptions(target="blender")


def blender_heads(path: Path, names: list[str], n_frames: int, first: int, rate: float = 60.0) -> np.ndarray:
    """(t j 3) heads of bones in Blender's world, in a new scene.

    Turns as quaternions: Blender's Euler angles of 32 bits lose up to 0.1 mm near their singularity.
    """
    bpy = pytest.importorskip("bpy")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".bvh":
        bpy.ops.import_anim.bvh(filepath=str(path), update_scene_fps=True, rotate_mode="QUATERNION")
        assert bpy.context.scene.render.fps / bpy.context.scene.render.fps_base == pytest.approx(rate, rel=1e-6)
    else:
        bpy.context.scene.render.fps = round(rate)
        bpy.ops.import_scene.gltf(filepath=str(path))
    (rig,) = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    frames = []
    for frame in range(first, first + n_frames):
        bpy.context.scene.frame_set(frame)
        frames.append([list(rig.matrix_world @ rig.pose.bones[name].head) for name in names])
    return np.array(frames)


@pytest.mark.parametrize(("ending", "first", "bound_m"), [("bvh", 1, 1e-5), ("glb", 0, 1e-5)])
def test_a_fitted_person_stands_in_blender_as_in_our_world(ending, first, bound_m, tmp_path):
    """Measured 0.0023 mm (BVH), 0.0006 mm (GLB)."""
    motion = make_fitted(20)
    write = {"bvh": write_person_bvh, "glb": write_person_glb}[ending]
    write(motion, "Bo", tmp_path / f"bo.{ending}", BLENDER)
    tree = motion.skeletons[1].tree
    inner = [j for j, joint in enumerate(tree.joints) if joint.dofs]
    names = [target_of("blender").bone(tree.names[j]) for j in inner]
    heads = blender_heads(tmp_path / f"bo.{ending}", names, 20, first)
    assert np.linalg.norm(heads - motion.joint_in_world[:, 1, inner].numpy(), axis=-1).max() < bound_m


def in_centimetres(motion: TreeMotion) -> TreeMotion:
    """As we write BVH unless asked otherwise; Blender counts in 32 bits, so that the unit matters a little."""
    unit_m = motion.unit_m or likely_unit_m(motion.tree.leg_length())
    same = np.tile(np.eye(3), (len(motion.tree.joints), 1, 1))
    return in_axes(motion, WORLD, same, 100 * unit_m)


def test_blender_poses_every_real_clip_as_we_do(real_data, tmp_path):
    """46 clips, every frame: measured 0.0041 mm at worst. Bones of no length are stubs there, whose heads are right."""
    for path in clips(real_data):
        motion = in_centimetres(motion_of(path))
        write_bvh(motion, tmp_path / "a.bvh")
        ours = motion.posed()[0]
        inner = [n for n, joint in enumerate(motion.tree.joints) if not joint.endswith("_end")]
        names = [motion.tree.joints[n] for n in inner]
        heads = blender_heads(tmp_path / "a.bvh", names, len(ours), 1, float(motion.rate))
        apart = np.linalg.norm(np.stack([heads[..., 0], heads[..., 2], -heads[..., 1]], -1) - ours[:, inner], axis=-1)
        worst_mm = 10 * apart.max()
        print(path.name, len(ours), f"{worst_mm:.6f} mm")
        assert worst_mm < 0.01, path
