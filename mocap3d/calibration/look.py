"""All that a session's recordings show of its board and of measured points: the first step of a calibration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mocap3d.calibration.findings import Finding
from mocap3d.calibration.free_points import ScenePoints
from mocap3d.calibration.instants import Instants, paired_pictures, separate_instants, shared_instants
from mocap3d.calibration.observe import Progress, Search, listed_points, observe
from mocap3d.calibration.options import CalibrateOptions
from mocap3d.calibration.paths import in_step
from mocap3d.calibration.targets import Target, load_target
from mocap3d.errors import CalibrationError
from mocap3d.session.board_recordings import BoardRecordings
from mocap3d.session.records import TargetObservations, VideoInfo, ViewId

ALONE = " (each view alone)"
"""Appended to the board's name where it was filmed by each view for itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the targets, all of it; and what is odd about it."""

    together: TargetObservations | None
    """The board, by all views at the same instants."""
    alone: TargetObservations | None = None
    """The board, by each view for its lens."""
    scene: TargetObservations | None = None
    """Measured points."""
    findings: tuple[Finding, ...] = ()
    n_looked: Mapping[ViewId, int] | None = None
    """Frames that were searched."""

    @property
    def size_px(self) -> dict[ViewId, tuple[int, int]]:
        """Of each view's pictures; where it has several, of those of all views together."""
        return {view: each.size_px[view] for each in (self.alone, self.scene, self.together) if each is not None
                for view in each.views}  # fmt: skip


def look(recordings: BoardRecordings, options: CalibrateOptions, *, progress: Progress | None = None) -> Seen:
    """Looks for the board wherever it was filmed, and reads the points of the scene. Every video is decoded once."""
    target, scene = _target(recordings.root, options.target), _scene(recordings, options.scene)
    lens_target = _target(recordings.root, options.lens_target) or target
    if target is None and lens_target is None and scene is None:
        raise CalibrationError(
            f"{recordings.root}: which board was filmed is not said. Give --target NAME (`mocap3d board` lists them) "
            'or a .toml file of your own, or write target = "..." under [calibrate] in session.toml.'
        )

    def search(videos: Mapping[ViewId, VideoInfo], filmed: Target | None, when: Instants) -> Search | None:
        if not (videos and filmed):
            return None
        found = observe(videos, filmed, when, threads=options.threads, progress=progress)
        return replace(found, observations=in_step(found.observations, when))

    searches = (
        search(recordings.together, target, _instants(recordings, options)),
        search(recordings.alone, lens_target, separate_instants(recordings.alone, rate_hz=options.search_hz)),
    )
    together, alone = searches
    found = [search for search in searches if search is not None]
    return Seen(
        together=together.observations if together else None,
        alone=replace(alone.observations, name=alone.observations.name + ALONE) if alone else None,
        scene=listed_points(scene, {**recordings.alone, **recordings.together}) if scene else None,
        findings=tuple(finding for search in found for finding in search.findings),
        n_looked={view: sum(search.n_looked.get(view, 0) for search in found) for view in recordings.views},
    )


def _instants(recordings: BoardRecordings, options: CalibrateOptions) -> Instants:
    """Of the views together: of videos by their common clock, of pictures by their order."""
    timeline = recordings.timeline() if recordings.together else None
    if timeline is None:
        return paired_pictures(recordings.together)
    return shared_instants(timeline, rate_hz=options.search_hz)


def _target(root: Path, name: str) -> Target | None:
    """The board by its name or file; a file may lie in the session."""
    if not name:
        return None
    target = load_target(_in_session(root, name))
    if isinstance(target.pattern, ScenePoints):
        raise CalibrationError(f"target '{name}' lists points of the scene, which is no board. Give it as --scene.")
    return target


def _scene(recordings: BoardRecordings, name: str) -> Target | None:
    if not name:
        return None
    scene = load_target(_in_session(recordings.root, name))
    if not isinstance(scene.pattern, ScenePoints):
        raise CalibrationError(f"'{name}' has no table [scene]: it is a board. Give it as --target.")
    return scene


def _in_session(root: Path, name: str) -> str | Path:
    path = Path(name)
    return root / path if path.suffix == ".toml" and not path.is_absolute() and not path.exists() else name
