"""The motion that lays one set of points upon another as well as can be.

A point that is NaN in either set counts nothing. Differentiable at any configuration that has a unique answer, equal
singular values included: rotations come from a singular value decomposition, their gradients from the implicit
function theorem. Source: Umeyama (1991).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.geometry.rigid import Rigid, rotation_from_rotvec


def rigid_align(
    p: Float[Tensor, "*b n 3"], q: Float[Tensor, "*b n 3"], weights: Float[Tensor, "*b n"] | None = None
) -> Rigid:
    """q_from_p with the least weighted sum of |q - q_from_p.apply(p)|^2; NaN where no point counts."""
    weights, p, q = _present(p, q, weights)
    p_mean, q_mean = _mean(p, weights), _mean(q, weights)
    rotation = _rotation(_covariance(p - p_mean[..., None, :], q - q_mean[..., None, :], weights))
    return Rigid(rotation, q_mean - (rotation @ p_mean[..., None])[..., 0])


def similarity_align(
    p: Float[Tensor, "*b n 3"], q: Float[Tensor, "*b n 3"], weights: Float[Tensor, "*b n"] | None = None
) -> tuple[Float[Tensor, "*b"], Rigid]:
    """A scale and q_from_p with the least weighted sum of |q - q_from_p.apply(scale p)|^2."""
    weights, p, q = _present(p, q, weights)
    p_mean, q_mean = _mean(p, weights), _mean(q, weights)
    p_centred = p - p_mean[..., None, :]
    covariance = _covariance(p_centred, q - q_mean[..., None, :], weights)
    rotation = _rotation(covariance)
    scale = (rotation * covariance).sum((-2, -1)) / (weights * p_centred.square().sum(-1)).sum(-1)
    return scale, Rigid(rotation, q_mean - scale[..., None] * (rotation @ p_mean[..., None])[..., 0])


def _present(
    p: Float[Tensor, "*b n 3"], q: Float[Tensor, "*b n 3"], weights: Float[Tensor, "*b n"] | None
) -> tuple[Float[Tensor, "*b n"], Float[Tensor, "*b n 3"], Float[Tensor, "*b n 3"]]:
    """Weights, 0 for missing points, and the points with their NaN replaced by 0."""
    weights = torch.ones_like(p[..., 0]) if weights is None else weights
    present = p.isfinite().all(-1) & q.isfinite().all(-1)
    p, q = (torch.where(present[..., None], points, 0.0) for points in (p, q))
    return torch.where(present, weights, 0.0), p, q


def _mean(p: Float[Tensor, "*b n 3"], weights: Float[Tensor, "*b n"]) -> Float[Tensor, "*b 3"]:
    return (weights[..., None] * p).sum(-2) / weights.sum(-1)[..., None]


def _covariance(
    p: Float[Tensor, "*b n 3"], q: Float[Tensor, "*b n 3"], weights: Float[Tensor, "*b n"]
) -> Float[Tensor, "*b 3 3"]:
    """The weighted sum of q p'."""
    return (weights[..., None] * q).mT @ p


def _rotation(covariance: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """The proper rotation R of greatest tr(R' covariance)."""
    with torch.no_grad():
        unknown = covariance.isnan().any(-1).any(-1)[..., None, None]
        u, _, vh = torch.linalg.svd(torch.where(unknown, 0.0, covariance))
        sign = torch.linalg.det(u @ vh).sign()
        rotation = torch.cat([u[..., :2], u[..., 2:] * sign[..., None, None]], -1) @ vh
        rotation = torch.where(unknown, torch.nan, rotation)
    return _newton_step(rotation, covariance)


def _newton_step(rotation: Float[Tensor, "*b 3 3"], covariance: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """At the best rotation this turns nothing, but carries the gradients of the covariance.

    With B = covariance R', tr(exp(-w) B) = tr(B) + w.axial(B) - w.(tr(B) - B)w / 2 + ...
    """
    b = covariance @ rotation.mT
    axial = torch.stack([b[..., 2, 1] - b[..., 1, 2], b[..., 0, 2] - b[..., 2, 0], b[..., 1, 0] - b[..., 0, 1]], -1)
    with torch.no_grad():
        trace = b.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        curvature = torch.nan_to_num(trace * torch.eye(3).to(b) - (b + b.mT) / 2)
        # Points on a line leave the turn about it open: the pseudo-inverse does not turn there.
        inverse = torch.linalg.pinv(curvature, hermitian=True)
    return rotation_from_rotvec((inverse @ axial[..., None])[..., 0]) @ rotation
