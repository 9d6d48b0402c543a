"""Which skeleton table the keypoints of a foreign file belong to, by their number or by their names."""

import logging
import re
from collections.abc import Sequence

from mocap3d.errors import DetectionError
from mocap3d.skeletons.skeleton import Skeleton, load_skeleton, skeleton_names

log = logging.getLogger("mocap3d")

SETS_OF_COUNT = {
    14: ("lsp14",),
    17: ("coco17",),
    18: ("coco18",),
    25: ("body25", "body25b"),
    26: ("halpe26",),
    33: ("blazepose33",),
}
"""What 2D detectors write; the other tables are found only by name (``skeleton`` in session.toml)."""
_ALIASES = {"midhip": "hip", "pelvis": "hip", "littletoe": "smalltoe"}
_SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}


def set_of_count(count: int, skeleton: str | None, where: str) -> str:
    """The keypoint set of ``count`` keypoints; ``skeleton`` decides where the number does not."""
    if skeleton is not None:
        expected = len(load_skeleton(skeleton).keypoints)
        if expected != count:
            raise DetectionError(
                f"{where} has {count} keypoints per person, but skeleton '{skeleton}' has {expected}. Correct "
                f"`skeleton` in session.toml. Known: {_known()}."
            )
        return skeleton
    candidates = SETS_OF_COUNT.get(count, ())
    if len(candidates) != 1:
        reason = f"which may be {' or '.join(candidates)}" if candidates else "which no known detector writes"
        raise DetectionError(
            f'{where} has {count} keypoints per person, {reason}. Say which: skeleton = "..." in session.toml. '
            f"Known: {_known()}."
        )
    return candidates[0]


def set_of_names(names: Sequence[str], skeleton: str | None, where: str) -> tuple[Skeleton, tuple[int | None, ...]]:
    """The table of named keypoints, and for each of its keypoints the position in ``names`` (None = not there).

    Without ``skeleton`` the names must be those of one table, in any order and spelling of left and right.
    """
    if skeleton is not None:
        table = load_skeleton(skeleton)
        positions = _positions(names, table)
        _check_overlap(names, positions, table, where)
        return table, positions
    tables = [load_skeleton(name) for name in skeleton_names()]
    fitting = [t for t in tables if len(t.keypoints) == len(names) and None not in _positions(names, t)]
    if len(fitting) != 1:
        raise DetectionError(
            f"{where} has the keypoints {', '.join(names)}, which are not exactly those of one known set. Say which "
            f'set they belong to, or are a part of: skeleton = "..." in session.toml. Known: {_known()}.'
        )
    return fitting[0], _positions(names, fitting[0])


def _positions(names: Sequence[str], table: Skeleton) -> tuple[int | None, ...]:
    given = {_plain(name): n for n, name in enumerate(names)}
    given |= {_unglued(name): n for n, name in enumerate(names) if _unglued(name) not in given}
    return tuple(given.get(_plain(keypoint)) for keypoint in table.keypoints)


def _check_overlap(names: Sequence[str], positions: Sequence[int | None], table: Skeleton, where: str) -> None:
    unused = [name for n, name in enumerate(names) if n not in positions]
    if len(unused) == len(names):
        raise DetectionError(
            f"{where} has the keypoints {', '.join(names)}; none of them is in '{table.name}' "
            f"({', '.join(table.keypoints)}). Correct `skeleton` in session.toml. Known: {_known()}."
        )
    if unused:
        log.warning("%s: the keypoints %s are not in '%s' and are left out.", where, ", ".join(unused), table.name)
    if None in positions:
        absent = [key for key, position in zip(table.keypoints, positions, strict=True) if position is None]
        log.warning("%s: the keypoints %s of '%s' are missing.", where, ", ".join(absent), table.name)


def _plain(name: str) -> tuple[str, str]:
    """(side, part): 'LBigToe', 'left_big_toe' and 'big toe (left)' are all ('L', 'bigtoe')."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
    side = "".join(_SIDES[word] for word in words if word in _SIDES)
    part = "".join(word for word in words if word not in _SIDES)
    return side, _ALIASES.get(part, part)


def _unglued(name: str) -> tuple[str, str]:
    """'lshoulder' read as ('L', 'shoulder')."""
    low = name.lower()
    return _SIDES.get(low[:1], ""), low[1:]


def _known() -> str:
    return ", ".join(skeleton_names())
