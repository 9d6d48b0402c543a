"""The recordings that a session's cameras are calibrated from: boards, filmed by all views at once or one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mocap3d.errors import SessionError
from mocap3d.session.images import image_paths
from mocap3d.session.layout import paths_by_view
from mocap3d.session.records import Session, Timeline, VideoInfo, ViewId
from mocap3d.session.schema import SessionTable
from mocap3d.session.timeline import make_timeline
from mocap3d.session.toml import read_toml, typed
from mocap3d.session.video import is_video, probe
from mocap3d.session.views import listed, natural_key

FOLDER, TOGETHER, ALONE = "calibration", "extrinsics", "intrinsics"
LAYOUT = (
    "calibration/<view>.mp4 (or a folder of images per view) with the board before all cameras; or that under "
    "calibration/extrinsics/, and under calibration/intrinsics/ the board close to each camera by itself"
)


@dataclass(frozen=True, slots=True)
class BoardRecordings:
    """What was filmed to calibrate; probed, nothing decoded."""

    root: Path
    together: Mapping[ViewId, VideoInfo]
    """Recorded by all views at the same time."""
    alone: Mapping[ViewId, VideoInfo]
    """Recorded by each view for itself, for its lens."""
    trials: Mapping[ViewId, VideoInfo]
    """The session's own videos, as far as there are any: what the calibration is for."""
    table: SessionTable
    """What session.toml says."""

    @property
    def views(self) -> tuple[ViewId, ...]:
        """Of both kinds, in natural order."""
        return tuple(sorted({*self.together, *self.alone}, key=natural_key))

    def timeline(self) -> Timeline | None:
        """The common instants of the videos; None where views hold pictures, whose numbers tell which belong together.

        Clocks are those of the session: offset_s and rate of ``[views.<name>]``.
        """
        timeless = [view for view, video in self.together.items() if video.rate is None and not self._stated_rate(view)]
        if timeless:
            if others := [view for view in self.together if view not in timeless]:
                raise SessionError(
                    f"{self.root}: {listed(timeless)} are folders of images, {listed(others)} are videos; which "
                    "picture belongs to which frame is not known. Give all of one kind, or a rate under "
                    "[views.<name>] in session.toml."
                )
            return None
        rates = {view: self._stated_rate(view) or video.rate for view, video in self.together.items()}
        session = Session(
            root=self.root,
            views=tuple(self.together),
            videos=self.together,
            keypoints={},
            calibration=None,
            rate=max(rate for rate in rates.values() if rate is not None),
            offset_s={view: special.offset_s or 0.0 for view, special in self.table.views.items()},
            view_rate={view: rate for view in self.together if (rate := self._stated_rate(view)) is not None},
        )
        return make_timeline(session, {view: len(video.t_s) for view, video in self.together.items()})

    def _stated_rate(self, view: ViewId) -> Fraction | None:
        special = self.table.views.get(view)
        return special.rate if special else None


def load_board_recordings(root: Path, *, use_videos: bool = False) -> BoardRecordings:
    """What the folder calibration/ of a session holds, or with ``use_videos`` the session's own videos.

    The session needs neither trial videos nor keypoints yet.
    """
    if not root.is_dir():
        raise SessionError(f"{root} is not a folder. Needed: a session folder with {LAYOUT}.")
    toml = root / "session.toml"
    table = typed(read_toml(toml), SessionTable, source=toml) if toml.exists() else SessionTable()
    trials = _probed(root / (table.videos or "videos"))
    if use_videos:
        together, alone = trials, {}
    else:
        folder = root / FOLDER
        together = _probed(folder / TOGETHER) or _probed(folder, without=(TOGETHER, ALONE))
        alone = _probed(folder / ALONE)
    if not together and not alone:
        where = root / (table.videos or "videos") if use_videos else root / FOLDER
        raise SessionError(f"{where} holds no recordings of a board. Needed: {LAYOUT}; or --use-videos.")
    return BoardRecordings(root, together, alone, trials, table)


def _probed(folder: Path, *, without: tuple[str, ...] = ()) -> dict[ViewId, VideoInfo]:
    """Every video and every folder of images, in natural order of the views."""
    paths = paths_by_view(folder, lambda path: path.name not in without and _is_recording(path), {})
    return {view: probe(paths[view]) for view in sorted(paths, key=natural_key)}


def _is_recording(path: Path) -> bool:
    return is_video(path) or (path.is_dir() and bool(image_paths(path)))
