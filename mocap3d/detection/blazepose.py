"""BlazePose's landmark networks as plain modules: the trunk that SAPENet starts from, and the whole as a baseline.

Source: Bazarevsky et al. (2020), BlazePose; layers read from MediaPipe's published graphs (Apache-2.0) by
``tools/convert_blazepose.py``, which also checks that these modules compute what those graphs compute.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mocap3d.detection.encoder import Encoder, Separable, Stage, relu6, residual, upsample

DECODER_WIDTH = 48
HEAD_WIDTH = 288
N_LANDMARKS = 39  # 33 of the body and 6 that only place the next crop or are unused
INPUT_PX = 256


class Variant(NamedTuple):
    """What differs between the published sizes."""

    first_width: int
    stages: tuple[Stage, ...]
    climb: tuple[tuple[int, int], ...]
    """Width and residual blocks of the steps that lead the finest map to stride 32 again; none in "full"."""
    tail: tuple[int, int]
    """Residual blocks of the two steps from stride 32 to the landmarks."""


VARIANTS = {
    "full": Variant(
        first_width=16,
        stages=(
            Stage(4, 24, 3, 2, 1),
            Stage(6, 24, 3, 1, 1),
            Stage(6, 32, 5, 2, 2),
            Stage(6, 64, 3, 2, 3),
            Stage(6, 88, 5, 1, 3),
            Stage(6, 144, 5, 2, 4),
        ),
        climb=(),
        tail=(4, 5),
    ),
    "heavy": Variant(
        first_width=24,
        stages=(
            Stage(4, 32, 3, 2, 2),
            Stage(6, 32, 3, 1, 2),
            Stage(6, 56, 5, 2, 4),
            Stage(6, 112, 3, 2, 6),
            Stage(6, 160, 5, 1, 6),
            Stage(6, 272, 5, 2, 8),
        ),
        climb=((96, 6), (192, 7), (288, 7)),
        tail=(7, 7),
    ),
}


class Trunk(nn.Module):
    """Encoder and top-down decoder: RGB in [0, 1] to maps at strides 4, 8, 16 (48 channels each) and 32.

    Height and width must be multiples of 32. Everything is trainable; there are no batch norms.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        variant = VARIANTS[name]
        self.encoder = Encoder(variant.first_width, variant.stages)
        self.laterals = nn.ModuleList(Separable(c, DECODER_WIDTH) for c in self.encoder.channels)
        self.channels = (*[DECODER_WIDTH] * 3, self.encoder.channels[-1])

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b _ _ _"], ...]:
        """Four maps, finest first; their channels are ``self.channels``."""
        return self.decode(self.encoder(image))

    def decode(self, maps: Sequence[Float[Tensor, "b _ _ _"]]) -> tuple[Float[Tensor, "b _ _ _"], ...]:
        """The encoder's maps, each of the finer three joined with what is above it."""
        down = self.laterals[3](maps[3])
        decoded = [maps[3]]
        for level in (2, 1, 0):
            down = upsample(down) + self.laterals[level](maps[level])
            decoded.insert(0, down)
        return tuple(decoded)


class Down(nn.Module):
    """Halves height and width: a strided separable convolution beside a max-pool that new channels join as zeros."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c_in, c_in, 3, 2, groups=c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1)
        self.new = c_out - c_in

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Pads right and below only, as the original does on even sizes."""
        y = self.pointwise(relu6(self.depthwise(F.pad(x, (0, 1, 0, 1)))))
        return relu6(F.pad(F.max_pool2d(x, 2), (0, 0, 0, 0, 0, self.new)) + y)


class Step(nn.Module):
    """A halving and then residual blocks."""

    def __init__(self, c_in: int, c_out: int, repeats: int) -> None:
        super().__init__()
        self.down = Down(c_in, c_out)
        self.blocks = nn.ModuleList(Separable(c_out, c_out, outer=False) for _ in range(repeats))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Half the height and width, ``c_out`` channels."""
        x = self.down(x)
        for block in self.blocks:
            x = residual(block, x)
        return x


class RawLandmarks(NamedTuple):
    """What the network says of each crop, in crop pixels (cells count from the corner: see ``landmarks.py``)."""

    landmark: Float[Tensor, "b 39 5"]
    """x, y, z in pixels of the 256 px crop; logits of visibility and of presence in the crop."""
    score: Float[Tensor, " b"]
    """Probability that there is a person in the crop."""
    heatmap: Float[Tensor, "b 39 64 64"]
    """Logits at stride 4."""


class LandmarkNet(nn.Module):
    """BlazePose's landmark network for crops of 256 x 256 px (its segmentation and metric outputs are left out)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        variant = VARIANTS[name]
        self.trunk = Trunk(name)
        widths = (DECODER_WIDTH, *(width for width, _ in variant.climb))
        self.climb = nn.ModuleList(
            Step(c_in, width, repeats) for c_in, (width, repeats) in zip(widths[:-1], variant.climb, strict=True)
        )
        joined = zip(self.trunk.encoder.channels[1:], widths[1:], strict=True) if self.climb else ()
        self.joins = nn.ModuleList(Separable(c_in, c_out) for c_in, c_out in joined)
        if not self.climb:
            self.joins.append(Separable(self.trunk.encoder.channels[-1], HEAD_WIDTH))
        self.tail = nn.Sequential(*(Step(HEAD_WIDTH, HEAD_WIDTH, repeats) for repeats in variant.tail))
        self.heatmap = nn.Conv2d(DECODER_WIDTH, N_LANDMARKS, 1)
        self.landmark = nn.Conv2d(HEAD_WIDTH, 5 * N_LANDMARKS, 2)
        self.score = nn.Conv2d(HEAD_WIDTH, 1, 2)

    def forward(self, image: Float[Tensor, "b 3 256 256"]) -> RawLandmarks:
        """RGB in [0, 1]."""
        maps = self.trunk.encoder(image)
        finest = self.trunk.decode(maps)[0]
        x = self.tail(self._gather(finest, maps))
        return RawLandmarks(
            landmark=self.landmark(x).reshape(-1, N_LANDMARKS, 5),
            score=torch.sigmoid(self.score(x)).flatten(),
            heatmap=self.heatmap(finest),
        )

    def _gather(self, finest: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """What the head starts from at stride 32: the encoder's coarsest map, and in "heavy" the finer ones, too."""
        if not self.climb:
            return self.joins[0](maps[-1])
        x = finest
        for step, join, skip in zip(self.climb, self.joins, maps[1:], strict=True):
            x = step(x) + join(skip)
        return x
