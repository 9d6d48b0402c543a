"""What every exported file says of itself, and whom it is about."""

from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version

from mocap3d.errors import FormatError
from mocap3d.export.axes import Axes
from mocap3d.session.records import Points3D, Provenance

PROVENANCE_WORDS = {origin: origin.name.lower() for origin in Provenance}


def describe(points: Points3D, axes: Axes) -> dict[str, str]:
    """Program, axes, units and exact rate; nothing that differs between two runs on the same input."""
    return {
        "program": f"mocap3d {_program_version()}",
        "axes": axes.description,
        "units": "metres, seconds",
        "rate": f"{points.rate.numerator}/{points.rate.denominator} frames per second",
        "skeleton": points.skeleton.name,
        "provenance": "measured: seen by two or more views that agree; filled: bridged by priors; missing: unknown",
    }


def person_index(points: Points3D, person: str) -> int:
    """Which of the people; refuses a name that is not among them."""
    if person in points.people:
        return points.people.index(person)
    near = get_close_matches(person, points.people, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Name one of: {', '.join(points.people) or 'nobody was found'}."
    raise FormatError(f"there is no person '{person}' to export. {hint}")


def _program_version() -> str:
    try:
        return version("mocap3d")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "(not installed)"
