"""Learning through the whole-sequence fit: a prior, and a camera's pose.

    python examples/gradients_through_the_fit.py

1. How smooth to fit. An acceleration prior that is far too loose is taught by one stretch of truth; another stretch,
   which it has not seen, says whether that was worth anything.
2. Where a camera stands. One of four has been knocked; for fifteen instants the true positions are known, as from a
   marker system filmed alongside. It moves until the fit of all four views comes as near to them as it can.
"""

from dataclasses import replace

import torch
from torch import Tensor

from mocap3d.fusion.differentiable import SequencePrior, fit_differentiably
from mocap3d.fusion.fit import FitOptions, fit_sequence
from mocap3d.fusion.points import triangulate_tracks
from mocap3d.geometry.camera import Camera
from mocap3d.geometry.rigid import Rigid
from mocap3d.solve.losses import huber
from mocap3d.synthesis.scene import Scene, SceneOptions, make_scene

TRAINING, HELD_OUT, APART = slice(0, 20), slice(60, 80), slice(0, 120, 8)
LOOSE = 1000.0
"""Keypoints that may accelerate by 1000 m/s^2, one sigma, are not smoothed at all."""
KNOCK = torch.tensor([0.01, -0.01, 0.005, 0.0, 0.012, 0.004]).double()
"""1.5 cm and 0.7 degrees, in the camera's frame."""


def main() -> dict[str, float]:
    """The errors before and after; prints them."""
    torch.set_num_threads(1)
    scene = make_scene(SceneOptions(n_views=4, duration_s=2.0, skeleton="coco17"))
    numbers = learn_prior(scene) | refine_camera(scene)
    for name, value in numbers.items():
        print(f"{name:28} {value:6.2f}")
    return numbers


def learn_prior(scene: Scene, *, steps: int = 8) -> dict[str, float]:
    """Mean errors in mm; the prior is one acceleration per keypoint, learnt as a logarithm."""
    log_acceleration = torch.full((len(scene.skeleton.keypoints),), LOOSE).double().log().requires_grad_()
    start = _start(scene)

    def error_mm(instants: slice) -> Tensor:
        weight = (log_acceleration.exp() / float(scene.rate) ** 2) ** -2
        fitted = _fit(scene, instants, list(scene.rig.cameras.values()), weight, start)
        return 1000 * (fitted - scene.p_in_world[instants, 0]).norm(dim=-1).mean()

    numbers = {"training before, mm": error_mm(TRAINING).item(), "held out before, mm": error_mm(HELD_OUT).item()}
    optimiser = torch.optim.Adam([log_acceleration], lr=0.6)
    for _ in range(steps):
        optimiser.zero_grad()
        error_mm(TRAINING).backward()
        optimiser.step()
    return numbers | {"training after, mm": error_mm(TRAINING).item(), "held out after, mm": error_mm(HELD_OUT).item()}


def refine_camera(scene: Scene, *, steps: int = 10) -> dict[str, float]:
    """How far the first camera is from its true pose."""
    true, *others = scene.rig.cameras.values()
    knocked_from_world = Rigid.exp(KNOCK) @ true.cam_from_world
    start = _start(scene)
    weight = torch.full((len(scene.skeleton.keypoints),), 1.0).double()  # instants lie too far apart for a motion prior
    truth = scene.p_in_world[APART, 0]
    # A millimetre and a milliradian move pixels by comparable amounts: one scale serves all six.
    move = torch.zeros(6, dtype=torch.float64, requires_grad=True)

    def moved() -> Camera:
        return replace(true, cam_from_world=Rigid.exp(move * 1e-2) @ knocked_from_world)

    optimiser = torch.optim.LBFGS([move], max_iter=steps, line_search_fn="strong_wolfe", history_size=12)

    def disagreement() -> Tensor:
        optimiser.zero_grad()
        fitted = _fit(scene, APART, [moved(), *others], weight, start)
        loss = huber((100 * (fitted - truth)).square().sum(-1), 1.0).mean()  # bends at 1 cm
        loss.backward()
        return loss

    before = _off(moved(), true, truth)
    optimiser.step(disagreement)
    after = _off(moved(), true, truth)
    return {f"{name} before": value for name, value in before.items()} | {
        f"{name} after": value for name, value in after.items()
    }


def _start(scene: Scene) -> Tensor:
    """Where fits begin: the answer of the fast solver, which has no gradients."""
    points = triangulate_tracks(scene.tracks, scene.rig)
    fitted = fit_sequence(scene.tracks, scene.rig, points, None, FitOptions(covariance=False))
    return torch.where(fitted.p_in_world.isfinite(), fitted.p_in_world, scene.p_in_world)[:, 0]


def _fit(scene: Scene, instants: slice, cameras: list[Camera], weight: Tensor, start: Tensor) -> Tensor:
    """Positions of a stretch, differentiable in the motion weight and the cameras."""
    pairs = torch.tensor(scene.skeleton.limbs)
    length_m = (start[:, pairs[:, 0]] - start[:, pairs[:, 1]]).norm(dim=-1).median(0).values
    prior = SequencePrior(pairs, length_m, torch.full_like(length_m, 0.01**-2), weight)
    uv_px, cov_px2 = scene.tracks.uv_px[:, instants, 0, :, 0], scene.tracks.cov_px2[:, instants, 0, :, 0]
    return fit_differentiably(uv_px, cov_px2, cameras, prior, start[instants])


def _off(camera: Camera, true: Camera, p_in_world: Tensor) -> dict[str, float]:
    """By how much a camera is turned, and by how much it puts the person beside where the true one does."""
    camera_from_true = camera.cam_from_world @ true.cam_from_world.inverse()
    beside_px = (camera.project(p_in_world) - true.project(p_in_world)).norm(dim=-1).mean()
    return {"rotation, deg": camera_from_true.rotvec().norm().rad2deg().item(), "beside, px": beside_px.item()}


if __name__ == "__main__":
    main()
