"""BVH motion: any order of channels, any tree; lengths in no stated unit.

Source: the format as Blender 5.0.1 and four Python parsers read it; a joint turns by the product of its rotations in
the order of its channels. The root is where its position channels say, without its offset; other joints' position
channels only restate their offsets, and are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mocap3d.errors import FormatError
from mocap3d.session.rate import exact_rate
from mocap3d.synthesis.motion.clip import Clip, Tree, in_our_world, likely_unit_m


@dataclass(slots=True)
class _Reading:
    """A hierarchy while it is being read."""

    joints: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)


def read_bvh(path: Path, *, unit_m: float | None = None) -> Clip:
    """A clip; without ``unit_m`` the unit is the customary one that makes the legs most like a person's."""
    words = iter(path.read_text(errors="replace").split())
    try:
        hierarchy = _read_hierarchy(words)
        numbers, frame_s = _read_motion(words, sum(map(len, hierarchy.channels)))
        rate = exact_rate(round(1 / frame_s, 2))  # files round the frame time: .0083333 is 120 per second
    except (StopIteration, ValueError, IndexError, ZeroDivisionError) as error:
        raise FormatError(f"{path}: not readable as BVH ({error}). Needed: a HIERARCHY and a MOTION part.") from error
    tree = Tree(tuple(hierarchy.joints), tuple(hierarchy.parents), np.asarray(hierarchy.offsets))
    p_y_up, turn_y_up = _posed(tree, hierarchy.channels, numbers)
    p_in_world, world_from_joint = in_our_world(p_y_up, turn_y_up, unit_m or likely_unit_m(_leg_length(tree)))
    return Clip(path, tree.joints, rate, p_in_world, world_from_joint)


def _read_hierarchy(words: Iterator[str]) -> _Reading:
    """Everything before MOTION; an End Site becomes the joint ``<parent>_end``."""
    reading, stack = _Reading(), [-1]
    for word in words:
        if word == "MOTION":
            return reading
        if word in ("ROOT", "JOINT", "End"):
            name = next(words)
            reading.joints.append(f"{reading.joints[stack[-1]]}_end" if word == "End" else name)
            reading.parents.append(stack[-1])
            reading.offsets.append([0.0, 0.0, 0.0])
            reading.channels.append([])
        elif word == "{":
            stack.append(len(reading.joints) - 1)
        elif word == "}":
            stack.pop()
        elif word == "OFFSET":
            reading.offsets[stack[-1]] = [float(next(words)) for _ in range(3)]
        elif word == "CHANNELS":
            reading.channels[stack[-1]] = [next(words) for _ in range(int(next(words)))]
    raise ValueError("no MOTION found")


def _read_motion(words: Iterator[str], n_channels: int) -> tuple[Float[np.ndarray, "t c"], float]:
    _expect(words, "Frames:")
    n_frames = int(next(words))
    _expect(words, "Frame")
    _expect(words, "Time:")
    frame_s = float(next(words))
    numbers = np.array([float(word) for word in words])
    if len(numbers) != n_frames * n_channels:
        raise ValueError(f"{len(numbers)} numbers, but {n_frames} frames of {n_channels} channels announced")
    return numbers.reshape(n_frames, n_channels), frame_s


def _expect(words: Iterator[str], wanted: str) -> None:
    if (found := next(words)) != wanted:
        raise ValueError(f"found '{found}' where '{wanted}' was needed")


def _posed(
    tree: Tree, channels: list[list[str]], numbers: Float[np.ndarray, "t c"]
) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j 3 3"]]:
    """Forward kinematics in the file's unit and axes."""
    first = np.cumsum([0, *map(len, channels)])
    turns, root = [], np.zeros((len(numbers), 3))
    for joint, names in enumerate(channels):
        values = numbers[:, first[joint] : first[joint] + len(names)]
        rotating = [n for n, name in enumerate(names) if name.endswith("rotation")]
        moving = [n for n, name in enumerate(names) if name.endswith("position")]
        order = "".join(names[n][0] for n in rotating)  # upper case: about the turned axes, in channel order
        turns.append(Rotation.from_euler(order, values[:, rotating], degrees=True) if order else Rotation.identity())
        if moving and joint == 0:
            root[:, ["XYZ".index(names[n][0]) for n in moving]] = values[:, moving]
    return tree.posed(turns, root)


def _leg_length(tree: Tree) -> float:
    """Of the longest chain of joints straight down: hip to ankle in any naming."""
    down = [0.0] * len(tree.joints)
    for joint, parent in enumerate(tree.parents):
        if parent >= 0:
            down[joint] = down[parent] + max(0.0, -float(tree.offset[joint, 1]))
    return max(down)
