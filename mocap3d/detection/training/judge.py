"""The discriminator of the paper's Figure 2 at work: it learns to tell predicted heatmaps from true ones."""

import torch
from torch import Tensor

from mocap3d.detection.losses import Target, critic_loss
from mocap3d.detection.sapenet import Discriminator, Prediction

_LR = 2e-4
_BETAS = (0.5, 0.99)
"""As is usual for adversarial training (Radford et al., 2016)."""


class Judge:
    """The discriminator and its optimiser. It is not part of the weights that a run writes."""

    def __init__(self, device: torch.device):
        self.net = Discriminator().to(device)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=_LR, betas=_BETAS)

    def learn(self, prediction: Prediction, target: Target) -> Tensor:
        """One step; its loss. What the network's own loss left in the judge's gradients is dropped."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = critic_loss(self.net, prediction, target)
        loss.backward()
        self.optimiser.step()
        return loss.detach()
