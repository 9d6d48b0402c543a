"""Names of views: what a file name says, in which order they come, and which two names mean one view."""

import re
from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from mocap3d.session.records import ViewId

SUFFIXES = re.compile(r"([._-](json|keypoints|pose|pose2d|analysis|predictions)|DLC_.*)$", re.IGNORECASE)
"""What detectors append to a video's name; DeepLabCut appends ``DLC_<network>...``."""
SLEAP_PREFIX = re.compile(r"^.*\.v\d+\.\d{3}_(?=.)")
"""SLEAP's default name is ``labels.v001.000_<video>.analysis.h5``."""


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts cam2 before cam10, on every system alike."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part), "") if i % 2 else (1, 0, part) for i, part in enumerate(parts)], name


def view_of(path: Path) -> ViewId:
    """The view that a video, a keypoint file or a folder belongs to: its name without what detectors append."""
    name = path.name if path.is_dir() else path.stem
    name = SLEAP_PREFIX.sub("", name)
    while (shorter := SUFFIXES.sub("", name)) not in ("", name):
        name = shorter
    return name


def match_names(wanted: Iterable[str], found: Iterable[str]) -> dict[str, str]:
    """For each wanted name the found one that is equal, else the only one that differs in case, separators or zeros."""
    wanted, found = tuple(wanted), tuple(found)
    matches = {name: name for name in wanted if name in found}
    wanted_left, found_left = ([name for name in names if name not in matches] for names in (wanted, found))
    times = Counter(_plain(name) for name in (*wanted_left, *found_left))
    for name in wanted_left:
        alike = [other for other in found_left if _plain(other) == _plain(name)]
        if len(alike) == 1 and times[_plain(name)] == 2:
            matches[name] = alike[0]
    return {name: matches[name] for name in wanted if name in matches}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?``, or nothing where no known name is close."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def listed(names: Iterable[object]) -> str:
    """Names in quotes, for an error text."""
    return ", ".join(f"'{name}'" for name in names) or "none"


def _plain(name: str) -> tuple[str | int, ...]:
    """'Cam_01' and 'cam1' are one view to people, but programs differ in how they write them."""
    return tuple(int(part) if part.isdecimal() else part for part in re.findall(r"\d+|[^\W\d_]+", name.casefold()))
