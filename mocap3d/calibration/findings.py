"""What is odd about the sightings of a target, in words: with what was found, what was needed and what to do."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mocap3d.calibration.boards import DICTIONARIES, AprilGrid, Charuco, Chessboard
from mocap3d.calibration.finders import finder_of
from mocap3d.calibration.sighting import Sighting
from mocap3d.calibration.targets import Pattern, Target
from mocap3d.errors import CalibrationError
from mocap3d.session.images import image_paths
from mocap3d.session.records import VideoInfo, ViewId
from mocap3d.session.video import frames
from mocap3d.session.views import listed

MIN_TIMES = 3
"""So often a shape must be seen to be believed."""
SAMPLES, MAX_BLIND = 5, 3
"""Pictures per view, and views, that are looked at again with other definitions."""
MAX_LISTED = 8
MIN_SHARE = 0.34
"""Of those pictures; a definition that is found in fewer explains nothing."""
REMEDY = {
    "mirrored": "Where the camera sees the board's other side, which shows the same print as if through it, write "
    "back = 'mirrored' in its definition; else the video is mirrored: switch that off (selfie mode) and film again."
}
"""Where it is not the definition alone that may be wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity."""

    code: str
    """wrong-pattern | partial-board | ambiguous-board | never-seen | swapped-rows-columns | legacy-pattern | inverted |
    mirrored | wrong-dictionary | border-bits | code-turns"""
    text: str
    views: tuple[ViewId, ...] = ()
    frames: Mapping[ViewId, tuple[int, ...]] = field(default_factory=dict)
    """Where it shows, if not everywhere."""


def refused(*findings: Finding) -> CalibrationError:
    """Findings after which no calibration is possible."""
    return CalibrationError("; ".join(f"{finding.code}: {finding.text}" for finding in findings))


def no_common_view(islands: Sequence[Sequence[ViewId]]) -> Finding:
    """Groups of views that never see the target at the same instant."""
    groups = "; ".join(" + ".join(island) for island in islands)
    return Finding(
        "no-common-view",
        f"the views fall into {len(islands)} groups that never see a target at the same instant: {groups}. Carry the "
        "target slowly through where the pictures of two groups overlap, so that cameras of both see it at once; if "
        "they did, check that the recordings are synchronised.",
        tuple(view for island in islands for view in island),
    )


Sightings = Mapping[ViewId, Mapping[int, Sighting]]
"""By view and frame."""


def findings_of(target: Target, sightings: Sightings, recordings: Mapping[ViewId, VideoInfo]) -> tuple[Finding, ...]:
    """All that is odd. Where a view never shows the target, some of its pictures are looked at again, with boards that
    people mistake for it.
    """
    found: list[Finding] = []
    blind = tuple(view for view, looks in sightings.items() if not any(seen.n_points for seen in looks.values()))
    if isinstance(target.pattern, Chessboard):
        found += [*_wrong_shape(target, target.pattern, sightings), *_partial(target.pattern, sightings, recordings)]
    if blind and not any(finding.code == "wrong-pattern" for finding in found):
        mistaken = _mistaken(target, {view: sightings[view] for view in blind}, recordings)
        found.append(mistaken or _never_seen(target, blind, sightings))
    if target.is_ambiguous and sum(view not in blind for view in sightings) > 1:
        found.append(_ambiguous(target, tuple(sightings)))
    return tuple(found)


def _wrong_shape(target: Target, pattern: Chessboard, sightings: Sightings) -> Iterator[Finding]:
    """A board larger than its definition: a part of it would match, and which part would change from view to view."""
    promised = (pattern.columns, pattern.rows)
    seen = [look for looks in sightings.values() for look in looks.values()]
    shapes = Counter(_wide(look.shape) for look in seen if look.shape and not look.n_points)
    larger = {shape: n for shape, n in shapes.items() if not _fits(shape, _wide(promised))}
    n_right = sum(look.n_points > 0 for look in seen)
    if sum(larger.values()) < max(MIN_TIMES if len(seen) >= MIN_TIMES else 1, n_right):
        return
    (columns, rows), times = max(larger.items(), key=lambda item: (item[1], item[0]))
    where = {
        view: tuple(frame for frame, look in looks.items() if look.shape and _wide(look.shape) == (columns, rows))
        for view, looks in sightings.items()
    }
    yield Finding(
        "wrong-pattern",
        f"The board in the pictures has {columns} x {rows} inner corners (seen so {times} times), but '{target.name}' "
        f"says {promised[0]} x {promised[1]}, which fits only a part of it, and nobody knows which. Count the corners "
        f"where four squares meet, and write columns = {columns} and rows = {rows}.",
        tuple(view for view, at in where.items() if at),
        {view: at for view, at in where.items() if at},
    )


def _partial(pattern: Chessboard, sightings: Sightings, recordings: Mapping[ViewId, VideoInfo]) -> Iterator[Finding]:
    """Boards that are cut off or covered."""
    promised, n = _wide((pattern.columns, pattern.rows)), pattern.columns * pattern.rows
    placed, lost = {}, {}
    for view, looks in sightings.items():
        part = {frame: look for frame, look in looks.items() if look.shape and look.n_points < n}
        placed[view] = tuple(frame for frame, look in part.items() if look.n_points)
        lost[view] = tuple(
            frame for frame, look in part.items() if not look.n_points and _is_most(look.shape, promised)
        )
    for where, what in (
        (placed, "shows the board with some corners hidden or cut off; the others are used"),
        (lost, "shows too little of the board to tell which corners are seen; it is left out. Keep all of it in view"),
    ):
        views = tuple(view for view, at in where.items() if at)
        if views:
            total = sum(len(where[view]) for view in views)
            text = f"{_frames_in_words(total)} {what}: {_where(where, recordings)}."
            yield Finding("partial-board", text, views, {view: where[view] for view in views})


def _ambiguous(target: Target, views: tuple[ViewId, ...]) -> Finding:
    pattern = target.pattern
    hint = ""
    if isinstance(pattern, Chessboard):
        hint = (
            f" Of {pattern.columns} x {pattern.rows} inner corners none is the first: take a board with one row or "
            "column more or less, or a ChArUco board."
        )
    return Finding(
        "ambiguous-board",
        f"'{target.name}' looks the same from two sides, so two cameras may take its ends for each other.{hint} Each "
        "camera's own lens can be calibrated with it.",
        views,
    )


def _never_seen(target: Target, blind: tuple[ViewId, ...], sightings: Sightings) -> Finding:
    looks = sum(len(sightings[view]) for view in blind)
    markers = sum(look.n_markers > 0 for view in blind for look in sightings[view].values())
    seen = f"; markers of its dictionary were seen in {markers}" if markers else ""
    return Finding(
        "never-seen",
        f"'{target.name}' was not found in any of {looks} frames of {listed(blind)}{seen}. Check that this is the "
        "board that was filmed, that all of it is in view, evenly lit and sharp, and that a square covers 10 pixels.",
        blind,
    )


def _mistaken(target: Target, blind: Sightings, recordings: Mapping[ViewId, VideoInfo]) -> Finding | None:
    """The first definition that explains the pictures where this one does not."""
    others = list(mistakes(target.pattern))
    looked_at = tuple(blind)[:MAX_BLIND] if others else ()
    samples = [picture for view in looked_at for picture in _samples(recordings[view], tuple(blind[view]))]
    for code, what, other in others:
        finder = finder_of(other)
        times = sum(finder(picture).n_points > 0 for picture in samples)
        if times >= max(1, MIN_SHARE * len(samples)):
            text = (
                f"'{target.name}' was not found in {listed(blind)}, but with {what} it is there in {times} of "
                f"{len(samples)} pictures. {REMEDY.get(code, 'Correct its definition.')}"
            )
            return Finding(code, text, tuple(blind))
    return None


def mistakes(pattern: Pattern) -> Iterator[tuple[str, str, Pattern]]:
    """(code, in words, definition) of what a board is often mistaken for, the likeliest first."""
    if isinstance(pattern, Charuco):
        swapped = replace(pattern, columns=pattern.rows, rows=pattern.columns)
        yield "swapped-rows-columns", f"columns = {pattern.rows} and rows = {pattern.columns}", swapped
        if pattern.rows % 2 == 0:  # with an odd number both prints are the same
            legacy = not pattern.legacy
            yield "legacy-pattern", f"legacy = {_toml(legacy)}", replace(pattern, legacy=legacy)
        inverted = not pattern.inverted
        yield "inverted", f"inverted = {_toml(inverted)}", replace(pattern, inverted=inverted)
        if pattern.back == "none":
            seen_through = replace(pattern, back="mirrored")
            yield "mirrored", "the picture mirrored", seen_through
    if isinstance(pattern, AprilGrid):
        swapped = replace(pattern, columns=pattern.rows, rows=pattern.columns)
        yield "swapped-rows-columns", f"columns = {pattern.rows} and rows = {pattern.columns}", swapped
        bits = 3 - min(pattern.border_bits, 2)
        yield "border-bits", f"border_bits = {bits}", replace(pattern, border_bits=bits)
        for turns in (t for t in range(4) if t != pattern.code_turns):
            yield "code-turns", f"code_turns = {turns}", replace(pattern, code_turns=turns)
    if isinstance(pattern, Charuco | AprilGrid):
        for dictionary in ("4x4_1000", "5x5_1000", "6x6_1000", "7x7_1000", "aruco_original", "apriltag_36h11"):
            if DICTIONARIES[dictionary] != DICTIONARIES.get(pattern.dictionary.lower().removeprefix("dict_")):
                other = replace(pattern, dictionary=dictionary)
                yield "wrong-dictionary", f"dictionary = '{dictionary}'", other


def _samples(video: VideoInfo, looked: tuple[int, ...]) -> Iterator[np.ndarray]:
    chosen = (
        {looked[i] for i in np.linspace(0, len(looked) - 1, min(SAMPLES, len(looked))).astype(int)} if looked else ()
    )
    for _, picture in frames(video.path, chosen):
        yield cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _wide(shape: tuple[int, int]) -> tuple[int, int]:
    return max(shape), min(shape)


def _fits(shape: tuple[int, int], into: tuple[int, int]) -> bool:
    return shape[0] <= into[0] and shape[1] <= into[1]


def _is_most(shape: tuple[int, int] | None, promised: tuple[int, int]) -> bool:
    """Whether it is likely the board at all, and not the pattern of a shirt."""
    return shape is not None and 2 * shape[0] * shape[1] >= promised[0] * promised[1] and _fits(_wide(shape), promised)


def _toml(value: bool) -> str:
    return "true" if value else "false"


def _frames_in_words(n: int) -> str:
    return "1 frame" if n == 1 else f"Each of {n} frames"


def _where(where: Mapping[ViewId, tuple[int, ...]], recordings: Mapping[ViewId, VideoInfo]) -> str:
    """Views with their first frames; images by their names."""
    parts = []
    for view, at in where.items():
        if at:
            folder = recordings[view].path
            names = [path.name for path in image_paths(folder)] if folder.is_dir() else None
            shown = [names[frame] if names else str(frame) for frame in at[:MAX_LISTED]]
            more = f" and {len(at) - MAX_LISTED} more" if len(at) > MAX_LISTED else ""
            parts.append(f"{view} {', '.join(shown)}{more}")
    return "; ".join(parts)
