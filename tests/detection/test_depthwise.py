"""The gradients of depthwise convolutions: PyTorch's own are the truth."""

import pytest
import torch
from torch import Tensor, nn

from mocap3d.detection.training.depthwise import QuickDepthwise, quicken_depthwise

SHAPES = [  # channels, height, width, kernel, stride, padding, bias
    (24, 16, 12, 5, 1, 2, True),
    (600, 7, 6, 5, 1, 2, True),  # more channels than one block, an odd height
    (24, 16, 12, 5, 2, 2, False),
    (24, 9, 7, 3, 2, 1, True),
    (24, 9, 7, 3, 2, 0, True),
    (24, 9, 7, 5, 1, 0, True),  # a padding that is not half of the kernel
]


def gradients(conv: nn.Module, maps: Tensor, *, bf16: bool = False) -> list[Tensor]:
    """What comes out of a convolution, and the gradients of its input, weights and bias."""
    conv.zero_grad()
    maps = maps.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        out = conv(maps)
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(5))
    (out.float() * direction).sum().backward()
    assert maps.grad is not None
    return [out.detach().float(), maps.grad, *(p.grad for p in conv.parameters() if p.grad is not None)]


def both(channels: int, kernel: int, stride: int, padding: int, *, bias: bool) -> tuple[nn.Conv2d, nn.Conv2d]:
    """A convolution as PyTorch has it, and the same made quick."""
    convs = [nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=bias) for _ in range(2)]
    convs[1].load_state_dict(convs[0].state_dict())
    quicken_depthwise(nn.Sequential(convs[1]))
    assert type(convs[1]) is QuickDepthwise
    return convs[0], convs[1]


@pytest.mark.parametrize(("channels", "height", "width", "kernel", "stride", "padding", "bias"), SHAPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_gradients_are_those_of_pytorch(channels, height, width, kernel, stride, padding, bias, threads):
    torch.manual_seed(3)
    truth, quick = both(channels, kernel, stride, padding, bias=bias)
    maps, before = torch.randn(3, channels, height, width), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        expected, found = gradients(truth, maps), gradients(quick, maps)
    finally:
        torch.set_num_threads(before)
    assert len(found) == len(expected) == 3 + bias
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_only_what_goes_in_is_rounded():
    torch.manual_seed(3)
    truth, quick = both(96, 5, 1, 2, bias=True)
    maps = torch.randn(4, 96, 16, 12)
    for found, exact in zip(gradients(quick, maps.bfloat16(), bf16=True), gradients(truth, maps), strict=True):
        assert (found - exact).norm() < 0.005 * exact.norm()


def test_a_frozen_layer_has_no_gradient_of_its_own_and_passes_on_that_of_its_input():
    truth, quick = both(24, 5, 1, 2, bias=True)
    maps = torch.randn(2, 24, 8, 6)
    expected = gradients(truth, maps)[1]
    quick.requires_grad_(False)
    found = gradients(quick, maps)
    assert len(found) == 2
    torch.testing.assert_close(found[1], expected, rtol=1e-4, atol=1e-4)


def test_only_depthwise_ones_that_are_slow_are_changed():
    kept = [
        nn.Conv2d(8, 8, 3, padding=1, groups=8),  # quick as it is
        nn.Conv2d(8, 8, 5, padding=2),
        nn.Conv2d(8, 16, 5, padding=2, groups=8),
        nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8),
        nn.Conv2d(8, 8, (5, 3), padding=(2, 1), groups=8),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, padding_mode="reflect"),
        nn.Conv2d(8, 8, 5, padding="same", groups=8),
    ]
    quicken_depthwise(nn.Sequential(*kept))
    assert [type(conv) for conv in kept] == [nn.Conv2d] * len(kept)
