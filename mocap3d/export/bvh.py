"""Motion as BVH, in the one layout that Blender, Maya, MotionBuilder and the Python parsers all read.

Braces on lines of their own, an End Site of at least a millimetre under every leaf, no bone without length, exactly as
many frames as announced, never NaN: Blender takes one NaN for the whole skeleton. BVH has no place for comments, units
or provenance: summary.json states them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mocap3d.errors import FormatError
from mocap3d.export.animation import bridged
from mocap3d.export.euler import euler_rad
from mocap3d.export.trc import marker_names
from mocap3d.session.files import write_text_atomically
from mocap3d.session.motion_files.tree import Tree, TreeMotion

ORDER = "ZXY"
"""The order of the format's first files, which every importer knows."""
STUB_M, NUDGE_M = 1e-3, 1e-6
_ROWS_AT_ONCE = 4096


def write_bvh(motion: TreeMotion, path: Path) -> None:
    """One person's motion in its own axes and unit (centimetres where it states none).

    Frames without a pose are bridged, at the ends held. Bones without length, which some importers drop, are given a
    micrometre. Refuses a motion without a known frame, and two people in one.
    """
    if not len(motion.root):
        raise FormatError(f"{path}: there is no frame to write, and a BVH without frames opens nowhere. Export none.")
    if motion.tree.parents.count(-1) != 1:
        raise FormatError(f"{path}: found several joints without a parent. A BVH holds one person: write two files.")
    whole = bridged(motion)
    joints, lines = _hierarchy(whole.tree, whole.unit_m or 0.01)
    with write_text_atomically(path) as file:
        file.write("HIERARCHY\n" + "".join(f"{line}\n" for line in lines))
        # Blender turns a frame time of 0.0166667 into 60/1.000002 frames per second.
        file.write(f"MOTION\nFrames: {len(whole.root)}\nFrame Time: {float(1 / whole.rate):.12f}\n")
        for block in _blocks(whole, joints):
            file.write(block)


def _hierarchy(tree: Tree, unit_m: float) -> tuple[list[int], list[str]]:
    """The joints that have channels, in the order of the file, and its lines up to MOTION."""
    names = marker_names(tree.joints)
    children = [[k for k, parent in enumerate(tree.parents) if parent == joint] for joint in range(len(names))]
    order: list[int] = []
    lines: list[str] = []

    def write(joint: int, tabs: str) -> None:
        order.append(joint)
        offset = _at_least(tree.offset[joint], NUDGE_M / unit_m) if tabs else np.zeros(3)
        moves = "3" if tabs else "6 Xposition Yposition Zposition"
        turns = " ".join(f"{axis}rotation" for axis in ORDER)
        lines.extend([f"{tabs}{'JOINT' if tabs else 'ROOT'} {names[joint]}", f"{tabs}{{"])
        lines.extend([f"{tabs}\tOFFSET {_numbers(offset)}", f"{tabs}\tCHANNELS {moves} {turns}"])
        end = _end_of(tree, joint, children)
        for child in children[joint] if end is None else ():
            write(child, tabs + "\t")
        if end is not None or not children[joint]:
            stub = tree.offset[end] if end is not None else np.zeros(3)
            lines.extend([f"{tabs}\tEnd Site", f"{tabs}\t{{"])
            lines.extend([f"{tabs}\t\tOFFSET {_numbers(_at_least(stub, STUB_M / unit_m))}", f"{tabs}\t}}"])
        lines.append(f"{tabs}}}")

    write(0, "")
    return order, lines


def _end_of(tree: Tree, joint: int, children: Sequence[Sequence[int]]) -> int | None:
    """The one child that is written as an End Site: ``<joint>_end``, as such a site is named when it is read."""
    if len(children[joint]) != 1:
        return None
    child = children[joint][0]
    return child if not children[child] and tree.joints[child] == f"{tree.joints[joint]}_end" else None


def _at_least(offset: Float[np.ndarray, "3"], length: float) -> Float[np.ndarray, "3"]:
    return offset if np.linalg.norm(offset) >= length else np.array([0.0, length, 0.0])


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value + 0.0:.9f}" for value in values)


def _blocks(motion: TreeMotion, joints: Sequence[int]) -> Iterator[str]:
    """Rows of root position and angles; an angle goes on from the frame before instead of jumping by a full turn."""
    angles = [_angles_deg(motion.parent_from_joint[:, joint]) for joint in joints]
    table = np.concatenate([motion.root, *angles], axis=1)
    row = " ".join(["%.8f"] * 3 + ["%.7f"] * (table.shape[1] - 3)) + "\n"
    for start in range(0, len(table), _ROWS_AT_ONCE):
        yield "".join(row % tuple(values) for values in table[start : start + _ROWS_AT_ONCE].tolist())


def _angles_deg(turns: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 3"]:
    return np.degrees(np.unwrap(euler_rad(turns, ORDER), axis=0))
