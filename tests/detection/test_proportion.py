"""Steps in proportion to filters."""

import torch
from torch import nn

from mocap3d.detection.training.proportion import Proportional


def test_every_filter_moves_by_the_same_share_of_itself():
    """Adam's first step is the learning rate for every weight, whatever its gradient."""
    net = nn.Conv2d(3, 2, 3)
    with torch.no_grad():
        net.weight[0], net.weight[1], net.bias[:] = 100.0, 0.001, 2.0
    proportional, before = Proportional(net), [p.detach().clone() for p in net.parameters()]
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    net(torch.rand(1, 3, 5, 5)).square().sum().backward()
    with proportional.steps():
        adam.step()
    weight, bias = ((p.detach() - was).abs() / was for p, was in zip(net.parameters(), before, strict=True))
    torch.testing.assert_close(weight, torch.full_like(weight, 0.01), atol=1e-4, rtol=0)
    torch.testing.assert_close(bias, torch.full_like(bias, 0.01), atol=1e-4, rtol=0)


def test_filters_of_nothing_still_learn():
    net = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.zeros_(net.weight)
    proportional = Proportional(net)
    with proportional.steps(), torch.no_grad():
        net.weight += 1.0
    assert 0 < float(net.weight.detach()) < 1e-3
