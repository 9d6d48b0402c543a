"""What each part is worth: the same data with each prior of the fit off in turn, or each part of the network."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.losses import LossOptions
from mocap3d.detection.training.options import TrainOptions
from mocap3d.detection.training.train import Trained, train
from mocap3d.errors import FormatError
from mocap3d.evaluation.metrics.movement import acceleration_error_mm_frame2
from mocap3d.evaluation.metrics.positions import distances_mm
from mocap3d.evaluation.score_table import Score, ScoreTable
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.one_view.energy import Priors
from mocap3d.fusion.one_view.fit import OneViewOptions, fit_one_view
from mocap3d.fusion.one_view.sequence import SequenceOptions
from mocap3d.fusion.points import PointsOptions, triangulate_tracks
from mocap3d.scoring.views import of_views
from mocap3d.session.records import Points3D, Tracks2D
from mocap3d.synthesis.scene import Scene, SceneOptions, make_scene

Progress = Callable[[str, int, int], None]
_NEVER = 1e6
"""A gate in sigmas that nothing is beyond."""
_LOOSE_M_S2 = 1e4
"""Accelerations of which nobody is capable: the prior says nothing."""


@dataclass(frozen=True)
class AblateOptions:
    """The synthetic scenes that are reconstructed: one per seed."""

    seeds: tuple[int, ...] = (0, 1, 2)
    scene: SceneOptions = field(default_factory=lambda: SceneOptions(n_views=4, duration_s=4.0))

    def __post_init__(self):
        if not self.seeds:
            raise ValueError("seeds is empty; needed at least one.")


Fit = Callable[[Scene], Points3D]


def fusion_variants() -> dict[str, Fit]:
    """The fit of several views, whole and without each of its parts."""
    quick = FitOptions(covariance=False)

    def fitted(
        tracks: Tracks2D, scene: Scene, options: FitOptions = quick, points: PointsOptions | None = None
    ) -> Points3D:
        start = triangulate_tracks(tracks, scene.rig, points or PointsOptions())
        return fit_sequence(tracks, scene.rig, start, options=options)

    def without(scene: Scene, **parts: tuple[object, ...]) -> Points3D:
        skeleton = replace(scene.tracks.skeleton, **parts)
        return fitted(replace(scene.tracks, skeleton=skeleton), scene)

    return {
        "whole": lambda scene: fitted(scene.tracks, scene),
        "without constant limbs": lambda scene: without(scene, limbs=(), length_ratio=(), length_ratio_sigma=()),
        "without rigid segments": lambda scene: without(scene, rigid=()),
        "without hinge limits": lambda scene: without(scene, angle_limits=()),
        "without anthropometry": lambda scene: without(
            scene, length_ratio=(float("nan"),) * len(scene.tracks.skeleton.limbs)
        ),
        "without smooth motion": lambda scene: fitted(scene.tracks, scene, replace(quick, smoothness=0.0)),
        "without rejecting views at the start": lambda scene: fitted(
            scene.tracks, scene, points=PointsOptions(gate=_NEVER)
        ),
        "without whole sequences (triangulation)": lambda scene: triangulate_tracks(scene.tracks, scene.rig),
    }


def one_view_variants() -> dict[str, Fit]:
    """The fit of one view, whole and without each of its priors."""
    whole, moving = OneViewOptions(), SequenceOptions()

    def fitted(scene: Scene, options: OneViewOptions) -> Points3D:
        return fit_one_view(of_views(scene.tracks, [0]), scene.rig, options=options)

    def changed(**what: object) -> Fit:
        return lambda scene: fitted(scene, replace(whole, **what))  # pyright: ignore[reportArgumentType]

    loose = replace(moving, trunk_m_s2=_LOOSE_M_S2, limb_m_s2=_LOOSE_M_S2)
    return {
        "whole": lambda scene: fitted(scene, whole),
        "without habits of joints": changed(priors=Priors(habits=1e-3)),
        "without limits of joints": changed(priors=Priors(limits=0.0)),
        "without bodies being upright": changed(priors=Priors(upright=0.0)),
        "without hands staying before the body": changed(priors=Priors(reach=0.0)),
        "without smooth motion": changed(sequence=loose),
        "without turning limbs round": changed(rounds=0),
    }


def ablate_fit(options: AblateOptions, *, one_view: bool = False, progress: Progress | None = None) -> ScoreTable:
    """Errors of every variant on the same scenes, relative to the mid-hip of one view, absolute of several."""
    variants = one_view_variants() if one_view else fusion_variants()
    scenes = [make_scene(replace(options.scene, seed=seed)) for seed in options.seeds]
    scores: list[Score] = []
    for number, (name, fit) in enumerate(variants.items()):
        if progress is not None:
            progress(name, number, len(variants))
        errors = [_errors(fit(scene), scene, rooted=one_view) for scene in scenes]
        scores += _rows(name, errors)
    about = "one view" if one_view else f"{len(scenes[0].rig.cameras)} views"
    frames = sum(len(scene.t_s) for scene in scenes)
    title = f"Ablation of the fit: {about}, synthetic scenes by seed {list(options.seeds)}, frames: {frames}"
    return ScoreTable(title, tuple(scores))


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    distance_mm: Float[Tensor, "t p k"]
    acceleration_mm_frame2: Float[Tensor, " s"]


def _errors(points: Points3D, scene: Scene, *, rooted: bool) -> _Errors:
    order = [points.skeleton.index(name) for name in scene.skeleton.keypoints]
    p, q = points.p_in_world[:, :, order], scene.p_in_world
    if rooted:
        hips = [scene.skeleton.index(name) for name in ("LHip", "RHip")]
        p, q = (x - x[:, :, hips].mean(2, keepdim=True) for x in (p, q))
    accelerations = [acceleration_error_mm_frame2(p[:, n], q[:, n]) for n in range(p.shape[1])]
    return _Errors(distances_mm(p, q), torch.cat(accelerations))


def _rows(name: str, errors: list[_Errors]) -> list[Score]:
    distance = torch.cat([error.distance_mm.flatten() for error in errors])
    known = distance[distance.isfinite()].numpy()
    acceleration = torch.cat([error.acceleration_mm_frame2 for error in errors]).numpy()
    return [
        Score(name, float(known.mean()), "mm", n=len(known), about="mean error"),
        Score(name, float(np.quantile(known, 0.95)), "mm", about="95 % of the errors are below"),
        Score(name, float(np.nanmean(acceleration)), "mm/frame^2", about="acceleration error"),
        Score(name, 100 * len(known) / distance.numel(), "%", about="coverage"),
    ]


NETWORK_VARIANTS: dict[str, Callable[[TrainOptions], TrainOptions]] = {
    "whole": lambda options: options,
    "without attention": lambda options: replace(options, without=(*options.without, "afl")),
    "without multi-scale supervision": lambda options: _losses(options, coarse=0.0),
    "without multi-view consistency": lambda options: _losses(options, multi_view=0.0, triangulation=0.0),
    "without structural priors": lambda options: _losses(
        replace(options, without=(*options.without, "spi")), spi=False
    ),
}
"""The rows of the paper's Tables 4 and 5, and structural priors. Multi-scale supervision is left out as far as the
training's options can: the heatmap before the structural priors has no loss of its own."""


