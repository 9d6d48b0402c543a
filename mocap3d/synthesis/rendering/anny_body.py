"""The anny body (Apache-2.0; its MakeHuman meshes CC0): people of all builds, sampled once and kept in the cache.

Only the ``makehuman-full`` topology is used, whose unseen helper vertices carry MakeHuman's clothes. The ``smplx``
topology is under a non-commercial licence, and never touched.
"""

import sys
import zipfile
from contextlib import redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from scipy.sparse import csr_array

from mocap3d.errors import Mocap3dError
from mocap3d.session.files import write_atomically
from mocap3d.synthesis.rendering.anny_regions import BODY_VERTICES, DRAWN_VERTICES, bone_parts, regions
from mocap3d.synthesis.rendering.body import KEYPOINTS, LEFT, Body, Rig
from mocap3d.synthesis.rendering.cache import cache_folder
from mocap3d.synthesis.rendering.skinning import strongest
from mocap3d.synthesis.rendering.sky import seen_sky

N_SHAPES = 400
_FORMAT = 3
_BATCH = 20
_CHILDREN, _BUILD_CHANGED = 0.15, 0.15
_OF_ANNY = {
    "Nose": "nose", "LEye": "left_eye", "REye": "right_eye", "LEar": "left_ear", "REar": "right_ear",
    "LShoulder": "left_shoulder", "RShoulder": "right_shoulder", "LElbow": "left_elbow", "RElbow": "right_elbow",
    "LWrist": "left_wrist", "RWrist": "right_wrist", "LHip": "left_hip", "RHip": "right_hip", "LKnee": "left_knee",
    "RKnee": "right_knee", "LAnkle": "left_ankle", "RAnkle": "right_ankle", "LBigToe": "left_big_toe",
    "RBigToe": "right_big_toe", "LSmallToe": "left_small_toe", "RSmallToe": "right_small_toe",
    "LHeel": "left_heel", "RHeel": "right_heel",
}  # fmt: skip
"""anny's names of our keypoints; Head, Neck and Hip are made from its vertices and from these."""


def is_installed() -> bool:
    """Whether anny can be imported; it is not, which would take seconds."""
    try:
        return bool(version("anny"))
    except PackageNotFoundError:
        return False


def anny_body(seed: int = 0) -> Body:
    """400 people; another seed gives other people. The first call takes a minute, later ones a second."""
    if not is_installed():
        raise Mocap3dError(
            "the body model 'anny' is not installed. Needed: `pip install 'mocap3d[synthesis]'`, or `--body mannequin`."
        )
    path = cache_folder() / "bodies" / f"anny-{version('anny')}-{_FORMAT}-{seed}.npz"
    arrays = _cached(path)
    if arrays is None:
        with redirect_stdout(sys.stderr):  # anny's libraries greet on stdout, which is for results
            arrays = _sampled(seed)
        with write_atomically(path) as file:
            np.savez(file, **arrays)
    return _body(arrays)


def _cached(path: Path) -> dict[str, Any] | None:
    """None where there is none, or a torn one, which is made again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _sampled(seed: int) -> dict[str, Any]:
    """Everything of the model that drawing needs, as arrays."""
    import anny  # seconds
    import torch
    from anny.paths import get_anny_root_dir

    model: Any = anny.Anny(topology="makehuman-full", local_changes="default").float()
    people = [_people(model, np.random.default_rng([seed, start])) for start in range(0, N_SHAPES, _BATCH)]
    rest, heads = (np.concatenate(parts) for parts in zip(*people, strict=True))
    weight, bone = strongest(model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy().astype(np.int32), 8)
    path = get_anny_root_dir() / "data/keypoints/coco.pth"
    of_vertices = torch.load(path, weights_only=True)
    names = list(model.bone_labels)
    mean = rest.mean(axis=0, dtype=np.float32)
    triangles = _two_triangles(model.faces.numpy())
    of_keypoint = _keypoint_rows({ours: of_vertices[name].numpy() for ours, name in _OF_ANNY.items()}, mean)
    drawn = mean[:DRAWN_VERTICES]
    return {
        "bones": np.array(names),
        "parents": np.array([int(p) for p in model.bone_parents], np.int32),
        "triangles": triangles,
        "texture_uv": model.texture_coordinates.numpy().astype(np.float32),
        "texture_triangles": _two_triangles(model.face_texture_coordinate_indices.numpy()),
        "weight": weight,
        "bone": bone,
        "of_keypoint": of_keypoint,
        "light": np.pad(seen_sky(drawn, triangles), (0, len(mean) - len(drawn)), constant_values=1),
        "rest": rest.astype(np.float16),
        "heads": heads.astype(np.float32),
    }


def _people(model: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rest vertices and bone heads of a batch of phenotypes: mostly adults, some children."""
    import torch

    phenotype = {
        "gender": rng.beta(0.6, 0.6, _BATCH),
        "age": np.where(
            rng.random(_BATCH) < _CHILDREN, rng.uniform(0.3, 0.55, _BATCH), rng.uniform(0.55, 0.95, _BATCH)
        ),
        "muscle": rng.uniform(0.2, 0.95, _BATCH),
        "weight": np.clip(rng.normal(0.48, 0.2, _BATCH), 0.05, 1),
        "height": np.clip(rng.normal(0.5, 0.18, _BATCH), 0.05, 0.95),
        "proportions": rng.uniform(0.2, 0.9, _BATCH),
    }
    changes = {
        name: np.clip(np.where(rng.random(_BATCH) < _BUILD_CHANGED, rng.normal(0, 0.35, _BATCH), 0), -1, 1)
        for name in model.local_change_labels
    }
    with torch.no_grad():
        posed = model(
            pose_parameters=torch.eye(4).repeat(_BATCH, model.bone_count, 1, 1),
            phenotype_kwargs={name: torch.from_numpy(value).float() for name, value in phenotype.items()},
            local_changes_kwargs={name: torch.from_numpy(value).float() for name, value in changes.items()},
        )
    return posed["rest_vertices"].numpy(), posed["rest_bone_heads"].numpy()


