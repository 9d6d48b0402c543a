"""BVH: any order of channels, any tree; lengths in no stated unit.

Source: the format as Blender 5.0.1 and four Python parsers read it; a joint turns by the product of its rotations in
the order of its channels. The root is where its position channels say, without its offset. Other joints' position
channels restate their offsets: a file in which they do not holds bones that stretch, and is refused.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.session.motion_files.tree import Tree, TreeMotion, unique
from mocap3d.session.rate import exact_rate

STRETCH = 0.01  # of the leg: how far a restated offset may be off, as some files round their numbers


@dataclass(slots=True)
class _Reading:
    """A hierarchy while it is being read."""

    joints: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)

    def tree(self) -> Tree:
        return Tree(unique(self.joints), tuple(self.parents), np.asarray(self.offsets, float).reshape(-1, 3))


def read_bvh(path: Path) -> TreeMotion:
    """One person's motion; an End Site becomes the joint ``<parent>_end``. Refuses two roots, and bones that stretch.

    Frame times are rounded in most files: .0083333 stands for 120 frames per second.
    """
    try:
        hierarchy, found, motion = path.read_text(encoding="utf-8-sig", errors="replace").partition("MOTION")
        if not found:
            raise ValueError("no MOTION found")
        reading = _read_hierarchy(hierarchy)
        numbers, frame_s = _read_motion(motion.split(), sum(map(len, reading.channels)))
        rate = exact_rate(round(1 / frame_s, 2))
        root, turns = _locals(reading, numbers)
    except (ValueError, IndexError, ZeroDivisionError, OSError) as error:
        raise FormatError(f"{path}: not readable as BVH ({error}). Needed: a HIERARCHY and a MOTION part.") from error
    return TreeMotion(path, reading.tree(), rate, root, turns)


def _read_hierarchy(text: str) -> _Reading:
    """Line by line, as a joint's name may hold blanks; a brace may stand behind it."""
    reading, stack = _Reading(), [-1]
    for line in text.replace("{", "\n{\n").replace("}", "\n}\n").splitlines():
        word, *rest = line.split() or [""]
        if word in ("ROOT", "JOINT", "End"):
            if word == "ROOT" and reading.joints:
                raise ValueError("it has two roots: one person per file is needed, so split it")
            name = f"{reading.joints[stack[-1]]}_end" if word == "End" else "_".join(rest) or "joint"
            reading.joints.append(name)
            reading.parents.append(stack[-1])
            reading.offsets.append([0.0, 0.0, 0.0])
            reading.channels.append([])
        elif word == "{":
            stack.append(len(reading.joints) - 1)
        elif word == "}":
            stack.pop()
        elif word == "OFFSET":
            reading.offsets[stack[-1]] = [float(number) for number in rest[:3]]
        elif word == "CHANNELS":
            reading.channels[stack[-1]] = rest[1 : 1 + int(rest[0])]
    if not reading.joints:
        raise ValueError("no joint found")
    return reading


def _read_motion(words: list[str], n_channels: int) -> tuple[Float[np.ndarray, "t c"], float]:
    if words[:1] != ["Frames:"] or words[2:4] != ["Frame", "Time:"]:
        raise ValueError(f"no MOTION with 'Frames:' and 'Frame Time:' found, but '{' '.join(words[:5])}'")
    n_frames, frame_s = int(words[1]), float(words[4])
    numbers = np.array([float(word) for word in words[5:]])
    if len(numbers) != n_frames * n_channels:
        raise ValueError(f"{len(numbers)} numbers, but {n_frames} frames of {n_channels} channels announced")
    return numbers.reshape(n_frames, n_channels), frame_s


def _locals(
    reading: _Reading, numbers: Float[np.ndarray, "t c"]
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t j 3 3"]]:
    """Where the root is, and how every joint is turned against its parent."""
    first = np.cumsum([0, *map(len, reading.channels)])
    tolerance = STRETCH * max(reading.tree().leg_length(), 1e-9)
    turns = np.tile(np.eye(3), (len(numbers), len(reading.joints), 1, 1))
    root = np.zeros((len(numbers), 3))
    for joint, names in enumerate(reading.channels):
        values = numbers[:, first[joint] : first[joint] + len(names)]
        rotating = [n for n, name in enumerate(names) if name.endswith("rotation")]
        moving = [n for n, name in enumerate(names) if name.endswith("position")]
        if rotating:
            turns[:, joint] = _turned("".join(names[n][0] for n in rotating), values[:, rotating])
        axes = ["XYZ".index(names[n][0]) for n in moving]
        if moving and joint == 0:
            root[:, axes] = values[:, moving]
        elif moving and (np.abs(values[:, moving] - np.array(reading.offsets[joint])[axes]) > tolerance).any():
            raise ValueError(f"the bone to '{reading.joints[joint]}' changes its length")
    return root, turns


def _turned(order: str, angles_deg: Float[np.ndarray, "t n"]) -> Float[np.ndarray, "t 3 3"]:
    """About the turned axes, in channel order; NaN where an angle is."""
    known = np.isfinite(angles_deg).all(axis=-1)
    turns = np.full((len(angles_deg), 3, 3), np.nan)
    if known.any():
        turns[known] = Rotation.from_euler(order, angles_deg[known], degrees=True).as_matrix()
    return turns
