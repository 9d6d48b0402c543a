"""``synchronisation.toml``: when each view was started, as measured. We write it; nobody need edit it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from mocap3d.session.files import write_text
from mocap3d.session.records import ViewId
from mocap3d.session.toml import read_toml, typed

CLOCKS = "synchronisation.toml"
_HEAD = "# By `mocap3d synchronise`, which writes it anew. offset_s in session.toml goes before it.\n\n"
_DIGITS = 6


@dataclass(frozen=True)
class ClockTable:
    """``[views.<name>]``."""

    offset_s: float
    """When the view's first frame was taken, on the common clock."""
    sigma_s: float | None = None


@dataclass(frozen=True)
class ClocksTable:
    """The file."""

    views: Mapping[ViewId, ClockTable] = field(default_factory=dict)


def read_offsets(root: Path) -> dict[ViewId, float]:
    """By view; empty where the file is not there."""
    path = root / CLOCKS
    if not path.exists():
        return {}
    return {view: clock.offset_s for view, clock in typed(read_toml(path), ClocksTable, source=path).views.items()}


def write_offsets(root: Path, clocks: Mapping[ViewId, tuple[float, float]]) -> Path:
    """Writes offset and sigma of each view, in seconds; the file's path."""
    views = {
        view: {"offset_s": round(offset_s, _DIGITS), "sigma_s": round(sigma_s, _DIGITS)}
        for view, (offset_s, sigma_s) in clocks.items()
    }
    path = root / CLOCKS
    write_text(path, _HEAD + tomli_w.dumps({"views": views}))
    return path
