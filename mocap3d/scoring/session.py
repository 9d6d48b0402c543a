"""A lab's own recording, which has no truth: views left out, bones, jitter, sliding feet, coverage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.errors import SessionError
from mocap3d.evaluation.metrics.consistency import bone_spread_mm, held_out_px
from mocap3d.evaluation.metrics.movement import foot_skate_mm_s, jitter_m_s3
from mocap3d.evaluation.score_table import Score, ScoreTable, scored
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.pipeline import Reconstruction, reconstruct
from mocap3d.scoring.views import of_views
from mocap3d.session.records import CalibratedRig, Points3D, Provenance, Tracks2D

Progress = Callable[[str, int, int], None]
FEET = ("LHeel", "RHeel", "LBigToe", "RBigToe", "LAnkle", "RAnkle")
FEWEST_VIEWS = 3
"""Of which one is left out."""


def evaluate_session(place: Path, progress: Progress | None = None) -> ScoreTable:
    """Of a session folder, or its results/ folder: what it shows about its own accuracy.

    The session is reconstructed again as its session.toml says (detections are kept, so that takes little), once as it
    is, and once without each view.
    """
    root = place.parent if place.name == "results" and not (place / "session.toml").exists() else place
    if not root.is_dir():
        raise SessionError(f"{place}: there is no such folder. Needed: a session, or its results folder.")
    told = progress or (lambda *_: None)
    return score_session(reconstruct(root, progress=told), root.name, told)


def score_session(reconstruction: Reconstruction, name: str, told: Progress = lambda *_: None) -> ScoreTable:
    """The table of one reconstruction."""
    points, tracks, rig = reconstruction.points, reconstruction.tracks, reconstruction.rig
    scores = [*_held_out(tracks, rig, told), *_of_motion(points), *_coverage(points)]
    notes = [f"Frames: {len(points.t_s)}, people: {len(points.people)}, views: {len(tracks.views)}."]
    if len(tracks.views) < FEWEST_VIEWS:
        notes.append("Fewer than three views: none can be left out, so nothing independent tells the accuracy.")
    return ScoreTable(f"{name}: accuracy without truth", tuple(scores), tuple(notes))


def _held_out(tracks: Tracks2D, rig: CalibratedRig, told: Progress) -> list[Score]:
    """Each view against points made from the others; of a keypoint's places that counts which all views took."""
    if len(tracks.views) < FEWEST_VIEWS:
        return []
    scores, every = [], []
    for number, view in enumerate(tracks.views):
        told(f"leaving out {view}", number, len(tracks.views))
        points = _without(tracks, rig, number)
        camera = rig.cameras[view]
        seen = tracks.uv_px[number, :, :, :, 0]
        error = torch.stack(
            [held_out_px(camera, points.p_in_world[:, p], seen[:, p]) for p in range(len(points.people))]
        )
        values = error.flatten(1)
        known = values[values.isfinite()]
        every.append(known)
        median = float(known.median()) if len(known) else float("nan")
        scores.append(Score(f"held out: {view}", median, "px", n=len(known), about="median"))
    together = torch.cat(every)
    overall = float(together.median()) if len(together) else float("nan")
    return [Score("held-out view", overall, "px", n=len(together), about="median; each view left out in turn"), *scores]


def _without(tracks: Tracks2D, rig: CalibratedRig, number: int) -> Points3D:
    fewer = of_views(tracks, [other for other in range(len(tracks.views)) if other != number])
    return fit_sequence(fewer, rig, triangulate_tracks(fewer, rig), options=FitOptions(covariance=False))


def _of_motion(points: Points3D) -> list[Score]:
    rate_hz, skeleton = float(points.rate), points.skeleton
    people = [points.p_in_world[:, person] for person in range(len(points.people))]
    spreads = torch.stack([bone_spread_mm(p, skeleton.limbs) for p in people])
    feet = [skeleton.index(name) for name in FEET if name in skeleton.keypoints]
    skates = [float(foot_skate_mm_s(p[:, feet], rate_hz)) for p in people] if feet else []
    worst = spreads.nan_to_num(-1.0).amax(0)
    limb = skeleton.limb_names[int(worst.argmax())] if len(worst) else ""
    return [
        Score("bone-length spread", _median(spreads), "mm", n=spreads.numel(), about="median over bones of their SD"),
        Score("worst bone", float(worst.max()) if len(worst) else float("nan"), "mm", about=limb),
        scored("jitter", "m/s^3", [jitter_m_s3(p, rate_hz) for p in people], "mean third derivative"),
        Score(
            "foot skate", float(np.nanmean(skates)) if skates else float("nan"), "mm/s", about="median, near the floor"
        ),
    ]


def _coverage(points: Points3D) -> list[Score]:
    scores = []
    for person, name in enumerate(points.people):
        origin = points.provenance[:, person]
        for what, value in (("measured", Provenance.MEASURED), ("filled", Provenance.FILLED)):
            share = 100 * float((origin == int(value)).double().mean())
            scores.append(Score(f"{what}: {name}", share, "%", n=origin.numel(), about="of all keypoints and frames"))
    return scores


def _median(values: Float[Tensor, "p b"]) -> float:
    known = values[values.isfinite()]
    return float(known.median()) if len(known) else float("nan")
