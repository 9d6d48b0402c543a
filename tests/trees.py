"""Small trees of joints that move, for tests that write and read them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mocap3d.session.motion_files.tree import Tree, TreeMotion

TREE = Tree(
    ("pelvis", "spine", "head", "head_end", "hip_r", "knee_r", "ankle_r", "ankle_r_end", "hip_l"),
    (-1, 0, 1, 2, 0, 4, 5, 6, 0),
    np.array(
        [
            [0, 0, 0],
            [0, 10, 0],
            [1, 40, 0],
            [0, 20, 0],
            [-9, -3, 0],
            [0, -42, 1],
            [0, -40, -2],
            [0, -5, 15],
            [9, -3, 0],
        ],
        float,
    ),
)


def make_motion(n_frames: int = 10, *, rate: Fraction = Fraction(60000, 1001), seed: int = 0) -> TreeMotion:
    """Random turns in every frame, in centimetres; joints that end a bone stay unturned."""
    generator = np.random.default_rng(seed)
    turns = Rotation.random(n_frames * len(TREE.joints), random_state=seed).as_matrix()
    turns = turns.reshape(n_frames, len(TREE.joints), 3, 3)
    turns[:, [joint.endswith("_end") for joint in TREE.joints]] = np.eye(3)
    return TreeMotion(Path("made"), TREE, rate, 100 * generator.normal(size=(n_frames, 3)), turns, 0.01)
