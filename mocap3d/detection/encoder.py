"""The inverted-residual encoder that BlazePose's networks share, with the batch norms folded into the convolutions.

Source: Sandler et al. (2018), MobileNetV2; Tan & Le (2019), EfficientNet, as "lite": ReLU6, no squeeze-excitation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def relu6(x: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """ReLU6, in the place of a map that nobody else needs: 0.7 of sapenet-s's 20 ms on a CPU core go otherwise."""
    return F.relu6(x, inplace=True)


class Stage(NamedTuple):
    """``repeats`` blocks of one width; the first one strides."""

    expansion: int
    width: int
    kernel: int
    stride: int
    repeats: int


class Separable(nn.Module):
    """A depthwise 3 x 3 and a pointwise convolution; ReLU6 after each where asked."""

    def __init__(self, c_in: int, c_out: int, *, inner: bool = True, outer: bool = True) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1)
        self.inner, self.outer = inner, outer

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """The same height and width, ``c_out`` channels."""
        x = self.depthwise(x)
        x = self.pointwise(relu6(x) if self.inner else x)
        return relu6(x) if self.outer else x


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again without activation; added to the input where shapes allow."""

    def __init__(self, c_in: int, c_out: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.expand = nn.Conv2d(c_in, wide, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide)
        self.project = nn.Conv2d(wide, c_out, 1)
        self.residual = stride == 1 and c_in == c_out and expansion > 1

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Height and width divided by the stride."""
        y = x if self.expand is None else relu6(self.expand(x))
        y = self.project(relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Encoder(nn.Module):
    """Image to maps at strides 4, 8, 16 and 32; the last one ends in six times the width of its stage.

    Padding is symmetric, as the original graphs pad explicitly: any height and width that 32 divides will do.
    """

    def __init__(self, first_width: int, stages: Sequence[Stage]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, 2, 1)
        levels = [[InvertedResidual(24, first_width, expansion=1, kernel=3, stride=1)]]  # stride 2
        width, widths = first_width, []
        for stage in stages:
            if stage.stride == 2:
                widths.append(width)
                levels.append([])
            for n in range(stage.repeats):
                stride = stage.stride if n == 0 else 1
                levels[-1].append(
                    InvertedResidual(width, stage.width, expansion=stage.expansion, kernel=stage.kernel, stride=stride)
                )
                width = stage.width
        self.levels = nn.ModuleList(nn.Sequential(*blocks) for blocks in levels)
        self.widen = nn.Conv2d(width, 6 * width, 1)
        self.last = nn.Conv2d(6 * width, 6 * width, 3, padding=1, groups=6 * width)
        self.channels = (*widths[1:], 6 * width)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """The four maps, finest first."""
        x = self.levels[0](relu6(self.stem(image)))
        maps: list[Tensor] = []
        for level in list(self.levels)[1:]:
            x = level(x)
            maps.append(x)
        maps[-1] = relu6(self.last(relu6(self.widen(x))))
        return maps


def upsample(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Twice the size, bilinear between cell centres."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def residual(block: nn.Module, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """ReLU6 of the input plus what a block makes of it."""
    return relu6(x + block(x))


def fresh(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with He's random weights and no biases, for tests and for training from nothing."""
    generator = torch.Generator().manual_seed(seed)
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
    return module