def _two_triangles(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _keypoint_rows(of_vertices: dict[str, np.ndarray], mean: Float32[np.ndarray, "v 3"]) -> np.ndarray:
    """(26 v) weights; the top of the head is its highest vertex, neck and hip are the middles of shoulders and hips."""
    rows = dict(of_vertices)
    top = np.zeros(len(mean))
    top[np.argmax(mean[:BODY_VERTICES, 2])] = 1
    rows["Head"] = top
    rows["Neck"] = (rows["LShoulder"] + rows["RShoulder"]) / 2
    rows["Hip"] = (rows["LHip"] + rows["RHip"]) / 2
    return np.stack([rows[name] for name in KEYPOINTS]).astype(np.float32)


def _body(arrays: dict[str, Any]) -> Body:
    names = [str(name) for name in arrays["bones"]]
    mean = arrays["rest"].mean(axis=0, dtype=np.float32)
    of_keypoint = csr_array(arrays["of_keypoint"])
    part_of_bone = bone_parts(names)
    membership = np.zeros((len(mean), int(part_of_bone.max()) + 1), np.float32)
    for k in range(arrays["bone"].shape[1]):
        np.add.at(membership, (np.arange(len(mean)), part_of_bone[arrays["bone"][:, k]]), arrays["weight"][:, k])
    return Body(
        name="anny",
        parents=arrays["parents"],
        rig=_rig(names),
        n_drawn=DRAWN_VERTICES,
        triangles=arrays["triangles"],
        texture_uv=arrays["texture_uv"],
        texture_triangles=arrays["texture_triangles"],
        weight=arrays["weight"],
        bone=arrays["bone"],
        part=membership.argmax(axis=1).astype(np.int8),
        light=arrays["light"],
        regions=regions(mean, membership, of_keypoint @ mean, arrays["light"]),
        keypoint_of_vertex=of_keypoint,
        shapes=arrays["rest"],
        heads=arrays["heads"],
    )


def _rig(names: list[str]) -> Rig:
    def pair(name: str) -> tuple[int, int]:
        return names.index(f"{name}.L"), names.index(f"{name}.R")

    def pairs(*wanted: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        sides = list(zip(*map(pair, wanted), strict=True))
        return sides[LEFT], sides[1 - LEFT]

    return Rig(
        spine=tuple(names.index(f"spine0{n}") for n in (5, 4, 3, 2, 1)),
        neck=tuple(names.index(name) for name in ("neck01", "neck02", "neck03", "head")),
        clavicle=pair("clavicle"),
        upper_arm=pairs("upperarm01", "upperarm02"),
        forearm=pairs("lowerarm01", "lowerarm02"),
        hand=pair("wrist"),
        fingers=pairs(*(f"finger{finger}-{joint}" for finger in (2, 3, 4, 5) for joint in (1, 2, 3))),
        thigh=pair("upperleg01"),
        shank=pair("lowerleg01"),
        foot=pair("foot"),
        toes=pairs(*(f"toe{toe}-1" for toe in (1, 2, 3, 4, 5))),
    )
