"""A session folder, looked over: its views, videos, keypoints, calibration and what session.toml says."""

import logging
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.calibration_file import find_calibration
from mocap3d.session.clocks import CLOCKS, read_offsets
from mocap3d.session.elsewhere import found_elsewhere, lie_within
from mocap3d.session.keypoints import KNOWN, keypoint_source, may_be_keypoints
from mocap3d.session.layout import named_like_videos, paths_by_view
from mocap3d.session.records import Session, VideoInfo, ViewId
from mocap3d.session.schema import SessionTable
from mocap3d.session.toml import read_toml, typed
from mocap3d.session.video import is_video, probe
from mocap3d.session.views import did_you_mean, listed, natural_key

log = logging.getLogger("mocap3d")

TOML_NAME = "session.toml"
_SAME_S = 0.001
_MOST_NAMES = 8


def load_session(root: Path, *, unreadable: Callable[[SessionError], None] | None = None) -> Session:
    """What a session folder holds, checked as far as is quick: one frame of each video is decoded, no keypoint read.

    A video that cannot be read is an error; where ``unreadable`` takes that, the session is the one without the video.
    """
    if not root.is_dir():
        raise SessionError(f"{root} is not a folder. Needed: a session folder with {_LAYOUT}.")
    table = _read_table(root / TOML_NAME)
    video_paths = _video_paths(root, table)
    keypoint_paths = named_like_videos(_keypoint_paths(root, table), video_paths, root)
    views = tuple(sorted({*video_paths, *keypoint_paths}, key=natural_key))
    if not views:
        raise SessionError(f"{root} has no views: {_content(root)}. Needed: {_LAYOUT}.{_where_else(root)}")
    _check_names(root / TOML_NAME, table, views)
    videos = _probed({view: video_paths[view] for view in views if view in video_paths}, unreadable)
    view_rate = {view: special.rate for view, special in table.views.items() if special.rate is not None}
    return Session(
        root=root,
        views=views,
        videos=videos,
        keypoints={view: keypoint_source(keypoint_paths[view]) for view in views if view in keypoint_paths},
        calibration=find_calibration(root, table.calibration),
        rate=_session_rate(root, table.rate, videos, view_rate),
        people=table.people,
        skeleton=table.skeleton,
        offset_s=_offsets(root, table, views),
        view_rate=view_rate,
        options={"reconstruct": table.reconstruct, "calibrate": table.calibrate},
    )


def _read_table(path: Path) -> SessionTable:
    return typed(read_toml(path), SessionTable, source=path) if path.exists() else SessionTable()


def _offsets(root: Path, table: SessionTable, views: tuple[ViewId, ...]) -> dict[ViewId, float]:
    """Those of synchronisation.toml; session.toml's go before them."""
    measured = {view: offset_s for view, offset_s in read_offsets(root).items() if view in views}
    stated = {view: special.offset_s for view, special in table.views.items() if special.offset_s is not None}
    for view in stated.keys() & measured.keys():
        if abs(stated[view] - measured[view]) > _SAME_S:
            log.warning(
                "%s: view '%s' starts at %.4f s by %s, which goes before the %.4f s measured in %s. Remove the "
                "wrong one.",
                *(root, view, stated[view], TOML_NAME, measured[view], CLOCKS),
            )
    return measured | stated


def _video_paths(root: Path, table: SessionTable) -> dict[ViewId, Path]:
    stated = {view: root / special.video for view, special in table.views.items() if special.video is not None}
    for view, path in stated.items():
        _check_there(path, f"views.{view}.video", root)
    return paths_by_view(_folder(root, table.videos, "videos"), lambda p: p.is_dir() or is_video(p), stated)


def _probed(paths: Mapping[ViewId, Path], unreadable: Callable[[SessionError], None] | None) -> dict[ViewId, VideoInfo]:
    videos = {}
    for view, path in paths.items():
        try:
            videos[view] = probe(path)
        except SessionError as error:
            if unreadable is None:
                raise
            unreadable(error)
    return videos


def _keypoint_paths(root: Path, table: SessionTable) -> dict[ViewId, Path]:
    stated = {view: root / special.keypoints for view, special in table.views.items() if special.keypoints is not None}
    for view, path in stated.items():
        _check_there(path, f"views.{view}.keypoints", root)
    return paths_by_view(_folder(root, table.keypoints, "keypoints"), may_be_keypoints, stated)


def _folder(root: Path, stated: Path | None, name: str) -> Path:
    """The folder session.toml states, which must be there, or the usual one, which need not."""
    if stated is not None:
        _check_there(root / stated, name, root)
    return root / (stated or name)


def _check_there(path: Path, key: str, root: Path) -> None:
    if not path.exists():
        raise SessionError(
            f"{root / TOML_NAME}: '{key}' says {path}, which is not there. Correct the path or put it there."
        )


def _check_names(path: Path, table: SessionTable, views: tuple[ViewId, ...]) -> None:
    for name in table.views:
        if name not in views:
            raise SessionError(
                f"{path}: [views.{name}] is no view of this session.{did_you_mean(name, views)} "
                f"Its views: {listed(views)}."
            )


def _session_rate(
    root: Path, stated: Fraction | None, videos: Mapping[ViewId, VideoInfo], view_rate: Mapping[ViewId, Fraction]
) -> Fraction | None:
    """The stated rate, else the fastest view's; says so where that is not the obvious one."""
    own = {view: video.rate for view, video in videos.items() if video.rate is not None} | {**view_rate}
    rate = stated or max(own.values(), default=None)
    for view, slower in own.items():
        if rate is not None and slower < rate * Fraction(99, 100):
            log.warning(
                "%s: reconstruction at %.6g instants per second, but view '%s' has %.6g frames per second: it is "
                "interpolated. If it is slow motion, write its true rate under [views.%s] in %s.",
                *(root, rate, view, slower, view, TOML_NAME),
            )
    return rate


def _content(root: Path) -> str:
    names = sorted((path.name for path in root.iterdir()), key=natural_key)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"it holds {listed(names[:_MOST_NAMES])}{more}" if names else "it is empty"


def _where_else(root: Path) -> str:
    """What may have been meant."""
    if {"videos", "keypoints"} & found_elsewhere(root).keys():
        return f" `mocap3d init {root}` writes a session.toml that names what another program keeps there."
    inner = [str(path) for path in lie_within(root)]
    more = f" and {len(inner) - _MOST_NAMES} more" if len(inner) > _MOST_NAMES else ""
    return f" These in it look like sessions: {listed(inner[:_MOST_NAMES])}{more}." if inner else ""


_LAYOUT = f"videos/<view>.mp4 (or a folder of images per view) or keypoints/<view>, which is {KNOWN}"
