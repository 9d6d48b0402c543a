"""The real motion clips as trees of joints, whatever their files hold."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.session.motion_files.amc import read_amc
from mocap3d.session.motion_files.bvh import read_bvh
from mocap3d.session.motion_files.tree import Tree, TreeMotion
from mocap3d.synthesis.motion.clip import Clip
from mocap3d.synthesis.motion.joint_positions import CMU_JOINTS
from mocap3d.synthesis.motion.read import read_clip


def as_tree(clip: Clip) -> TreeMotion:
    """A clip of joint positions or global turns as a tree: parents by name, lengths as they are, turns fitted."""
    p = clip.p_in_world
    parents = CMU_PARENTS if clip.joints == CMU_JOINTS else AMP_PARENTS
    if np.isfinite(clip.world_from_joint).all():
        globals_ = clip.world_from_joint
        offset = [np.zeros(3)] + [globals_[0, q].T @ (p[0, j] - p[0, q]) for j, q in enumerate(parents) if q >= 0]
    else:
        offset = [np.zeros(3)] + [p[0, j] - p[0, q] for j, q in enumerate(parents) if q >= 0]
        globals_ = np.stack([fitted(p, parents, np.array(offset), j) for j in range(len(parents))], axis=1)
    local = [
        globals_[:, j] if q < 0 else globals_[:, q].swapaxes(-1, -2) @ globals_[:, j] for j, q in enumerate(parents)
    ]
    return TreeMotion(
        clip.path, Tree(clip.joints, parents, np.array(offset)), clip.rate, p[:, 0], np.stack(local, axis=1), 1.0
    )


def fitted(p: np.ndarray, parents: tuple[int, ...], offset: np.ndarray, joint: int) -> np.ndarray:
    """Turns (t 3 3) that carry a joint's children from where they are in the first frame to where they are now."""
    children = [j for j, q in enumerate(parents) if q == joint and np.linalg.norm(offset[j]) > 1e-9]
    if not children:
        return np.tile(np.eye(3), (len(p), 1, 1))
    now = p[:, children] - p[:, [joint]]
    return np.stack([Rotation.align_vectors(frame, offset[children])[0].as_matrix() for frame in now])


CMU_PARENTS = (
    *(-1, 0, 1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 0, 13, 14, 15, 16, 17, 18),
    *(15, 20, 21, 22, 23, 24, 25, 23, 27, 15, 29, 30, 31, 32, 33, 34, 32, 36),
)
AMP_PARENTS = (-1, 0, 1, 1, 3, 4, 1, 6, 7, 0, 9, 10, 0, 12, 13)


def clips(real_data: Path) -> list[Path]:
    folder = real_data / "05_cmu_motions"
    return sorted(
        path for kind in ("amc/*.amc", "bvh*/*.bvh", "amp*/*.npy", "joints_npz/*.npz") for path in folder.glob(kind)
    )


def motion_of(path: Path) -> TreeMotion:
    reader = {".amc": read_amc, ".bvh": read_bvh}.get(path.suffix)
    return as_tree(read_clip(path)) if reader is None else reader(path)
