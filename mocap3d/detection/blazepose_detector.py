"""BlazePose's person detector as a plain module: an SSD on letterboxed squares of 224 px.

Source: Liu et al. (2016), SSD; layers and options read from MediaPipe's ``pose_detection`` (Apache-2.0) by
``tools/convert_blazepose.py``.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mocap3d.detection.encoder import Encoder, Separable, Stage, relu6, residual, upsample

INPUT_PX = 224
N_POINTS = 4  # mid-hip and a point of the circle around the whole body; the same for head and shoulders
STAGES = (
    Stage(4, 24, 3, 2, 1),
    Stage(6, 24, 3, 1, 1),
    Stage(6, 40, 5, 2, 2),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 5, 1, 3),
    Stage(6, 192, 5, 2, 4),
)


class RawPersons(NamedTuple):
    """One row per anchor; lengths in units of the square's side, (0, 0) its top-left corner."""

    logit: Float[Tensor, "b 2254"]
    """Whether the anchor holds a person."""
    box: Float[Tensor, "b 2254 4"]
    """Centre and size of the head-and-shoulders box."""
    point: Float[Tensor, "b 2254 4 2"]
    """Mid-hip, a point of the circle around the whole body, and the same for the upper body."""


class Merge(nn.Module):
    """What is seen at one stride joined with what is known from the coarser one."""

    def __init__(self, c_in: int, c_above: int, c_out: int) -> None:
        super().__init__()
        self.lateral = Separable(c_in, c_out, inner=False)
        self.above = nn.Conv2d(c_above, c_out, 1)
        self.blocks = nn.ModuleList(Separable(c_out, c_out, inner=False, outer=False) for _ in range(2))

    def forward(self, x: Float[Tensor, "b c h w"], above: Float[Tensor, "b d h2 w2"]) -> Float[Tensor, "b e h w"]:
        """``above`` has half the height and width of ``x``."""
        x = self.lateral(x) + relu6(self.above(upsample(above)))
        for block in self.blocks:
            x = residual(block, x)
        return x


class Predict(nn.Module):
    """One number group per anchor, from a map whose channels are first spread over twice the height and width."""

    def __init__(self, c_in: int, n_anchors: int, n_values: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c_in, c_in, 3, 2, 1, groups=c_in)
        self.pointwise = nn.Conv2d(c_in, n_anchors * n_values, 1)
        self.n_values = n_values

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n v"]:
        """Anchors row by row, those of a cell together."""
        y = self.pointwise(self.depthwise(x))
        return y.permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.n_values)


class PersonNet(nn.Module):
    """Letterboxed squares, RGB in [0, 1], to scored people: 2 anchors per cell at strides 8 and 16, 6 at stride 32."""

    anchor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(16, STAGES)
        _, eighth, sixteenth, coarsest = self.encoder.channels
        self.merge16 = Merge(sixteenth, coarsest, 192)
        self.merge8 = Merge(eighth, 192, 96)
        spread = ((96 // 4, 2), (192 // 4, 2), (coarsest // 4, 6))
        self.scores = nn.ModuleList(Predict(width, n, 1) for width, n in spread)
        self.boxes = nn.ModuleList(Predict(width, n, 4 + 2 * N_POINTS) for width, n in spread)
        self.register_buffer("anchor", anchors(), persistent=False)

    def forward(self, image: Float[Tensor, "b 3 224 224"]) -> RawPersons:
        """The original sees [-1, 1]; black is where the letterbox is empty."""
        _, eighth, sixteenth, coarsest = self.encoder(2 * image - 1)
        middle = self.merge16(sixteenth, coarsest)
        levels = [_spread(x) for x in (self.merge8(eighth, middle), middle, coarsest)]
        logit = torch.cat([predict(x) for predict, x in zip(self.scores, levels, strict=True)], 1)[..., 0]
        values = torch.cat([predict(x) for predict, x in zip(self.boxes, levels, strict=True)], 1) / INPUT_PX
        pairs = values.unflatten(-1, (-1, 2))  # centre, size, points: all but the size count from the anchor
        pairs = torch.cat([pairs[:, :, :1] + self.anchor, pairs[:, :, 1:2], pairs[:, :, 2:] + self.anchor], 2)
        return RawPersons(logit, pairs[:, :, :2].flatten(2), pairs[:, :, 2:])


def anchors() -> Float[Tensor, "2254 1 2"]:
    """Centres of the anchors, in units of the square's side."""
    centres: list[Tensor] = []
    for stride, repeats in ((8, 2), (16, 2), (32, 6)):
        n = INPUT_PX // stride
        at = (torch.arange(n) + 0.5) / n
        grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)
        centres.append(grid.reshape(-1, 1, 2).repeat_interleave(repeats, 0))
    return torch.cat(centres)


def _spread(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
    """Four channel groups become the cells of each 2 x 2 block: TensorFlow's depth_to_space, not pixel_shuffle."""
    groups = x.unflatten(1, (2, 2, -1))  # b rows columns c h w
    return groups.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)
