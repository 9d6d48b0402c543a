"""Small scenes with known truth, made once per test run."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from mocap3d.session.records import Tracks2D
from mocap3d.synthesis.noise import NoiseOptions
from mocap3d.synthesis.scene import Scene, SceneOptions, make_scene

RIGS = Path(__file__).parents[1] / "rigs"
USUAL_NOISE = NoiseOptions()
NO_NOISE = NoiseOptions(sigma_px=0.0, dropouts=0.0, swaps=0.0, jumps=0.0, occluded_dropouts=0.0)
WHITE_NOISE = NoiseOptions(
    sigma_px=2.0, view_spread=0.0, keypoint_spread=0.0, point_spread=0.0, tail_dof=1e6, correlated_share=0.0,
    dropouts=0.0, swaps=0.0, jumps=0.0, occluded_factor=1.0, occluded_dropouts=0.0,
)  # fmt: skip


@cache
def small_scene(
    *,
    n_people: int = 1,
    n_views: int = 4,
    duration_s: float = 1.0,
    seed: int = 0,
    noise: NoiseOptions = USUAL_NOISE,
    skeleton: str = "halpe26",
    rig: str | None = None,
) -> Scene:
    """Walkers at 60 Hz before a ring of cameras, or before ``rigs/<rig>.toml``; treat it as read-only."""
    path = None if rig is None else RIGS / f"{rig}.toml"
    return make_scene(SceneOptions(path, n_views, (), n_people, duration_s, skeleton=skeleton, seed=seed, noise=noise))


def exact_scene(**options) -> Scene:
    """As :func:`small_scene`, seen without any error; only what lies outside a picture is missing."""
    return small_scene(noise=NO_NOISE, **options)


def exact_tracks(scene: Scene) -> Tracks2D:
    """The truth as every camera would see it through bodies and beyond its picture, with sigma 1 px and score 1."""
    uv_px = torch.stack([camera.project(scene.p_in_world) for camera in scene.rig.cameras.values()])[..., None, :]
    log_weight = torch.where(uv_px.isfinite().all(-1), 0.0, -torch.inf).double()
    cov_px2 = torch.eye(2, dtype=torch.float64).expand(*uv_px.shape, 2).contiguous()
    return replace(scene.tracks, uv_px=uv_px, cov_px2=cov_px2, log_weight=log_weight)
