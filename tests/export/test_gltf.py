"""GLB against two independent loaders: pygltflib for every number, trimesh for the scene; kinematics done by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from trees import make_motion

from mocap3d.errors import FormatError
from mocap3d.export.capsules import capsule
from mocap3d.export.gltf import write_glb

TYPES = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Loaded:
    """A GLB through pygltflib, its accessors as arrays."""

    def __init__(self, path):
        self.gltf = pytest.importorskip("pygltflib").GLTF2().load(str(path))

    def array(self, number: int) -> np.ndarray:
        accessor = self.gltf.accessors[number]
        view = self.gltf.bufferViews[accessor.bufferView]
        kind, width = TYPES[accessor.componentType], WIDTH[accessor.type]
        return np.frombuffer(self.gltf.binary_blob(), kind, accessor.count * width, view.byteOffset).reshape(-1, width)

    def positions(self) -> np.ndarray:
        """(t j 3) by a walk over the nodes, of an animation in which every joint has a key per frame."""
        gltf = self.gltf
        channels = {
            (c.target.node, c.target.path): gltf.animations[0].samplers[c.sampler] for c in gltf.animations[0].channels
        }
        root = self.array(channels[0, "translation"].output).astype(float)
        found = np.zeros((len(root), len(gltf.nodes) - 1, 3))

        def walk(node: int, at: np.ndarray, turn: Rotation) -> None:
            found[:, node] = at
            turn = turn * Rotation.from_quat(self.array(channels[node, "rotation"].output))
            for child in gltf.nodes[node].children:
                walk(child, at + turn.apply(gltf.nodes[child].translation), turn)

        walk(0, root, Rotation.identity(len(root)))
        return found


def test_pygltflib_poses_it_as_we_do(tmp_path):
    """32-bit floats: measured 3e-7 m over chains of four joints."""
    motion = make_motion(20)
    write_glb(motion, tmp_path / "a.glb", {"axes": "Y up"})
    loaded = Loaded(tmp_path / "a.glb")
    np.testing.assert_allclose(loaded.positions(), motion.posed()[0] * 0.01, atol=2e-6)
    assert [node.name for node in loaded.gltf.nodes[:-1]] == list(motion.tree.joints)
    assert loaded.gltf.asset.extras == {"axes": "Y up"}
    times = loaded.array(loaded.gltf.animations[0].samplers[0].input).ravel()
    np.testing.assert_allclose(times, np.arange(20) * 1001 / 60000, atol=1e-7)


def test_trimesh_loads_the_scene(tmp_path):
    """The capsules of the rest pose, in metres: from the head's end down to the toes, which are on the floor."""
    trimesh = pytest.importorskip("trimesh")
    write_glb(make_motion(3), tmp_path / "a.glb")
    scene = trimesh.load(tmp_path / "a.glb")
    (mesh,) = scene.geometry.values()
    assert mesh.bounds[1, 1] == pytest.approx(0.70 + 0.90 + 2 * 0.02, abs=0.01)  # a radius above, one below
    assert mesh.bounds[0, 1] == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(mesh.vertices).all()


def test_the_skin_is_bound_to_bones_that_are_there(tmp_path):
    write_glb(make_motion(3), tmp_path / "a.glb")
    loaded = Loaded(tmp_path / "a.glb")
    attributes = loaded.gltf.meshes[0].primitives[0].attributes
    joints, weights = loaded.array(attributes.JOINTS_0), loaded.array(attributes.WEIGHTS_0)
    indices = loaded.array(loaded.gltf.meshes[0].primitives[0].indices)
    assert set(joints[:, 0]) == {0, 1, 2, 4, 5, 6}
    assert (weights.sum(axis=1) == 1).all()
    assert indices.max() == len(joints) - 1
    bind = loaded.array(loaded.gltf.skins[0].inverseBindMatrices).reshape(-1, 4, 4).swapaxes(1, 2)
    hips_m = loaded.gltf.nodes[0].translation[1]
    np.testing.assert_allclose(bind[3] @ [0.01, 0.70 + hips_m, 0, 1], [0, 0, 0, 1], atol=1e-6)


def test_hips_are_high_at_rest_and_names_are_those_of_the_file(tmp_path):
    """Unreal's retargeter scales by the height of the hips at rest; two people must not both be called "motion"."""
    write_glb(make_motion(3), tmp_path / "Ada.glb")
    gltf = Loaded(tmp_path / "Ada.glb").gltf
    assert gltf.nodes[0].translation[1] == pytest.approx(0.90, abs=0.03)
    assert {item.name for item in (*gltf.meshes, *gltf.skins, *gltf.animations)} == {"Ada"}


def test_only_known_frames_become_keys(tmp_path):
    motion = make_motion(10)
    root, turns = motion.root.copy(), motion.parent_from_joint.copy()
    root[[0, 4]], turns[[0, 4]], turns[7, 5] = np.nan, np.nan, np.nan
    turns[:, 8] = np.nan
    write_glb(replace(motion, root=root, parent_from_joint=turns), tmp_path / "a.glb")
    loaded = Loaded(tmp_path / "a.glb")
    animation = loaded.gltf.animations[0]
    counts = {
        (c.target.node, c.target.path): loaded.gltf.accessors[animation.samplers[c.sampler].output].count
        for c in animation.channels
    }
    assert (counts[0, "translation"], counts[5, "rotation"], counts[6, "rotation"]) == (8, 7, 8)
    assert (8, "rotation") not in counts
    key_times = {
        (c.target.node, c.target.path): loaded.array(animation.samplers[c.sampler].input).ravel()
        for c in animation.channels
    }
    at = np.arange(10) / float(motion.rate)
    np.testing.assert_allclose(key_times[0, "translation"], at[[1, 2, 3, 5, 6, 7, 8, 9]], atol=1e-7)
    np.testing.assert_allclose(key_times[5, "rotation"], at[[1, 2, 3, 5, 6, 8, 9]], atol=1e-7)


def test_keys_never_turn_the_long_way_round(tmp_path):
    motion = make_motion(50)
    turns = motion.parent_from_joint.copy()
    turns[:, 0] = Rotation.from_euler("z", np.linspace(0, 4 * np.pi, 50)[:, None]).as_matrix()
    write_glb(replace(motion, parent_from_joint=turns), tmp_path / "a.glb")
    loaded = Loaded(tmp_path / "a.glb")
    quaternions = loaded.array(loaded.gltf.animations[0].samplers[1].output)
    assert ((quaternions[1:] * quaternions[:-1]).sum(-1) > 0.9).all()


def test_a_motion_without_a_known_frame_is_refused(tmp_path):
    motion = make_motion(3)
    with pytest.raises(FormatError, match="nothing to animate"):
        write_glb(replace(motion, root=np.full((3, 3), np.nan)), tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [[0.0, 0.4, 0.0], [0.3, -0.1, 0.2], [0.0, 0.0, 0.0]])
def test_a_capsule_is_closed_outside_in(end):
    """Every triangle's own normal agrees with the mean of its corners' normals."""
    vertices, normals, triangles = capsule(np.zeros(3), np.array(end))
    a, b, c = vertices[triangles].swapaxes(0, 1)
    across = np.cross(b - a, c - a)
    is_flat = np.linalg.norm(across, axis=1) < 1e-12
    assert (np.einsum("ni,ni->n", across, normals[triangles].mean(axis=1))[~is_flat] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-12)
