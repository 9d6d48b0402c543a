"""Small 3DPW sequences of walkers, in the exact layout, without any recorded motion."""

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mocap3d.session.rig import VolumeTable
from mocap3d.synthesis.people import people_walking
from mocap3d.synthesis.threedpw.python2 import python2_pickle
from mocap3d.synthesis.threedpw.write import SequenceOptions, content_of

BOX = VolumeTable((-0.6, -0.6, 0.0), (0.6, 0.6, 2.2))


@cache
def _content(n_frames: int, n_people: int, unseen: float, noise_px: float) -> dict[str, Any]:
    cast = people_walking(n_people, BOX, n_frames=2 * n_frames, rate=Fraction(60), seed=3)
    options = SequenceOptions(n_frames=n_frames, unseen=unseen, invalid=unseen, noise_px=noise_px)
    return content_of("walk_00", cast.people, options)


def small_content(
    *, n_frames: int = 12, n_people: int = 2, unseen: float = 0.0, noise_px: float = 4.0
) -> dict[str, Any]:
    """A fresh copy that may be spoilt."""
    content = _content(n_frames, n_people, unseen, noise_px)
    return {key: _copied(value) for key, value in content.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def sequence_file(folder: Path, content: dict[str, Any], split: str = "test") -> Path:
    """Where 3DPW has it."""
    path = folder / "sequenceFiles" / split / f"{content['sequence']}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(python2_pickle(content))
    return path
