"""Errors of orientations and of joint angles."""

import torch
from jaxtyping import Float
from torch import Tensor


def geodesic_deg(predicted: Float[Tensor, "*b 3 3"], true: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b"]:
    """The angle of the rotation between two, exact near 0 and near a half turn.

    From both sine and cosine: the arc cosine of the trace alone loses half its digits near 0.
    """
    between = predicted.mT @ true
    axial = torch.stack(
        [
            between[..., 2, 1] - between[..., 1, 2],
            between[..., 0, 2] - between[..., 2, 0],
            between[..., 1, 0] - between[..., 0, 1],
        ],
        -1,
    )
    cosine = between.diagonal(dim1=-2, dim2=-1).sum(-1) - 1
    return torch.rad2deg(torch.atan2(axial.norm(dim=-1), cosine))


def mpjae_deg(
    predicted: Float[Tensor, "*b s 3 3"],
    true: Float[Tensor, "*b s 3 3"],
    true_from_predicted: Float[Tensor, "*b 3 3"] | None = None,
) -> Float[Tensor, "*b"]:
    """Mean per-joint angular error of each frame, over segments s; with a rotation, of the prediction turned by it.

    Source: the 3DPW challenge (ECCV 2020), MPJAE and MPJAE_PA.
    """
    if true_from_predicted is not None:
        predicted = true_from_predicted[..., None, :, :] @ predicted
    return geodesic_deg(predicted, true).nanmean(-1)


def angle_rmse_deg(predicted_rad: Float[Tensor, "t a"], true_rad: Float[Tensor, "t a"]) -> Float[Tensor, " a"]:
    """Root mean square error of each joint angle over time; differences are taken the short way round."""
    apart = predicted_rad - true_rad
    wrapped = torch.atan2(apart.sin(), apart.cos())
    return torch.rad2deg(wrapped.square().nanmean(0).sqrt())
