"""Command lines to dataclasses: one class is at once the default, the flag and the help."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

import tyro

from mocap3d.errors import Mocap3dError
from mocap3d.session.rate import exact_rate

T = TypeVar("T")


def parse(command: type[T], arguments: Sequence[str], *, default: T | None = None, words: str | None = None) -> T:
    """The command's options; on --help or a wrong option prints and exits (0 or 2), as a command line does.

    ``words`` are what is typed for it, where that is not the class's name.
    """
    registry = tyro.constructors.ConstructorRegistry()
    registry.primitive_rule(_fraction)
    with registry:
        name = f"mocap3d {words or _with_hyphens(command.__name__)}"
        try:
            if default is None:
                return tyro.cli(command, prog=name, args=arguments)
            return tyro.cli(command, prog=name, args=arguments, default=default)
        except ValueError as refused:  # by an options class's own __post_init__
            raise Mocap3dError(f"{refused} See `{name} --help`.") from None


def _with_hyphens(name: str) -> str:
    """ConvertCalibration is the command convert-calibration."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _fraction(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Fraction] | None:
    """Rates: 60, 59.94 or 60000/1001."""
    if info.type is not Fraction:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="RATE",
        instance_from_str=lambda words: exact_rate(words[0]),
        is_instance=lambda value: isinstance(value, Fraction),
        str_from_instance=lambda value: [str(value)],
    )
