"""A session.toml to start from: what was found in the folder, and every key that may be worth a thought."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.calibration_file import find_calibration
from mocap3d.session.elsewhere import found_elsewhere, rate_elsewhere
from mocap3d.session.files import write_text
from mocap3d.session.layout import paths_by_view
from mocap3d.session.records import Session, ViewId
from mocap3d.session.session import TOML_NAME, load_session
from mocap3d.session.video import is_video

_FOLDERS = ("videos", "calibration", "keypoints")


def propose(root: Path, *, overwrite: bool = False) -> tuple[Path, Session | None]:
    """Writes a commented session.toml; in an empty or absent folder also the usual folders. And what is there.

    Videos that lie in the folder itself instead of in videos/, and what lies where other programs keep it, are stated.

    SessionError where one is there already, or where the folder's content does not fit together.
    """
    path = root / TOML_NAME
    if path.exists() and not overwrite:
        raise SessionError(f"{path} is there already. Edit it, or run `mocap3d init {root} --overwrite` to begin anew.")
    if root.exists() and not root.is_dir():
        raise SessionError(f"{root} is a file. Needed: a folder, or a name that is still free.")
    loose = paths_by_view(root, is_video, {}) if root.is_dir() and not _holds(root, "videos") else {}
    elsewhere = found_elsewhere(root) if root.is_dir() else {}
    session = _session(root, loose, elsewhere)
    if session is None:
        for folder in _FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
    write_text(path, "\n".join(_lines(root, session, loose, elsewhere)) + "\n")
    return path, session


def _holds(root: Path, folder: str) -> bool:
    return any((root / folder).glob("[!.]*"))


def _session(root: Path, loose: Mapping[ViewId, Path], elsewhere: Mapping[str, Sequence[str]]) -> Session | None:
    """What is found without a session.toml but for what has to be stated; None where there is nothing yet."""
    if not loose and not any(_holds(root, name) or name in elsewhere for name in ("videos", "keypoints")):
        return None
    path, aside = root / TOML_NAME, root / f".{TOML_NAME}"
    was_there = path.exists()
    if was_there:
        path.rename(aside)  # it may be what is wrong, and is to be replaced
    stated = [f"{key} = {_quoted(places[0])}" for key, places in elsewhere.items()]
    stated += [f"{_key(view)}\n{_video(video)}" for view, video in loose.items()]
    try:
        if stated:
            write_text(path, "\n".join(stated))
        return load_session(root)
    finally:
        if stated:
            path.unlink(missing_ok=True)
        if was_there:
            aside.rename(path)


def _lines(
    root: Path, session: Session | None, loose: Mapping[ViewId, Path], elsewhere: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    yield f"# {root.resolve().name}: what mocap3d should know. Every key is optional."
    yield "# `mocap3d info` tells what is found, `mocap3d reconstruct` does the work."
    yield ""
    yield from _rate(root, session)
    if session is not None and session.keypoints:
        yield from _commented('skeleton = "body25"   # which keypoints these are, where their files do not tell')
    yield ""
    for key, places in elsewhere.items():
        yield "# Found where another program keeps it."
        yield f"{key} = {_quoted(places[0])}"
        yield from _commented(*(f"{key} = {_quoted(place)}" for place in places[1:]))
        yield ""
    if "calibration" not in elsewhere:
        yield from _calibration(root, session)
        yield ""
    yield "# Who is to be kept: as many people as are listed. Without this, everybody who is seen."
    yield from _commented("[[people]]", 'name = "P1"', "height_m = 1.75   # helps the lengths of bones", "mass_kg = 70")
    yield ""
    if session is not None:
        for view in session.views:
            yield from _view(view, session, loose)
    yield "# Options of `mocap3d reconstruct`; `mocap3d reconstruct --help` lists all."
    yield from _commented("[reconstruct.fit]", "max_gap_s = 0.5   # longest stretch that may be filled in")


def _rate(root: Path, session: Session | None) -> Iterator[str]:
    yield "# Instants per second of the reconstruction."
    if session is not None and session.rate is not None:
        yield f"{_rate_key(session.rate)}   # as found in the fastest video"
    elif elsewhere := rate_elsewhere(root):
        path, rate = elsewhere
        yield f"{_rate_key(rate)}   # as {Path(os.path.relpath(path, root.resolve())).as_posix()} says"
    else:
        yield '# Needed where there are no videos: 60, 59.94 or "60000/1001".'
        yield "# rate = 60"


def _rate_key(rate: Fraction) -> str:
    return f"rate = {rate.numerator}" if rate.denominator == 1 else f'rate = "{rate}"'


def _calibration(root: Path, session: Session | None) -> Iterator[str]:
    found = find_calibration(root, None) if session else None
    if found is None:
        yield "# No calibration was found. Run `mocap3d calibrate`, or put another program's file there."
        yield '# calibration = "calibration/Calib.qca.txt"'
        return
    yield "# The cameras; as found."
    yield f'calibration = "{found.relative_to(root).as_posix()}"'


def _view(view: ViewId, session: Session, loose: Mapping[ViewId, Path]) -> Iterator[str]:
    video, source = session.videos.get(view), session.keypoints.get(view)
    found = []
    if video is not None:
        width, height = video.size_px
        rate = f"{float(video.rate):.6g} Hz" if video.rate else "of unknown rate"
        found.append(f"{video.path.name}, {width}x{height}, {len(video.t_s):,} frames, {rate}")
    if source is not None:
        found.append(f"keypoints {source.path.name} ({source.format})")
    yield f"# {'; '.join(found)}"
    yield _key(view)
    if view in loose:
        yield _video(loose[view])
    yield "# offset_s = 0.0   # when its first frame was taken, on the common clock"
    yield ""


def _key(view: ViewId) -> str:
    is_bare = view.replace("_", "").replace("-", "").isalnum() and view.isascii()
    return f"[views.{view if is_bare else _quoted(view)}]"


def _video(path: Path) -> str:
    return f"video = {_quoted(path.name)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _commented(*lines: str) -> Iterator[str]:
    return (f"# {line}" for line in lines)
