"""Keypoint sets as data: which keypoints there are, and what bodies are known to obey.

A skeleton is a table of ``tables/*.toml``, written by names. What a table says of the left (``LHip``) holds for the
right (``RHip``) as well, so a table states each fact once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Any

from mocap3d.errors import FormatError, Mocap3dError
from mocap3d.skeletons.naming import did_you_mean
from mocap3d.skeletons.toml_file import read_toml_file

Pair = tuple[int, int]
_KEYS = ("source", "keypoints", "parents", "more_limbs", "rigid", "angle_limits", "length_ratio")


@dataclass(frozen=True, slots=True)
class AngleLimit:
    """The interior angle at ``vertex``, between the directions to ``first`` and ``last``, that no body leaves."""

    first: int
    vertex: int
    last: int
    min_rad: float
    max_rad: float


@dataclass(frozen=True, slots=True)
class Skeleton:
    """One keypoint set; all indices point into ``keypoints``."""

    name: str
    keypoints: tuple[str, ...]
    """Names, in the order in which files of this set list them."""
    parents: tuple[int, ...]
    """A forest over the keypoints; -1 = root."""
    mirror: tuple[int, ...]
    """The same keypoint on the other side; itself if central."""
    limbs: tuple[Pair, ...]
    """(parent, child): pairs whose distance hardly changes while the body moves."""
    rigid: tuple[Pair, ...]
    """Further pairs of one rigid segment (head, torso, pelvis, foot); disjoint from the limbs."""
    angle_limits: tuple[AngleLimit, ...]
    length_ratio: tuple[float, ...]
    """Expected length / body height of each limb; NaN where no source is known."""
    length_ratio_sigma: tuple[float, ...]
    source: str

    @property
    def limb_names(self) -> tuple[str, ...]:
        """Names of the limbs, like ``LHip-LKnee``."""
        return tuple(f"{self.keypoints[a]}-{self.keypoints[b]}" for a, b in self.limbs)

    def index(self, name: str) -> int:
        """Place of a keypoint; refuses an unknown name and offers the nearest ones."""
        if name not in self.keypoints:
            raise Mocap3dError(f"skeleton {self.name} has no keypoint '{name}'.{did_you_mean(name, self.keypoints)}")
        return self.keypoints.index(name)


def skeleton_names() -> tuple[str, ...]:
    """Names of the tables that come with the program, sorted."""
    tables = resources.files("mocap3d.skeletons") / "tables"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in tables.iterdir() if entry.name.endswith(".toml")))


@cache
def load_skeleton(name: str) -> Skeleton:
    """The table of that name; refuses an unknown name and offers the nearest ones."""
    if name not in skeleton_names():
        raise Mocap3dError(f"there is no skeleton '{name}'.{did_you_mean(name, skeleton_names())}")
    with resources.as_file(resources.files("mocap3d.skeletons") / "tables" / f"{name}.toml") as path:
        return read_skeleton(path)


def read_skeleton(path: Path) -> Skeleton:
    """A skeleton table from anywhere, named after its file; refuses unknown keys and names, and a loop of parents."""
    table = read_toml_file(path, _KEYS)
    for key in ("keypoints", "parents", "source"):
        if key not in table:
            raise FormatError(f"{path}: has no '{key}', which every skeleton table needs. Add it, see halpe26.toml.")
    return _Table(path, tuple(table["keypoints"])).skeleton(table)


@dataclass(frozen=True, slots=True)
class _Table:
    """Names of one table, and where they come from for the error messages."""

    path: Path
    keypoints: tuple[str, ...]

    def skeleton(self, table: Mapping[str, Any]) -> Skeleton:
        if len(set(self.keypoints)) < len(self.keypoints):
            raise FormatError(f"{self.path}: a keypoint is listed twice. Give every keypoint a name of its own.")
        parents = self._parents(table["parents"])
        limbs = self._limbs(parents, table.get("more_limbs", ()))
        ratios = self._ratios(limbs, table.get("length_ratio", {}))
        return Skeleton(
            name=self.path.stem,
            keypoints=self.keypoints,
            parents=parents,
            mirror=tuple(self._index(_other_side(name)) for name in self.keypoints),
            limbs=limbs,
            rigid=self._rigid(limbs, table.get("rigid", ())),
            angle_limits=self._angle_limits(table.get("angle_limits", ())),
            length_ratio=tuple(mean for mean, _ in ratios),
            length_ratio_sigma=tuple(sigma for _, sigma in ratios),
            source=table["source"],
        )

    def _index(self, name: str) -> int:
        if name not in self.keypoints:
            raise FormatError(f"{self.path}: '{name}' is not among its keypoints.{did_you_mean(name, self.keypoints)}")
        return self.keypoints.index(name)

    def _values(self, row: Mapping[str, Any], *keys: str) -> list[Any]:
        if set(row) != set(keys):
            raise FormatError(
                f"{self.path}: found an entry with {', '.join(row)}; it needs {', '.join(keys)}. Mend it."
            )
        return [row[key] for key in keys]

    def _parents(self, parent_of: Mapping[str, str]) -> tuple[int, ...]:
        named = {self._index(child): self._index(parent) for child, parent in parent_of.items()}
        parents = tuple(named.get(child, -1) for child in range(len(self.keypoints)))
        for start in range(len(parents)):
            seen, at = {start}, parents[start]
            while at >= 0:
                if at in seen:
                    raise FormatError(f"{self.path}: '{self.keypoints[at]}' is its own ancestor. Cut the loop.")
                seen.add(at)
                at = parents[at]
        return parents

    def _limbs(self, parents: Sequence[int], more: Sequence[Sequence[str]]) -> tuple[Pair, ...]:
        tree = [(parent, child) for child, parent in enumerate(parents) if parent >= 0]
        in_tree = set(map(frozenset, tree))
        return (*tree, *(pair for pair in self._both_sides(more) if frozenset(pair) not in in_tree))

    def _both_sides(self, named: Sequence[Sequence[str]]) -> list[Pair]:
        pairs: dict[frozenset[int], Pair] = {}
        for a, b in named:
            for pair in ((a, b), (_other_side(a), _other_side(b))):
                pairs.setdefault(frozenset(map(self._index, pair)), (self._index(pair[0]), self._index(pair[1])))
        return list(pairs.values())

    def _rigid(self, limbs: Sequence[Pair], clusters: Sequence[Mapping[str, Any]]) -> tuple[Pair, ...]:
        named = [pair for row in clusters for pair in combinations(self._values(row, "name", "keypoints")[1], 2)]
        are_limbs = {frozenset(limb) for limb in limbs}
        return tuple(pair for pair in self._both_sides(named) if frozenset(pair) not in are_limbs)

    def _angle_limits(self, rows: Sequence[Mapping[str, Any]]) -> tuple[AngleLimit, ...]:
        limits: dict[tuple[int, ...], AngleLimit] = {}
        for row in rows:
            *names, min_deg, max_deg = self._values(row, "from", "at", "to", "min_deg", "max_deg")
            for side in (names, map(_other_side, names)):
                first, vertex, last = map(self._index, side)
                limits[first, vertex, last] = AngleLimit(
                    first, vertex, last, math.radians(min_deg), math.radians(max_deg)
                )
        return tuple(limits.values())

    def _ratios(self, limbs: Sequence[Pair], rows: Mapping[str, Sequence[float]]) -> list[tuple[float, float]]:
        known: dict[frozenset[int], tuple[float, float]] = {}
        for limb, (mean, sigma) in rows.items():
            for pair in self._both_sides([limb.split("-")]):
                if frozenset(pair) not in map(frozenset, limbs):
                    raise FormatError(f"{self.path}: [length_ratio] names '{limb}', which is no limb. Take it out.")
                known[frozenset(pair)] = (mean, sigma)
        return [known.get(frozenset(limb), (math.nan, math.nan)) for limb in limbs]


def _other_side(name: str) -> str:
    """LKnee <-> RKnee; a name without a leading L or R before a capital is central and its own mirror."""
    if name[:1] in ("L", "R") and name[1:2].isupper():
        return ("R" if name[0] == "L" else "L") + name[1:]
    return name
