"""Depthwise convolutions, made fast to train on a CPU: their gradients by kernels of our own.

oneDNN computes those of large kernels and of strides at some 2 GFLOP/s, in bfloat16 half as fast yet: they were 45 % of
a step with BlazePose's heavy trunk.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mocap3d.solve.depthwise import correlate, spread

_BLOCK = 512
"""Channels that a kernel takes at a time: k x k sums of so many fit into the second cache."""


def quicken_depthwise(model: nn.Module) -> None:
    """Gives a model's depthwise convolutions quick gradients; weights, names and what comes out stay.

    Measured on one core of an EPYC with AVX-512, batches of 16 in bfloat16, forward and backward of one layer: 1,632
    channels of 6x8 with 5x5 taps 90 -> 6 ms, 960 of 12x16 123 -> 13, 96 of 96x128 with stride 2 176 -> 106.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and _is_slow_depthwise(module):
            module.__class__ = QuickDepthwise


def _is_slow_depthwise(conv: nn.Conv2d) -> bool:
    """Whether it is a depthwise one as the kernels here know them, of those that oneDNN is slow at."""
    one_number = all(len({*pair}) == 1 for pair in (conv.kernel_size, conv.stride, cast(tuple, conv.padding)))
    is_depthwise = conv.groups == conv.in_channels == conv.out_channels > 1
    is_plain = one_number and conv.dilation == (1, 1) and conv.padding_mode == "zeros"
    return is_depthwise and is_plain and (conv.kernel_size[0] >= 5 or conv.stride[0] > 1)


class QuickDepthwise(nn.Conv2d):
    """A depthwise convolution, square and without dilation, whose gradients are computed here."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """As the convolution."""
        if not torch.is_grad_enabled():
            return super().forward(input)
        return cast(Tensor, _Depthwise.apply(input, self.weight, self.bias, self.stride[0], cast(int, self.padding[0])))


class _Depthwise(torch.autograd.Function):
    """The convolution in its input's precision, or autocast's; its gradients are summed in float32."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(image, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(image, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]: one output
        image, weight = ctx.saved_tensors
        of_image = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_image = _of_image(gradient, image, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight, of_bias = _of_weight_and_bias(gradient, image, weight, ctx.stride, ctx.padding)
        return of_image, of_weight, of_bias if ctx.needs_input_grad[2] else None, None, None


def _of_image(gradient: Tensor, image: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """What the loss changes by with the input: with stride 1 the convolution with the kernel turned about."""
    side = weight.shape[-1]
    if stride == 1 and padding == side // 2:
        turned = weight.flip(2, 3).to(gradient.dtype)
        return F.conv2d(gradient, turned, None, 1, padding, groups=len(weight)).to(image.dtype)
    found = torch.zeros_like(image, dtype=torch.float32, memory_format=torch.channels_last)
    taps = np.ascontiguousarray(weight.detach().float().numpy()[:, 0].transpose(1, 2, 0))
    _in_blocks(spread, _rows(gradient), taps, found.permute(0, 2, 3, 1).numpy(), stride, padding)
    return found.to(image.dtype)


def _of_weight_and_bias(
    gradient: Tensor, image: Tensor, weight: Tensor, stride: int, padding: int
) -> tuple[Tensor, Tensor]:
    """What the loss changes by with the weights and the bias."""
    channels, _, side, _ = weight.shape
    found = np.empty((side * side + 1, channels), np.float32)
    _in_blocks(correlate, _rows(gradient), _rows(image), found, stride, padding)
    taps, sums = torch.from_numpy(found[:-1]), torch.from_numpy(found[-1])
    return taps.T.reshape(weight.shape).to(weight.dtype), sums.to(weight.dtype)


def _rows(maps: Float[Tensor, "b c h w"]) -> NDArray[np.float32]:
    """(b, h, w, c), each pixel's channels side by side."""
    return maps.detach().float().contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).numpy()


def _in_blocks(work: Callable[..., None], *arguments: Any) -> None:
    """Channels do not know of each other: as many blocks at once as PyTorch may use threads."""
    channels, threads = arguments[0].shape[-1], torch.get_num_threads()
    size = min(_BLOCK, -(-channels // threads))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda first: work(*arguments, first, min(first + size, channels)), range(0, channels, size)))
