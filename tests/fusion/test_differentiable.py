"""Gradients of the whole-sequence fit against finite differences of fitting again."""

from dataclasses import replace

import pytest
import torch
from scene import small_scene
from torch import Tensor

from mocap3d.fusion.differentiable import SequencePrior, fit_differentiably
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.lens import Lens
from mocap3d.geometry.rigid import Rigid

N = 10


class Case:
    """Ten instants of a walker, four noisy views, and a loss of the fitted positions."""

    def __init__(self) -> None:
        scene = small_scene()
        self.cameras = list(scene.rig.cameras.values())
        self.truth = scene.p_in_world[:N, 0]
        self.uv_px = scene.tracks.uv_px[:, :N, 0, :, 0].clone()
        # Scaling a missing covariance (NaN) would make its gradient NaN, too.
        self.cov_px2 = scene.tracks.cov_px2[:, :N, 0, :, 0].nan_to_num(1.0)
        pairs = torch.tensor(scene.skeleton.limbs)
        length_m = (self.truth[:, pairs[:, 0]] - self.truth[:, pairs[:, 1]]).norm(dim=-1).mean(0)
        points = triangulate_tracks(scene.tracks, scene.rig)
        fitted = fit_sequence(scene.tracks, scene.rig, points, None, FitOptions(covariance=False))
        self.start = torch.where(fitted.p_in_world.isfinite(), fitted.p_in_world, scene.p_in_world)[:N, 0]
        self.prior = SequencePrior(
            pairs,
            length_m,
            torch.full((len(pairs),), 1 / 0.004**2, dtype=torch.float64),
            torch.full((26,), (3600 / 20) ** 2, dtype=torch.float64),
        )
        self.start = fit_differentiably(self.uv_px, self.cov_px2, self.cameras, self.prior, self.start)

    def loss(self, uv_px: Tensor, cov_px2: Tensor, prior: SequencePrior, cameras: list[Camera]) -> Tensor:
        return 1e3 * (fit_differentiably(uv_px, cov_px2, cameras, prior, self.start) - self.truth).norm(dim=-1).mean()


@pytest.fixture(scope="module")
def case() -> Case:
    return Case()


def _moved(camera: Camera, twist: Tensor, f_scale: Tensor) -> Camera:
    lens = Lens(camera.lens.model, camera.lens.f_px * f_scale, camera.lens.c_px, camera.lens.distortion)
    return Camera(lens, Rigid.exp(twist) @ camera.cam_from_world, camera.size_px)


def _loss_of(case: Case, name: str, value: Tensor) -> Tensor:
    """The loss with one input moved along ``value``."""
    uv_px, cov_px2, prior, cameras = case.uv_px, case.cov_px2, case.prior, list(case.cameras)
    if name == "uv":
        uv_px = uv_px + value
    elif name == "covariance":
        cov_px2 = cov_px2 * value.exp()[..., None, None]
    elif name == "motion weight":
        prior = replace(prior, motion_weight=prior.motion_weight * value.exp())
    elif name == "pair weight":
        prior = replace(prior, pair_weight=prior.pair_weight * value.exp())
    elif name == "length":
        prior = replace(prior, length_m=prior.length_m + value)
    else:
        cameras[1] = _moved(cameras[1], value[:6], 1 + value[6])
    return case.loss(uv_px, cov_px2, prior, cameras)


INPUTS = {
    "uv": ((4, N, 26, 2), 1e-3),
    "covariance": ((4, N, 26), 1e-4),
    "motion weight": ((26,), 1e-4),
    "pair weight": ((25,), 1e-4),
    "length": ((25,), 1e-6),
    "camera": ((7,), 1e-6),
}


@pytest.mark.parametrize("name", INPUTS)
def test_gradient_agrees_with_solving_again(case, name):
    """Relative difference along a random direction; measured at most 1e-7."""
    shape, step = INPUTS[name]
    direction = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    at = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(_loss_of(case, name, at), at)
    implicit = (gradient * direction).sum().item()
    with torch.no_grad():
        above, below = (_loss_of(case, name, sign * step * direction).item() for sign in (1, -1))
    assert implicit == pytest.approx((above - below) / (2 * step), rel=1e-3)
