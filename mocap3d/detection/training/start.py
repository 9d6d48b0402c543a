"""Where a training run started, and how far it has gone from there: what keeps it from forgetting."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mocap3d.detection.sapenet import Sapenet


class Start:
    """The weights of a network at the start of training."""

    def __init__(self, model: Sapenet):
        self.weights = {name: p.detach().clone() for name, p in model.named_parameters()}
        self.trunk = copy.deepcopy(model.trunk).eval().requires_grad_(requires_grad=False)

    def drift(
        self, image: Float[Tensor, "b 3 h w"], features: Sequence[Tensor], *, share: float, step: int
    ) -> Float[Tensor, ""]:
        """Squared distance of the features at strides 4, 8 and 16 to those of the first trunk, of their square.

        Measured on every n-th picture of the batch, n being 1 / share; on others each step.
        """
        stride = max(1, round(1 / share))
        which = slice(step % stride, None, stride)
        if not len(image[which]):
            which = slice(0, 1)
        with torch.no_grad():
            first = self.trunk(image[which])
        ratios = [
            (now[which].float() - was.float()).square().mean() / was.float().square().mean().clamp(min=1e-8)
            for now, was in zip(features[:3], first[:3], strict=True)
        ]
        return torch.stack(ratios).mean()

    def distance(self, model: Sapenet, *, with_trunk: bool) -> Float[Tensor, ""]:
        """Half of the squared distance of the weights to those at the start."""
        moved = [
            (p - self.weights[name]).square().sum()
            for name, p in model.named_parameters()
            if with_trunk or not name.startswith("trunk.")
        ]
        return 0.5 * torch.stack(moved).sum()
