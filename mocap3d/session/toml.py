"""TOML tables read into frozen dataclasses: every key known, every type checked, every error naming file and key."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mocap3d.errors import Mocap3dError, SessionError
from mocap3d.session.rate import exact_rate
from mocap3d.session.views import did_you_mean, listed

T = TypeVar("T")

DECIMAL_COMMA = re.compile(r"^[^#\[]*=\s*(\d+),(\d+)\s*(?:#.*)?$", re.MULTILINE)
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: 'text in quotes ("...")',
    Path: 'a path in quotes ("...")',
    Fraction: 'a rate: 60, 59.94 or "60000/1001"',
}


def read_toml(path: Path, *, error: type[Mocap3dError] = SessionError) -> dict[str, object]:
    """The tables of a TOML file (UTF-8, with or without a byte order mark)."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise error(f"{path} cannot be read ({problem.strerror}). Check that it is there and readable.") from None
    except UnicodeDecodeError:
        raise error(f"{path} is not a text file in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as problem:
        hint = " Windows paths need 'single quotes'." if "hex" in str(problem) or "escape" in str(problem) else ""
        hint = hint or _comma_hint(path)
        raise error(f"{path} is not valid TOML: {problem}. Mend that line.{hint}") from None


def _comma_hint(path: Path) -> str:
    """For a decimal comma, which TOML does not know."""
    found = DECIMAL_COMMA.search(path.read_text(encoding="utf-8-sig"))
    return f" Numbers have a decimal point: {found[1]}.{found[2]}, not {found[1]},{found[2]}." if found else ""


def typed(
    table: Mapping[str, object],
    cls: type[T],
    *,
    source: Path | str,
    key: str = "",
    error: type[Mocap3dError] = SessionError,
) -> T:
    """The table as ``cls``, a frozen dataclass whose fields are the keys and whose defaults are the defaults.

    ``source`` (the file) and ``key`` (where the table stands in it) are for the error texts. Fields may be bool, int,
    float, str, Path, Fraction (an exact rate), enums, Literal, object, nested dataclasses, and tuples, mappings and
    unions of these. A ValueError of the class's own ``__post_init__`` becomes an error at that table.
    """
    try:
        return _dataclass(table, cls, key)
    except _Refused as refused:
        raise error(f"{source}: {refused}") from None


class _Refused(Exception):
    """What is wrong with which key; ``typed`` adds the file."""


def _mismatch(key: str, found: object, kind: Any) -> _Refused:
    comma = re.fullmatch(r"\s*(\d+),(\d+)\s*", found) if isinstance(found, str) else None
    hint = f" Write it with a decimal point and without quotes: {comma[1]}.{comma[2]}." if comma else ""
    return _Refused(f"'{key}' is {found!r}; needed {_kind(kind)}.{hint}")


def _dataclass(table: Mapping[str, object], cls: type[T], key: str) -> T:
    kinds = {name: kind for name, kind in get_type_hints(cls).items() if name in _init_fields(cls)}
    for name in table:
        if name not in kinds:
            raise _Refused(f"unknown key '{_join(key, name)}'.{did_you_mean(name, kinds)} Known: {listed(kinds)}.")
    if missing := [name for name, needed in _init_fields(cls).items() if needed and name not in table]:
        where = f" in [{key}]" if key else ""
        raise _Refused(f"{listed(missing)} missing{where}; needed {_kind(kinds[missing[0]])}.")
    values = {name: _value(value, kinds[name], _join(key, name)) for name, value in table.items()}
    try:
        return cls(**values)
    except ValueError as problem:
        raise _Refused(f"{f'[{key}] ' if key else ''}{problem}") from None


def _init_fields(cls: type) -> dict[str, bool]:
    """Names of the fields a caller sets, and whether each must be given."""
    return {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(cls) if f.init}


def _value(value: object, kind: Any, key: str) -> Any:
    """``value`` as ``kind``, or :class:`_Refused`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (object, Any):
        return value
    if origin in (Union, UnionType):
        return _one_of(value, arguments, key, kind)
    if origin is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        return _choice(value, kind, key)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        return _dataclass(value, kind, key)
    if origin is tuple and isinstance(value, list):
        return _tuple(value, arguments, key, kind)
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, dict):
        return {name: _value(item, arguments[1], _join(key, name)) for name, item in value.items()}
    return _scalar(value, kind, key)


def _scalar(value: object, kind: Any, key: str) -> Any:
    is_bool = isinstance(value, bool)
    if kind is float and isinstance(value, (int, float)) and not is_bool and math.isfinite(value):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Fraction and isinstance(value, (int, float, str)):
        try:
            return exact_rate(value)
        except ValueError:
            raise _mismatch(key, value, kind) from None
    if kind in (bool, int, str) and type(value) is kind:
        return value
    raise _mismatch(key, value, kind)


def _one_of(value: object, kinds: tuple[Any, ...], key: str, union: Any) -> Any:
    """The first member of a union that takes the value; None stands for an absent key only."""
    kinds = tuple(kind for kind in kinds if kind is not NoneType)
    if len(kinds) == 1:
        return _value(value, kinds[0], key)
    for kind in kinds:
        try:
            return _value(value, kind, key)
        except _Refused:
            continue
    raise _mismatch(key, value, union)


def _choice(value: object, kind: Any, key: str) -> Any:
    members = {member: member for member in get_args(kind)} or {member.value: member for member in kind}
    try:
        return members[value]
    except (KeyError, TypeError):
        hint = did_you_mean(value, map(str, members)) if isinstance(value, str) else ""
        raise _Refused(f"'{key}' is {value!r}; needed one of {listed(members)}.{hint}") from None


def _tuple(values: list[object], kinds: tuple[Any, ...], key: str, whole: Any) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(values)
    if len(kinds) != len(values):
        raise _mismatch(key, values, whole)
    return tuple(_value(value, kind, f"{key}[{i}]") for i, (value, kind) in enumerate(zip(values, kinds, strict=True)))


def _kind(kind: Any) -> str:
    """What a field needs, in a user's words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(_kind(member) for member in arguments if member is not NoneType)
    if origin is Literal:
        return f"one of {listed(arguments)}"
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list, each of it {_kind(arguments[0])}"
        return f"a list of {len(arguments)}: {', '.join(map(_kind, arguments))}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {listed(member.value for member in kind)}"
    if is_dataclass(kind) or origin is not None:
        return "a table"
    return KINDS.get(kind, str(kind))


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
