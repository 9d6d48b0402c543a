"""The best settings that a peer's optimiser can be given, by a walk over a grid on seeds of their own.

Without it a comparison only measures how little the peer was tuned: with its thresholds aniposelib's error on one
workload swings from 3.7 to 93 mm. Several seeds, because settings that are best on one can fail on the next: at 15 %
outliers 3.8 mm became 268 mm.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from contenders import PUBLISHED, SETTINGS, contenders
from report import CONSOLE
from scenes import CONDITIONS, Scene, make_scene
from workers import Worker, start_worker

Settings = dict[str, float]
BUDGET = {"bones": 10, "all_pairs": 6}
"""Evaluations per condition, each on every seed; the second walk starts where the first one ended."""

GRID: dict[str, tuple[float, ...]] = {
    "conf": (0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
    "reproj_error_threshold": (0.5, 1, 2, 4, 8, 15),
    "scale_smooth": (0.5, 1, 2, 4, 8, 16, 32, 64, 128),
    "scale_length": (1, 2, 4, 8, 16, 32),
    "n_deriv_smooth": (1, 2, 3),
}


def tune_peers(n_frames: int, seeds: tuple[int, ...]) -> None:
    """Walks for every condition, and stores what was found after each."""
    found = json.loads(SETTINGS.read_text(encoding="utf-8")) if SETTINGS.exists() else {}
    for condition, standard in CONDITIONS.items():
        options = [replace(standard, n_frames=n_frames, seed=seed) for seed in seeds]
        with tempfile.TemporaryDirectory() as folder, start_worker("peers") as worker:
            scenes = [make_scene(each, Path(folder)) for each in options]
            best, found[condition] = start_at(standard.fps), {}
            for pairs, budget in BUDGET.items():
                best, mpjpe_mm = walk(_mpjpe_mm(worker, scenes, pairs), best, budget=budget)
                found[condition][pairs] = best
                CONSOLE.print(f"{condition}, {pairs}: {mpjpe_mm:.3f} mm with {best}")
        SETTINGS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _mpjpe_mm(worker: Worker, scenes: list[Scene], pairs: str) -> Callable[[Settings], float]:
    """aniposelib's mean error on the scenes as a function of its settings."""
    method = contenders()["anipose-tuned"].method

    def error(settings: Settings) -> float:
        runs = [(scene, worker.run(method, {**settings, "pairs": pairs}, scene.path)) for scene in scenes]
        return fmean(scene.error(run.p_in_world).mpjpe_mm for scene, run in runs)

    return error


def start_at(fps: float) -> Settings:
    """The published settings, brought to another frame rate on the grid.

    aniposelib weighs the third difference by 1 / mean speed per frame: to weigh the same motion alike, by fps^2.
    """
    wanted = PUBLISHED["scale_smooth"] * (fps / 60) ** 2
    return PUBLISHED | {"scale_smooth": min(GRID["scale_smooth"], key=lambda value: abs(value - wanted))}


def walk(error: Callable[[Settings], float], start: Settings, *, budget: int) -> tuple[Settings, float]:
    """Coordinate descent over the grid: settings of the least error found with ``budget`` evaluations, and it."""
    tried: dict[tuple[tuple[str, float], ...], float] = {}

    def cost(settings: Settings) -> float:
        key = tuple(sorted(settings.items()))
        if key not in tried:
            tried[key] = error(settings) if len(tried) < budget else float("inf")
        return tried[key]

    best, before = start, None
    least = cost(start)
    while best != before and len(tried) < budget:
        before = best
        for name in GRID:
            best, least = _walk_axis(cost, best, least, name)
    return best, least


def _walk_axis(cost: Callable[[Settings], float], best: Settings, least: float, name: str) -> tuple[Settings, float]:
    """Along the axis while that is better; if it never was, the other way while that is."""
    here = GRID[name].index(best[name])
    for values in (GRID[name][here:], GRID[name][here::-1]):
        for _, value in pairwise(values):
            moved = best | {name: value}
            if (moved_cost := cost(moved)) >= least:
                break
            best, least = moved, moved_cost
        if best[name] != GRID[name][here]:
            break
    return best, least
