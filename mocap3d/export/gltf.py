"""Motion as GLB (binary glTF 2.0): a skeleton of nodes, a skin of capsules bound to it, and its animation.

glTF is Y up and in metres, always. Only frames whose pose is known become keys: viewers go straight on between them.

Source: the glTF 2.0 specification (ISO/IEC 12113:2022), 3.6 (buffers), 3.7.3 (skins), 3.11 (animations).
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.export.capsules import capsule
from mocap3d.session.files import write_atomically
from mocap3d.session.motion_files.tree import Tree, TreeMotion

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963
_JSON, _BINARY = 0x4E4F534A, 0x004E4942


class _Buffer:
    """The binary part while it grows; every array becomes a view and an accessor of it."""

    def __init__(self):
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: np.ndarray, component: int, *, target: int | None = None, bounds: bool = False) -> int:
        """Number of the new accessor; little-endian. Rows are of multiples of 4 bytes, as the format wants."""
        kind = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}[values.shape[1] if values.ndim > 1 else 1]
        stored = np.ascontiguousarray(values, {_FLOAT: "<f4", _UINT16: "<u2", _UINT32: "<u4"}[component])
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": stored.nbytes}
        self.views.append(view if target is None else {**view, "target": target})
        accessor = {"bufferView": len(self.views) - 1, "componentType": component, "count": len(values), "type": kind}
        if bounds:
            flat = stored.reshape(len(stored), -1)
            accessor |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        self.accessors.append(accessor)
        self.data += stored.tobytes()
        return len(self.accessors) - 1


def write_glb(motion: TreeMotion, path: Path, about: Mapping[str, str] | None = None) -> None:
    """One person's motion, Y up; ``about`` goes into ``asset.extras``. Refuses a motion without a known frame.

    At rest it stands on the floor. Mesh, skin and animation are called as the file, to be told apart beside others.
    """
    placed = np.isfinite(motion.root).all(-1)
    if not placed.any():
        raise FormatError(f"{path}: there is no frame whose pose is known, so there is nothing to animate.")
    unit_m, buffer = motion.unit_m or 1.0, _Buffer()
    offset_m = motion.tree.offset * unit_m
    offset_m[0] = 0.0
    bones = _bones(motion.tree, offset_m)
    # At rest on the floor: retargeters scale by how high the hips are then, and give up where they are at 0.
    offset_m[0, 1] = -min(vertices[:, 1].min() for _, vertices, _, _ in bones)
    document = {
        "asset": {"version": "2.0", "generator": "mocap3d", "extras": dict(about or {})},
        "scene": 0,
        "scenes": [{"nodes": [0, len(motion.tree.joints)]}],
        "nodes": _nodes(motion.tree, offset_m),
        **_skin(buffer, motion.tree, offset_m, path.stem),
        "animations": [_animation(buffer, motion, unit_m, path.stem)],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    with write_atomically(path) as file:
        file.write(_container(document, bytes(buffer.data)))


def _nodes(tree: Tree, offset_m: Float[np.ndarray, "j 3"]) -> list[dict[str, Any]]:
    """The joints in the rest pose, and one node that wears the skin."""
    nodes = []
    for joint, name in enumerate(tree.joints):
        children = [child for child, parent in enumerate(tree.parents) if parent == joint]
        node = {"name": name, "translation": offset_m[joint].tolist()}
        nodes.append({**node, "children": children} if children else node)
    return [*nodes, {"name": "capsules", "mesh": 0, "skin": 0}]


def _at_rest(tree: Tree, offset_m: Float[np.ndarray, "j 3"]) -> Float[np.ndarray, "j 3"]:
    """Where every joint is in the rest pose."""
    at_rest = offset_m.copy()
    for joint, parent in enumerate(tree.parents):
        at_rest[joint] += at_rest[parent] if parent >= 0 else 0.0
    return at_rest


def _bones(tree: Tree, offset_m: Float[np.ndarray, "j 3"]) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """The joint where each bone begins, and its capsule in the rest pose: vertices, normals, triangles."""
    ends = _at_rest(tree, offset_m)
    bones = [(parent, *capsule(ends[parent], ends[joint])) for joint, parent in enumerate(tree.parents) if parent >= 0]
    return bones or [(0, *capsule(ends[0], ends[0]))]


def _skin(buffer: _Buffer, tree: Tree, offset_m: Float[np.ndarray, "j 3"], name: str) -> dict[str, Any]:
    """A capsule per bone, each vertex wholly bound to the joint where its bone begins."""
    at_rest, parts = _at_rest(tree, offset_m), _bones(tree, offset_m)
    first = np.cumsum([0, *(len(vertices) for _, vertices, _, _ in parts)])
    owners = np.repeat([owner for owner, *_ in parts], [len(vertices) for _, vertices, _, _ in parts])
    joints = np.zeros((len(owners), 4), int)
    joints[:, 0] = owners
    weights = np.tile([1.0, 0.0, 0.0, 0.0], (len(owners), 1))
    indices = np.concatenate([part[3] + start for part, start in zip(parts, first, strict=False)])
    inverse_bind = np.tile(np.eye(4), (len(at_rest), 1, 1))
    inverse_bind[:, :3, 3] = -at_rest
    attributes = {
        "POSITION": buffer.add(np.concatenate([part[1] for part in parts]), _FLOAT, target=_VERTICES, bounds=True),
        "NORMAL": buffer.add(np.concatenate([part[2] for part in parts]), _FLOAT, target=_VERTICES),
        "JOINTS_0": buffer.add(joints, _UINT16, target=_VERTICES),
        "WEIGHTS_0": buffer.add(weights, _FLOAT, target=_VERTICES),
    }
    primitive = {
        "attributes": attributes,
        "indices": buffer.add(indices.ravel(), _UINT32, target=_INDICES),
        "material": 0,
    }
    matrices = buffer.add(inverse_bind.swapaxes(-1, -2).reshape(-1, 16), _FLOAT)  # column by column
    surface = {"baseColorFactor": [0.75, 0.78, 0.82, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8}
    return {
        "meshes": [{"name": name, "primitives": [primitive]}],
        "skins": [{"name": name, "joints": list(range(len(at_rest))), "inverseBindMatrices": matrices, "skeleton": 0}],
        "materials": [{"name": "skin", "pbrMetallicRoughness": surface}],
    }


def _animation(buffer: _Buffer, motion: TreeMotion, unit_m: float, name: str) -> dict[str, Any]:
    """Keys of the root's place, and of every joint's turn, at the frames in which they are known."""
    samplers, channels = [], []
    inputs: dict[bytes, int] = {}

    def add(joint: int, path: str, known: np.ndarray, values: np.ndarray) -> None:
        if known.tobytes() not in inputs:
            t_s = np.flatnonzero(known) / float(motion.rate)
            inputs[known.tobytes()] = buffer.add(t_s, _FLOAT, bounds=True)
        output = buffer.add(values, _FLOAT)
        samplers.append({"input": inputs[known.tobytes()], "output": output, "interpolation": "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": joint, "path": path}})

    placed = np.asarray(np.isfinite(motion.root).all(-1))
    add(0, "translation", placed, motion.root[placed] * unit_m)
    for joint in range(len(motion.tree.joints)):
        known = np.asarray(np.isfinite(motion.parent_from_joint[:, joint]).all((-1, -2)))
        if known.any():
            add(joint, "rotation", known, _quaternions(motion.parent_from_joint[known, joint]))
    return {"name": name, "samplers": samplers, "channels": channels}


def _quaternions(turns: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 4"]:
    """x y z w, without changes of sign from key to key, which would turn a viewer the long way round."""
    quaternions = Rotation.from_matrix(turns).as_quat()
    flips = np.cumprod(np.where((quaternions[1:] * quaternions[:-1]).sum(-1) < 0, -1.0, 1.0))
    quaternions[1:] *= flips[:, None]
    return quaternions


def _container(document: Mapping[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<III", 0x46546C67, 2, 12 + 8 + len(text) + 8 + len(binary))
    return head + struct.pack("<II", len(text), _JSON) + text + struct.pack("<II", len(binary), _BINARY) + binary
