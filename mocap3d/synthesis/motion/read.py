"""Any motion file, told by its suffix."""

from collections.abc import Callable
from pathlib import Path

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.amc import read_amc
from mocap3d.session.motion_files.bvh import read_bvh
from mocap3d.session.motion_files.tree import TreeMotion
from mocap3d.synthesis.motion.amp_humanoid import read_amp_humanoid
from mocap3d.synthesis.motion.clip import Clip, clip_of_tree
from mocap3d.synthesis.motion.joint_positions import read_joint_positions

READERS: dict[str, Callable[[Path], Clip | TreeMotion]] = {
    ".amc": read_amc,
    ".bvh": read_bvh,
    ".npz": read_joint_positions,
    ".npy": read_amp_humanoid,
}


def read_clip(path: Path) -> Clip:
    """One person's motion from an .amc (its .asf beside it), .bvh, .npz or .npy file, without a leading rest pose."""
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Needed: a motion file ({', '.join(READERS)}).")
    if path.suffix.lower() not in READERS:
        raise FormatError(f"{path}: found a '{path.suffix}' file. Needed: one of {', '.join(READERS)}.")
    motion = READERS[path.suffix.lower()](path)
    return (clip_of_tree(motion) if isinstance(motion, TreeMotion) else motion).without_rest_pose()
