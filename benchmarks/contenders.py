"""Who competes, with which settings."""

import json
from dataclasses import dataclass, field
from pathlib import Path

SETTINGS = Path(__file__).with_name("peer_settings.json")
"""aniposelib's best settings per condition, written by `fusion.py --tune`."""
PUBLISHED = {
    "conf": 0.6,
    "scale_smooth": 8,
    "scale_length": 4,
    "reproj_error_threshold": 2,
    "n_deriv_smooth": 3,
}
"""Found by a full grid on the standard scene, long ago and on another seed than any that is measured here."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One line of the table: what is called, in which environment, with what."""

    name: str
    whose: str
    """ours | peers."""
    method: str
    """As the worker knows it."""
    settings: dict[str, object] = field(default_factory=dict)
    butterworth_hz: float | None = None
    """Adds a second line: the same points, low-passed."""


def tuned(condition: str, pairs: str) -> dict[str, object]:
    """aniposelib's settings for a condition; its published ones where nothing better was found."""
    found = json.loads(SETTINGS.read_text(encoding="utf-8")) if SETTINGS.exists() else {}
    return found.get(condition, {}).get(pairs, PUBLISHED) | {"pairs": pairs}


def contenders(condition: str = "standard") -> dict[str, Contender]:
    """All of them, by the short name that `--methods` takes."""
    optim, defaults = "aniposelib triangulate_optim", {"conf": 0.5, "pairs": "bones"}
    return {
        "tri": Contender("mocap3d: robust triangulation", "ours", "mocap3d triangulation"),
        "map": Contender("mocap3d: whole-sequence MAP", "ours", "mocap3d fit", {"covariance": False}),
        "map-cov": Contender("mocap3d: MAP with covariances", "ours", "mocap3d fit", {"covariance": True}),
        "anipose": Contender("aniposelib triangulate, score > .5", "peers", "aniposelib triangulate", {"conf": 0.5}),
        "anipose-default": Contender("aniposelib optim, defaults, score > .5", "peers", optim, defaults),
        "anipose-tuned": Contender("aniposelib optim, tuned, bones", "peers", optim, tuned(condition, "bones")),
        "anipose-pairs": Contender(
            "aniposelib optim, tuned, all rigid pairs", "peers", optim, tuned(condition, "all_pairs")
        ),
        "pose2sim": Contender("Pose2Sim triangulation", "peers", "pose2sim triangulation", butterworth_hz=6.0),
    }
