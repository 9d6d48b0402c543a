"""What people may write into ``session.toml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from mocap3d.session.records import Person, ViewId


@dataclass(frozen=True)
class ViewTable:
    """``[views.<name>]``: what is special about one view. Paths are relative to the session folder."""

    video: Path | None = None
    """A video or a folder of images, where it is not videos/<name>.*"""
    keypoints: Path | None = None
    """A file or a folder, where it is not keypoints/<name>*"""
    offset_s: float | None = None
    """When the view's first frame was taken, on the common clock; later = larger. Default: as `mocap3d synchronise`
    measured it, else 0."""
    rate: Fraction | None = None
    """The camera's true frames per second, where the video does not say it: slow motion, images, keypoints alone."""


@dataclass(frozen=True)
class SessionTable:
    """``session.toml``; every key is optional. Paths are relative to the session folder."""

    rate: Fraction | None = None
    """Instants per second of the reconstruction, and the frame rate of views that do not say their own."""
    skeleton: str | None = None
    """Keypoint set of the 2D files, e.g. body25b, where they do not tell."""
    videos: Path | None = None
    """Folder of the videos, where it is not videos/"""
    keypoints: Path | None = None
    """Folder of the 2D keypoints, where it is not keypoints/"""
    calibration: Path | None = None
    """The calibration file, where it is not the only one in the session folder or in calibration/."""
    people: tuple[Person, ...] = ()
    """``[[people]]``: name, and height_m, mass_kg and length_m (of segments, e.g. femur) where known."""
    views: Mapping[ViewId, ViewTable] = field(default_factory=dict)
    reconstruct: Mapping[str, object] = field(default_factory=dict)
    """Options of ``mocap3d reconstruct``."""
    calibrate: Mapping[str, object] = field(default_factory=dict)
    """Options of ``mocap3d calibrate``."""

    def __post_init__(self):
        names = [person.name for person in self.people]
        if not all(name.strip() for name in names):
            raise ValueError("a person's name is empty; give everybody one.")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two people are called '{min(twice)}'; give each a name of its own.")
        for person in self.people:
            _check_body(person)


def _check_body(person: Person) -> None:
    """Catches centimetres and grams; from a newborn to the tallest and heaviest people on record."""
    if person.height_m is not None and not 0.3 < person.height_m < 3.0:
        raise ValueError(f"'{person.name}' has height_m = {person.height_m:g}; needed metres, e.g. 1.75.")
    if person.mass_kg is not None and not 1.0 < person.mass_kg < 700.0:
        raise ValueError(f"'{person.name}' has mass_kg = {person.mass_kg:g}; needed kilograms, e.g. 70.")
    for segment, length_m in person.length_m.items():
        if not 0.01 < length_m < 1.0:
            raise ValueError(f"'{person.name}' has length_m.{segment} = {length_m:g}; needed metres, e.g. 0.42.")