Train = Callable[[TrainOptions], Trained]


def ablate_network(options: TrainOptions, progress: Progress | None = None, train: Train = train) -> ScoreTable:
    """Trains every variant with the same data, budget and seed; hours, unless the budget is small.

    Runs that were interrupted go on. FormatError where no pictures are held out, as all would be trained for nothing.
    """
    if not options.val:
        raise FormatError("No held-out pictures. Give folders of `mocap3d synth people` (val = [...] or --val).")
    scores: list[Score] = []
    for number, (name, changed) in enumerate(NETWORK_VARIANTS.items()):
        if progress is not None:
            progress(f"training {name}", number, len(NETWORK_VARIANTS))
        out = options.out / name.replace(" ", "-")
        trained = train(replace(changed(options), out=out))
        for folder, score in trained.scores.items():
            row = score.as_row()
            for measure in ("pck0.1_all", "pck0.2_all", "pck0.1_hidden"):
                value = row.get(measure, float("nan"))
                scores.append(
                    Score(name, 100 * value, "%", n=score.n_images, about=f"{measure} on {Path(folder).name}")
                )
    return ScoreTable(f"Ablation of {options.network}, seed {options.seed}", tuple(scores))


def _losses(options: TrainOptions, **what: object) -> TrainOptions:
    losses: LossOptions = replace(options.loss, **what)  # pyright: ignore[reportArgumentType]
    return replace(options, loss=losses)
