"""Many sessions, one after the other: what is wrong with one does not keep the others from being reconstructed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap3d.detection.detect import Progress
from mocap3d.export.results import RESULTS, check_writable
from mocap3d.pipeline import Reconstruction, ReconstructOptions, reconstruct_session, stated_options
from mocap3d.session.records import Session
from mocap3d.session.session import load_session
from mocap3d.session.views import natural_key


@dataclass(frozen=True, slots=True)
class Done:
    """A session that was reconstructed, and the files that were written of it."""

    root: Path
    reconstruction: Reconstruction
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A session that was not, and why."""

    root: Path
    error: Exception
    """Mocap3dError or OSError: something to mend. Any other is a defect of the program, which others outlive too."""


def session_roots(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The folders named; Windows' shells leave it to a program to spell out patterns such as study/walk_*."""
    return tuple(root for path in paths for root in _spelt_out(path))


def _spelt_out(path: Path) -> Sequence[Path]:
    found = [] if path.exists() else [folder for folder in path.parent.glob(path.name or "*") if folder.is_dir()]
    return sorted(found, key=lambda folder: natural_key(folder.name)) or [path]


def attempt(
    root: Path,
    write: Callable[[Reconstruction], tuple[Path, ...]],
    options_of: Callable[[Session], ReconstructOptions] = stated_options,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Done | Failed:
    """One session of many, by default with the options of its session.toml; ``write`` is ``writing.export_all``.

    ``out`` is the folder that it writes into, where that is not results/ of the session.
    """
    try:
        session = load_session(root)
        check_writable(out or root / RESULTS)
        reconstruction = reconstruct_session(session, options_of(session), progress=progress)
        if progress is not None:
            progress("writing the results", 1, 1)
        return Done(root, reconstruction, write(reconstruction))
    except Exception as error:  # a night of sessions must not end with the first that shows a defect
        return Failed(root, error)
