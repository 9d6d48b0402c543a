"""Robust losses as functions of a squared residual in sigmas; each equals its square near zero."""

import torch
from jaxtyping import Float
from torch import Tensor


def geman_mcclure(squared: Float[Tensor, "*b"], gate2: float) -> Float[Tensor, "*b"]:
    """``r^2 g / (g + r^2)``: never costs more than the squared gate g, so an outlier has no say."""
    return squared * gate2 / (gate2 + squared)


def huber(squared: Float[Tensor, "*b"], bend: float) -> Float[Tensor, "*b"]:
    """Quadratic up to ``bend`` sigmas, linear beyond. Source: Huber (1964)."""
    far = squared > bend * bend
    size = torch.where(far, squared, torch.ones_like(squared)).sqrt()  # sqrt(0) has no gradient
    return torch.where(far, bend * (2 * size - bend), squared)
