"""Acclaim motion: a skeleton (.asf) and its motion (.amc), as recorded by CMU.

Source: J. Lander, "Working with motion capture file formats", Game Developer (1998).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.tree import Tree, TreeMotion

RATE = Fraction(120)  # of all CMU recordings; the files do not say
DOFS = ("rx", "ry", "rz")
ROOT_DOFS = ("tx", "ty", "tz", *DOFS)


@dataclass(frozen=True, slots=True, eq=False)
class _Bone:
    """A bone begins where its parent ends."""

    parent: str
    offset: Float[np.ndarray, "3"]
    axis: Rotation
    """Of its own frame, in which its angles are counted, in the world of the rest pose."""
    dof: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Skeleton:
    """What an .asf file says."""

    bones: dict[str, _Bone]
    """By name, parents first."""
    root_dof: tuple[str, ...]
    unit_m: float
    degrees: bool


def read_amc(path: Path, *, asf: Path | None = None, rate: Fraction = RATE) -> TreeMotion:
    """One person's motion; the skeleton is ``<subject>.asf`` beside ``<subject>_<trial>.amc`` if no other is named."""
    asf = asf or path.with_name(f"{path.stem.rsplit('_', 1)[0]}.asf")
    if not asf.is_file():
        raise FormatError(f"{path}: its skeleton {asf.name} was not found beside it. Needed: the subject's .asf file.")
    skeleton = _read_asf(asf)
    if not path.is_file():
        raise FormatError(f"{path}: not found. Needed: an .amc file.")
    frames = _read_angles(path)
    tree, bone_of_joint = _tree(skeleton.bones)
    try:
        root = _columns(skeleton.root_dof, frames["root"], ROOT_DOFS)
        turns = [_turn(skeleton, frames, bone, root) for bone in bone_of_joint]
    except (ValueError, IndexError) as error:
        raise FormatError(
            f"{path}: does not fit its skeleton {asf.name} ({error}). Needed: the skeleton of the same subject."
        ) from error
    return TreeMotion(path, tree, rate, root[:, :3], np.stack(turns, axis=1), skeleton.unit_m)


def _tree(bones: Mapping[str, _Bone]) -> tuple[Tree, tuple[str, ...]]:
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


def _turn(
    skeleton: _Skeleton, frames: Mapping[str, list], name: str, root: Float[np.ndarray, "t 6"]
) -> Float[np.ndarray, "t 3 3"]:
    """How a bone is turned against its parent: its angles, counted in its own frame."""
    if name == "root":
        return Rotation.from_euler("xyz", root[:, 3:], degrees=skeleton.degrees).as_matrix()
    if name not in frames:
        return np.tile(np.eye(3), (len(root), 1, 1))
    bone = skeleton.bones[name]
    own = Rotation.from_euler("xyz", _columns(bone.dof, frames[name], DOFS), degrees=skeleton.degrees)
    return (bone.axis * own * bone.axis.inv()).as_matrix()


def _columns(dof: Sequence[str], given: list[list[float]], wanted: Sequence[str]) -> Float[np.ndarray, "t n"]:
    """The numbers of a bone in the order ``wanted``; what it has no freedom for is 0."""
    full = np.zeros((len(given), len(wanted)))
    full[:, [wanted.index(name) for name in dof]] = given
    return full


def _read_asf(path: Path) -> _Skeleton:
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
        root = {key: words for key, *words in (line.split() for line in sections.get("root", []))}
        if any(float(word) for key in ("position", "orientation") for word in root.get(key, [])):
            raise ValueError("its root is moved in the rest pose, which is not supported")
        root_dof = tuple(word.lower() for word in root.get("order", ROOT_DOFS))
        return _Skeleton(bones, root_dof, 0.0254 / float(units["length"]), degrees)
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise FormatError(f"{path}: not readable as an Acclaim skeleton ({error!r}). Needed: an .asf file.") from error


def _sections(path: Path) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {"": []}
    name = ""
    for line in path.read_text(errors="replace", encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith(":"):
            name = line[1:].split()[0]
            sections[name] = []
        elif line and not line.startswith("#"):
            sections[name].append(line)
    return sections


def _blocks(lines: Sequence[str]) -> dict[str, dict[str, list[str]]]:
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


def _bone(block: Mapping[str, Sequence[str]], parent: str, *, degrees: bool) -> _Bone:
    offset = np.array([float(word) for word in block["direction"]]) * float(block["length"][0])
    *angles, order = block["axis"] if len(block["axis"]) == 4 else (*block["axis"], "XYZ")
    axis = Rotation.from_euler(order.lower(), [float(word) for word in angles], degrees=degrees)
    return _Bone(parent, offset, axis, tuple(block.get("dof", ())))


def _read_angles(path: Path) -> dict[str, list]:
    """Numbers of every bone, one list per frame."""
    angles: dict[str, list] = {}
    for number, line in enumerate(path.read_text(errors="replace", encoding="utf-8").splitlines(), start=1):
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
