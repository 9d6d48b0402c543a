"""Acclaim motion: a skeleton (.asf) and its motion (.amc), as recorded by CMU.

Source: J. Lander, "Working with motion capture file formats", Game Developer (1998).
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.synthesis.motion.clip import Clip, Tree, in_our_world

RATE = Fraction(120)  # of all CMU recordings; the files do not say
DOFS = ("rx", "ry", "rz")


@dataclass(frozen=True, slots=True, eq=False)
class _Bone:
    """A bone begins where its parent ends."""

    parent: str
    offset: Float[np.ndarray, "3"]
    axis: Rotation
    """Of its own frame, in which its angles are counted, in the world of the rest pose."""
    dof: tuple[str, ...]


def read_amc(path: Path, *, asf: Path | None = None, rate: Fraction = RATE) -> Clip:
    """A clip; its skeleton is ``<subject>.asf`` beside ``<subject>_<trial>.amc`` unless another is named."""
    asf = asf or path.with_name(f"{path.stem.rsplit('_', 1)[0]}.asf")
    if not asf.is_file():
        raise FormatError(f"{path}: its skeleton {asf.name} was not found beside it. Needed: the subject's .asf file.")
    bones, unit_m, degrees = _read_asf(asf)
    angles = _read_angles(path)
    tree, bone_of_joint = _tree(bones)
    root = np.asarray(angles["root"])
    turns = [_turn(bones, angles, bone, degrees=degrees, n_frames=len(root)) for bone in bone_of_joint]
    p_in_world, world_from_joint = in_our_world(*tree.posed(turns, root[:, :3]), unit_m)
    return Clip(path, tree.joints, rate, p_in_world, world_from_joint)


def _tree(bones: dict[str, _Bone]) -> tuple[Tree, tuple[str, ...]]:
    """Joints where bones begin, and one more at the end of each last bone; with the bone that turns each."""
    joints, parents, offsets, owners = ["root"], [-1], [np.zeros(3)], ["root"]
    for name, bone in bones.items():
        joints.append(name)
        parents.append(joints.index(bone.parent))
        offsets.append(bones[bone.parent].offset if bone.parent in bones else np.zeros(3))
        owners.append(name)
    inner = {bone.parent for bone in bones.values()}
    for name in (name for name in bones if name not in inner):
        joints.append(f"{name}_end")
        parents.append(joints.index(name))
        offsets.append(bones[name].offset)
        owners.append(f"{name}_end")
    return Tree(tuple(joints), tuple(parents), np.stack(offsets)), tuple(owners)


def _turn(bones: dict[str, _Bone], angles: dict[str, list], name: str, *, degrees: bool, n_frames: int) -> Rotation:
    """How a bone is turned against its parent: its angles, counted in its own frame."""
    if name == "root":
        return Rotation.from_euler("xyz", np.asarray(angles[name])[:, 3:], degrees=degrees)
    if name not in angles:
        return Rotation.identity()
    bone, given = bones[name], np.asarray(angles[name])
    full = np.zeros((n_frames, 3))
    full[:, [DOFS.index(dof) for dof in bone.dof]] = given
    return bone.axis * Rotation.from_euler("xyz", full, degrees=degrees) * bone.axis.inv()


def _read_asf(path: Path) -> tuple[dict[str, _Bone], float, bool]:
    """Bones by name, parents first; metres per unit; whether angles are degrees."""
    sections = _sections(path)
    try:
        units = dict(line.split()[:2] for line in sections["units"])
        degrees = units.get("angle", "deg") == "deg"
        blocks = _blocks(sections["bonedata"])
        bones = {}
        for line in sections["hierarchy"]:
            parent, *children = line.split()
            if parent not in ("begin", "end"):
                bones |= {child: _bone(blocks[child], parent, degrees=degrees) for child in children}
        return bones, 0.0254 / float(units["length"]), degrees
    except (KeyError, ValueError, IndexError) as error:
        raise FormatError(f"{path}: not readable as an Acclaim skeleton ({error!r}). Needed: an .asf file.") from error


def _sections(path: Path) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {"": []}
    name = ""
    for line in path.read_text(errors="replace").splitlines():
        line = line.strip()
        if line.startswith(":"):
            name = line[1:].split()[0]
            sections[name] = []
        elif line and not line.startswith("#"):
            sections[name].append(line)
    return sections


def _blocks(lines: list[str]) -> dict[str, dict[str, list[str]]]:
    """The words after each key of every begin ... end block, by the block's ``name``."""
    blocks: dict[str, dict[str, list[str]]] = {}
    block: dict[str, list[str]] = {}
    for key, *words in (line.split() for line in lines):
        if key == "begin":
            block = {}
        elif key == "end":
            blocks[block["name"][0]] = block
        else:
            block.setdefault(key, words)
    return blocks


def _bone(block: dict[str, list[str]], parent: str, *, degrees: bool) -> _Bone:
    offset = np.array([float(word) for word in block["direction"]]) * float(block["length"][0])
    axis = Rotation.from_euler("xyz", [float(word) for word in block["axis"][:3]], degrees=degrees)
    return _Bone(parent, offset, axis, tuple(block.get("dof", ())))


def _read_angles(path: Path) -> dict[str, list]:
    """Numbers of every bone, one list per frame."""
    angles: dict[str, list] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        if not line or line[0] in "#:" or line.strip().isdigit():
            continue
        name, *words = line.split()
        try:
            angles.setdefault(name, []).append([float(word) for word in words])
        except ValueError:
            raise FormatError(f"{path}, line {number}: found '{line}'. Needed: a bone and its numbers.") from None
    if len({len(frames) for frames in angles.values()}) != 1 or "root" not in angles:
        raise FormatError(f"{path}: the bones have unequal numbers of frames, or none. Needed: a whole .amc file.")
    return angles
