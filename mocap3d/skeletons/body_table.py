"""Kinematic trees read from ``bodies/*.toml``, written by names and for the right side only."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from mocap3d.errors import FormatError
from mocap3d.skeletons.kinematics import Dof, Joint, JointKind, KinematicTree, Placement, Span, Vector
from mocap3d.skeletons.naming import did_you_mean
from mocap3d.skeletons.toml_file import read_toml_file

_KEYS = ("source", "joints", "spans", "keypoints")
_JOINT_KEYS = ("name", "segment", "parent", "direction", "length", "kind", "dofs")
_DOF_KEYS = ("name", "axis", "range_deg", "ease_deg", "isb")


@cache
def load_body(name: str = "full_body") -> KinematicTree:
    """The kinematic tree of that name that comes with the program."""
    with resources.as_file(resources.files("mocap3d.skeletons") / "bodies" / f"{name}.toml") as path:
        return read_body(path)


def read_body(path: Path) -> KinematicTree:
    """A kinematic tree from anywhere, named after its file; refuses unknown keys and names, children before parents."""
    table = read_toml_file(path, _KEYS)
    if missing := [key for key in ("source", "joints", "keypoints") if key not in table]:
        raise FormatError(f"{path}: has no '{missing[0]}', which every body needs. Add it, see full_body.toml.")
    rows = [side for row in table["joints"] for side in _both_sides(path, row)]
    reader = _Reader(path, tuple(row["name"] for row in rows), tuple(row.get("segment", "") for row in rows))
    joints = tuple(reader.joint(row, at) for at, row in enumerate(rows))
    spans = tuple(reader.span(side) for row in table.get("spans", ()) for side in _both_names(row))
    return KinematicTree(path.stem, joints, spans, reader.keypoints(table["keypoints"]), table["source"])


@dataclass(frozen=True, slots=True)
class _Reader:
    """Names of the table being read, and where it lies for the error texts."""

    path: Path
    names: tuple[str, ...]
    segments: tuple[str, ...]

    def joint(self, row: Mapping[str, Any], at: int) -> Joint:
        kind = self._kind(row)
        parent = self._place(row["parent"], self.names, "joint") if "parent" in row else -1
        if (parent < 0) != (kind is JointKind.FREE) or parent >= at:
            raise FormatError(
                f"{self.path}: joint '{row['name']}' must be listed after its parent; only the root is free."
            )
        mean, sigma = row.get("length", (0.0, 0.0))
        return Joint(
            name=row["name"],
            segment=row.get("segment", ""),
            parent=parent,
            direction=_unit(row["direction"]) if parent >= 0 else (0.0, 0.0, 0.0),
            length_ratio=mean,
            length_ratio_sigma=sigma,
            kind=kind,
            dofs=tuple(self._dof(dof) for dof in row.get("dofs", ())),
            mirror=self._place(_other_side(row["name"]), self.names, "joint"),
        )

    def span(self, row: Mapping[str, Any]) -> Span:
        return Span(row["name"], *(self._place(row[key], self.segments, "segment") for key in ("segment", "against")))

    def keypoints(self, table: Mapping[str, Any]) -> dict[str, dict[str, Placement]]:
        """Tables within the table hold for one keypoint set; what stands directly in it for all."""
        general = {name: row for name, row in table.items() if "at" in row}
        sets = {"": general} | {name: rows for name, rows in table.items() if "at" not in rows}
        return {name: self._placements(rows) for name, rows in sets.items()}

    def _placements(self, rows: Mapping[str, Any]) -> dict[str, Placement]:
        placed = {}
        for name, row in rows.items():
            placed[name] = self._placement(name, row)
            if name[0] == "R" and name[1:2].isupper():
                placed["L" + name[1:]] = self._placement("L" + name[1:], _mirrored_keypoint(row))
        return placed

    def _placement(self, name: str, row: Mapping[str, Any]) -> Placement:
        anchor = self._place(row["at"], self.names, "joint")
        segment = self._place(row["on"], self.segments, "segment") if "on" in row else anchor
        zero = (0.0, 0.0, 0.0)
        if unknown := set(row) - {"at", "on", "offset", "sigma"}:
            raise FormatError(f"{self.path}: keypoint '{name}' has an unknown key '{min(unknown)}'. Take it out.")
        (x, y, z), (sx, sy, sz) = (map(float, row.get(key, zero)) for key in ("offset", "sigma"))
        return Placement(anchor, segment, (x, y, z), (sx, sy, sz))

    def _kind(self, row: Mapping[str, Any]) -> JointKind:
        if unknown := set(row) - set(_JOINT_KEYS):
            raise FormatError(
                f"{self.path}: joint '{row['name']}' has an unknown key '{min(unknown)}'."
                f"{did_you_mean(min(unknown), _JOINT_KEYS)}"
            )
        kind = JointKind(row["kind"])
        allowed = {JointKind.FREE: (3,), JointKind.BALL: (3,), JointKind.HINGES: (1, 2), JointKind.FIXED: (0,)}[kind]
        if len(row.get("dofs", ())) not in allowed:
            raise FormatError(
                f"{self.path}: joint '{row['name']}' is {kind.value} and has {len(row.get('dofs', ()))} degrees of "
                f"freedom; needed {' or '.join(map(str, allowed))}."
            )
        return kind

    def _dof(self, row: Mapping[str, Any]) -> Dof:
        if set(row) != set(_DOF_KEYS):
            raise FormatError(
                f"{self.path}: found a degree of freedom with {', '.join(row)}; needed {', '.join(_DOF_KEYS)}."
            )
        least, most, ease, spread = map(math.radians, (*row["range_deg"], *row["ease_deg"]))
        return Dof(row["name"], _unit(row["axis"]), least, most, ease, spread, row["isb"])

    def _place(self, name: str, known: tuple[str, ...], what: str) -> int:
        if not name or name not in known:
            raise FormatError(f"{self.path}: there is no {what} '{name}'.{did_you_mean(name, known)}")
        return known.index(name)


def _unit(vector: list[float | int]) -> Vector:
    size = math.hypot(*vector)
    x, y, z = (float(v) / size for v in vector)
    return x, y, z


def _other_side(name: str) -> str:
    return name[:-2] + {"_r": "_l", "_l": "_r"}[name[-2:]] if name[-2:] in ("_r", "_l") else name


def _both_sides(path: Path, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A joint's row, and its mirror image where it is of the right side."""
    if "name" not in row or "kind" not in row:
        raise FormatError(f"{path}: a joint lacks 'name' or 'kind'. Add it, see full_body.toml.")
    if not row["name"].endswith("_r"):
        return [dict(row)]
    left = {key: _other_side(value) if isinstance(value, str) else value for key, value in row.items()}
    if "direction" in row:
        left["direction"] = _mirrored(row["direction"])
    left["dofs"] = [_mirrored_dof(dof) for dof in row.get("dofs", ())]
    return [dict(row), left]


def _both_names(row: Mapping[str, str]) -> list[dict[str, str]]:
    left = {key: _other_side(value) for key, value in row.items()}
    return [dict(row)] if left == row else [dict(row), left]


def _mirrored_dof(row: Mapping[str, Any]) -> dict[str, Any]:
    """About an axis reflected as axes of rotation are: the same angle is the mirror image of the same movement."""
    x, y, z = row["axis"]
    return {**row, "name": _other_side(row["name"]), "axis": [-x, -y, z]}


def _mirrored(vector: list[float | int]) -> list[float | int]:
    x, y, z = vector
    return [x, y, -z]


def _mirrored_keypoint(row: Mapping[str, Any]) -> dict[str, Any]:
    left = {key: _other_side(value) if isinstance(value, str) else value for key, value in row.items()}
    return left | ({"offset": _mirrored(row["offset"])} if "offset" in row else {})
