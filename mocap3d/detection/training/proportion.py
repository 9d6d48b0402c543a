"""Optimiser steps in proportion to what they change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

_LEAST = 1e-6


class Proportional:
    """Makes steps of a trained part relative to the size of each filter.

    Norms that were folded into convolutions leave filters of very different sizes, and Adam's steps know none: they are
    the learning rate, whatever the weight. As in LARS (You et al. 2017), but per filter, and by its size at the start.
    """

    def __init__(self, module: nn.Module):
        self._parameters = list(module.parameters())
        self._size = [_size(p.detach()) for p in self._parameters]

    @contextmanager
    def steps(self) -> Iterator[None]:
        """What the optimiser does within counts so much."""
        before = [p.detach().clone() for p in self._parameters]
        yield
        with torch.no_grad():
            for p, was, size in zip(self._parameters, before, self._size, strict=True):
                p.copy_(torch.lerp(was, p, size))


def _size(weight: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Root mean square of each filter; of the whole where there are none."""
    if weight.ndim < 2:
        return weight.square().mean().sqrt().clamp(min=_LEAST).expand_as(weight)
    return weight.flatten(1).square().mean(1).sqrt().clamp(min=_LEAST).view(-1, *[1] * (weight.ndim - 1))
