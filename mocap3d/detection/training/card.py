"""The model card inside a weights file: what the weights are, what they saw, and how well they do."""

import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mocap3d.detection import weights
from mocap3d.detection.heatmaps import Calibration
from mocap3d.detection.sapenet import SapenetConfig
from mocap3d.detection.training.data import KEYPOINT_SET
from mocap3d.detection.training.learner import Place
from mocap3d.detection.training.options import TrainOptions, as_table
from mocap3d.detection.training.validate import Scores


def card_of(
    options: TrainOptions,
    config: SapenetConfig,
    place: Place,
    scores: Mapping[str, Scores],
    calibration: Calibration | None,
) -> dict[str, Any]:
    """Everything that a user of the weights may ask, as JSON can write it; files and folders by name, not by place."""
    table = as_table(options)
    table["data"], table["val"] = ([path.name for path in paths] for paths in (options.data, options.val))
    if options.init is not None:
        table["init"] = Path(options.init).name
    del table["out"]
    return {
        "name": options.network,
        "about": options.about,
        "licence": options.licence,
        "network": asdict(config),
        "keypoints": KEYPOINT_SET,
        "size_px": list(options.size_px),
        "started_from": started_from(options.init),
        "program": program(),
        "command": "mocap3d train config.toml, where config.toml holds what stands here under options",
        "steps": place.step,
        "pictures": place.step * options.batches.batch,
        "minutes": round(place.elapsed_s / 60, 1),
        "options": table,
        "scores": {folder: {"pictures": score.n_images, **_finite(score.as_row())} for folder, score in scores.items()},
        "calibration": None if calibration is None else calibration.as_json(),
    }


def started_from(init: str | None) -> dict[str, Any] | None:
    """Name, sum, licence and source of the weights that a run started from."""
    if init is None:
        return None
    file = weights.load(init)
    told = {key: file.card[key] for key in ("name", "licence", "source", "about", "data") if key in file.card}
    return {"file": file.path.name, "sha256": file.sha256, **told}


def program() -> str:
    """Version, and the commit where it runs from a checkout."""
    try:
        name = f"mocap3d {version('mocap3d')}"
    except PackageNotFoundError:
        name = "mocap3d"
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return name
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return name
    return f"{name}, commit {done.stdout.strip()}"


def _finite(row: Mapping[str, float]) -> dict[str, float]:
    """JSON knows no NaN."""
    return {name: value for name, value in row.items() if value == value}
