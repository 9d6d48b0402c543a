"""The fit of fusion as the point that views of one moment are drawn to, with limbs of human proportions."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mocap3d.detection.multiview import Fuse, triangulated
from mocap3d.fusion.differentiable import SequencePrior, fit_differentiably
from mocap3d.geometry.camera import Camera
from mocap3d.skeletons.skeleton import Skeleton

LEAST_POINTS = 8
"""Of an instant; fewer tell no body's size, and are left as triangulated."""


def fuse_by_fit(skeleton: Skeleton) -> Fuse:
    """What the multi-view loss takes in place of triangulation: robust, and with limb lengths as people have them.

    Gradients go through its minimum. What triangulation cannot place stays NaN.
    """
    with_ratio = [i for i, ratio in enumerate(skeleton.length_ratio) if ratio == ratio]
    pairs = torch.tensor([skeleton.limbs[i] for i in with_ratio])
    ratio = torch.tensor([skeleton.length_ratio[i] for i in with_ratio], dtype=torch.float64)
    sigma = torch.tensor([skeleton.length_ratio_sigma[i] for i in with_ratio], dtype=torch.float64)
    n_keypoints = len(skeleton.keypoints)

    def fuse(
        uv: Float[Tensor, "v n 2"], sigma_uv: Float[Tensor, "v n"], cameras: Sequence[Camera]
    ) -> Float[Tensor, "n 3"]:
        start = triangulated(uv, sigma_uv, cameras)
        fitted = [
            _fitted(
                uv[:, rows],
                sigma_uv[:, rows],
                [_at(camera, rows) for camera in cameras],
                start[rows],
                (pairs, ratio, sigma),
            )
            for rows in torch.arange(len(start), device=start.device).split(n_keypoints)
        ]
        return torch.cat(fitted)

    return fuse


def _fitted(
    uv: Float[Tensor, "v k 2"],
    sigma: Float[Tensor, "v k"],
    cameras: Sequence[Camera],
    start: Float[Tensor, "k 3"],
    proportions: tuple[Int[Tensor, "b 2"], Float[Tensor, " b"], Float[Tensor, " b"]],
) -> Float[Tensor, "k 3"]:
    """One instant. Where no minimum is found, it is left as triangulated."""
    known = start.detach().isfinite().all(-1)
    if known.sum() < LEAST_POINTS:
        return start
    prior = _body(start.detach(), proportions)
    if prior is None:
        return start
    # An unseen point has to begin somewhere, and is not given out.
    begin = torch.where(known[:, None], start.detach(), start.detach()[known].mean(0))
    cov = sigma.square()[..., None, None] * torch.eye(2, dtype=sigma.dtype)
    try:
        fitted = fit_differentiably(uv[:, None], cov[:, None], cameras, prior, begin[None])[0]
    except ArithmeticError:
        return start
    return torch.where(known[:, None], fitted, torch.nan)


def _body(
    start: Float[Tensor, "k 3"], proportions: tuple[Int[Tensor, "b 2"], Float[Tensor, " b"], Float[Tensor, " b"]]
) -> SequencePrior | None:
    """Limb lengths of a person as tall as the limbs seen say; None where no limb is seen."""
    pairs, ratio, sigma = proportions
    height_m = ((start[pairs[:, 0]] - start[pairs[:, 1]]).norm(dim=-1) / ratio).nanmedian()
    if not height_m.isfinite() or height_m <= 0:
        return None
    still = torch.zeros(len(start), dtype=torch.float64)
    return SequencePrior(pairs, ratio * height_m, (sigma * height_m) ** -2, still)


def _at(camera: Camera, rows: Int[Tensor, " k"]) -> Camera:
    """The camera at one instant; the loss gives it a pose for each point."""
    return replace(camera, cam_from_world=camera.cam_from_world[rows[:1]])
