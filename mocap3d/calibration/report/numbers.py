"""The report of a calibration in numbers and words: what its JSON says, and its page shows."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from mocap3d.calibration.calibrate import Calibration
from mocap3d.calibration.report.verdicts import shared_frames, verdicts

MAX_BOARDS = 400
"""Places of the board that are told."""


def as_json(calibration: Calibration) -> dict[str, Any]:
    """The report; what is not known is null."""
    result = calibration.result
    held_out = torch.cat([values.flatten() for values in calibration.held_out_px])
    held_out = held_out[held_out.isfinite()]
    cameras = {}
    for verdict in verdicts(calibration):
        camera, lens = calibration.rig.cameras[verdict.view], result.lenses[verdict.view]
        cameras[verdict.view] = {
            **{name: value for name, value in asdict(verdict).items() if name != "view"},
            "lens": str(lens.kind),
            "size_px": list(camera.size_px),
            "f_px": camera.lens.f_px.tolist(),
            "c_px": camera.lens.c_px.tolist(),
            "held_at_priors": list(lens.held),
            "position_m": camera.centre_in_world.tolist(),
            "rotation": camera.cam_from_world.rotation.tolist(),
            "sigma": {name.partition(".")[2]: result.sigma(name) for name in _names(calibration, verdict.view)},
            "how_the_lens_was_chosen": lens.verdict,
        }
    report = {
        "rms_px": result.rms_px,
        "median_px": result.median_px,
        "held_out_rms_px": float(held_out.square().mean().sqrt()) if len(held_out) else math.nan,
        "held_out_median_px": float(held_out.median()) if len(held_out) else math.nan,
        "rigidity_mm": 1000 * result.rigidity_m,
        "scale_error_percent": 100 * (result.scale - 1),
        "scale_error_mm": 1000 * (result.scale - 1) * _size_m(calibration),
        "world": calibration.world,
        "cameras": cameras,
        "not_calibrated": [view for view in calibration.seen.size_px if view not in cameras],
        "boards_m": _boards_m(calibration),
        "shared_frames": shared_frames(calibration),
        "findings": [
            {"code": finding.code, "text": finding.text, "views": list(finding.views)}
            for finding in calibration.findings
        ],
    }
    return _known(report)


def _size_m(calibration: Calibration) -> float:
    """The length of the first target."""
    points = calibration.observations[0].p_in_target
    return float((points.amax(0) - points.amin(0)).norm())


def _boards_m(calibration: Calibration) -> list[list[float]]:
    """Where the target was, at instants that are evenly thinned out."""
    places = torch.cat([poses.apply(each.p_in_target.mean(0)) for each, poses in
                        zip(calibration.observations, calibration.result.world_from_target, strict=True)])  # fmt: skip
    places = places[places.isfinite().all(-1)]
    step = max(1, -(-len(places) // MAX_BOARDS))
    return [[round(metres, 4) for metres in place] for place in places[::step].tolist()]


def _names(calibration: Calibration, view: str) -> list[str]:
    return [name for name in calibration.result.names if name.rpartition(".")[0] == view]


def _known(value: Any) -> Any:
    """The same with null for what is not finite."""
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
