"""What every exported file says of itself, and whom it is about."""

from collections.abc import Sequence
from difflib import get_close_matches
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version

from mocap3d.errors import FormatError
from mocap3d.export.axes import Axes
from mocap3d.session.records import Points3D, Provenance

PROVENANCE_WORDS = {origin: origin.name.lower() for origin in Provenance}
_ORIGINS = {"provenance": "measured: seen by two or more views that agree; filled: bridged by priors; missing: unknown"}


def describe(points: Points3D, axes: Axes) -> dict[str, str]:
    """Program, axes, units and exact rate; nothing that differs between two runs on the same input."""
    return {**describe_units(axes), "rate": rate_words(points.rate), "skeleton": points.skeleton.name, **_ORIGINS}


def describe_units(axes: Axes, length: str = "metres") -> dict[str, str]:
    """Program, axes and units."""
    return {"program": f"mocap3d {program_version()}", "axes": axes.description, "units": f"{length}, seconds"}


def rate_words(rate: Fraction) -> str:
    """The exact rate, e.g. ``60000/1001 frames per second``."""
    return f"{rate.numerator}/{rate.denominator} frames per second"


def person_index(people: Sequence[str], person: str) -> int:
    """Which of the people; refuses a name that is not among them."""
    if person in people:
        return people.index(person)
    near = get_close_matches(person, people, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Name one of: {', '.join(people) or 'nobody was found'}."
    raise FormatError(f"there is no person '{person}' to export. {hint}")


def program_version() -> str:
    """Of the installed package."""
    try:
        return version("mocap3d")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "(not installed)"
