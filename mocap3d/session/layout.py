"""Which file or folder belongs to which view."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.records import ViewId
from mocap3d.session.views import did_you_mean, listed, match_names, natural_key, view_of


def paths_by_view(folder: Path, is_wanted: Callable[[Path], bool], stated: Mapping[ViewId, Path]) -> dict[ViewId, Path]:
    """The wanted entries of a folder by the view they name; ``stated`` paths take precedence, under their own names."""
    taken = {path.resolve() for path in stated.values()}
    found: dict[ViewId, list[Path]] = {}
    for path in _entries(folder):
        if is_wanted(path) and path.resolve() not in taken:
            found.setdefault(view_of(path), []).append(path)
    return {view: _only(view, _without_copies(paths)) for view, paths in found.items() if view not in stated} | {
        **stated
    }


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda p: natural_key(p.name)
    )


def _without_copies(paths: list[Path]) -> list[Path]:
    """DeepLabCut writes the same table as .h5 and as .csv; the .h5 is enough."""
    return [path for path in paths if path.suffix != ".csv" or path.with_suffix(".h5") not in paths]


def _only(view: ViewId, paths: list[Path]) -> Path:
    if len(paths) > 1:
        raise SessionError(
            f"{paths[0].parent}: {' and '.join(path.name for path in paths)} are all of view '{view}'. One is needed: "
            f"remove the others, or name one in session.toml under [views.{view}]."
        )
    return paths[0]


def named_like_videos(keypoints: Mapping[ViewId, Path], videos: Iterable[ViewId], root: Path) -> dict[ViewId, Path]:
    """The keypoints under the names of their videos; SessionError where some belong to no video.

    cam1 and Cam_01 are one view; a video may have none; without any videos the keypoints' own names hold.
    """
    videos = tuple(videos)
    if not videos or not keypoints:
        return dict(keypoints)
    matches = match_names(videos, keypoints)
    if strangers := [view for view in keypoints if view not in matches.values()]:
        stranger = min(strangers, key=natural_key)
        without = [view for view in videos if view not in matches]
        raise SessionError(
            f"{root}: the keypoints {keypoints[stranger].name} (view '{stranger}') belong to no video."
            f"{did_you_mean(stranger, without)} Videos: {_sorted(videos)}; keypoints: {_sorted(keypoints)}. Name them "
            f"alike, or write [views.<name>] with video and keypoints into session.toml."
        )
    return {view: keypoints[name] for view, name in matches.items()}


def _sorted(names: Iterable[str]) -> str:
    return listed(sorted(names, key=natural_key))
