"""SAPENet: a picture of one person to 26 heatmaps, with attention, structural refinement and confidence.

``Eq n`` is the paper's n-th equation; ``docs/sapenet.md`` lists all fifty and how each was read. Sizes in comments are
channels; maps go from fine to coarse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mocap3d.errors import DetectionError

N_KEYPOINTS = 26
STRIDES = (4, 8, 16, 32)
Maps = Sequence[Float[Tensor, "b _ _ _"]]
PEAK_CELLS = 14.0
"""2 pi 1.5^2: the cells that the probability of a keypoint is spread over, so that a sure peak scales to about 1."""


@dataclass(frozen=True, slots=True)
class SapenetConfig:
    """What a variant is made of; widths are channels at strides 4, 8, 16 and 32."""

    name: str
    trunk: str
    """blazepose-full | blazepose-heavy | resnet (bottlenecks) | plain (few dense convolutions, for tests)."""
    neck_widths: tuple[int, int, int, int]
    neck_blocks: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Residual blocks that refine each level; 0 is a single convolution."""
    n_scales: int = 3
    """Levels that give heatmaps, from the finest."""
    attention_heads: int = 8
    refiner: tuple[int, int, int, int] = (32, 48, 1, 1)
    """Of SPI: channels at stride 4 and 8, residual blocks, kernel of the first convolution."""
    confidence: tuple[int, int] = (32, 1)
    """Of AKCR: channels, and the level whose features it reads (0 is stride 4)."""
    trunk_widths: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Of resnet and plain."""
    trunk_blocks: tuple[int, int, int, int] = (0, 0, 0, 0)
    afl: bool = True
    """Attention for localisation."""
    spi: bool = True
    """The refiner of structural priors integration."""
    akcr: bool = True
    """The confidence branch; without it visibility is the confidence."""
    prior: bool = True
    """Whether a prediction of the keypoints can be given along with the picture."""
    depth: bool = False
    """Whether inverse depth can be given along with the picture."""


CONFIGS = {
    config.name: config
    for config in (
        SapenetConfig(
            "sapenet-xs",
            trunk="plain",
            neck_widths=(32, 32, 48, 64),
            refiner=(16, 24, 1, 1),
            confidence=(16, 1),
            trunk_widths=(32, 48, 64, 96),
            trunk_blocks=(1, 1, 1, 1),
        ),
        SapenetConfig("sapenet-s", trunk="blazepose-full", neck_widths=(64, 64, 128, 128)),
        SapenetConfig(
            "sapenet-m",
            trunk="blazepose-heavy",
            neck_widths=(64, 64, 128, 128),
            refiner=(48, 64, 1, 1),
            confidence=(48, 1),
        ),
        SapenetConfig(
            "sapenet-l",
            trunk="resnet",
            neck_widths=(128, 152, 192, 304),
            neck_blocks=(3, 3, 3, 2),
            n_scales=4,
            refiner=(120, 318, 2, 3),
            confidence=(128, 0),
            trunk_widths=(256, 512, 1024, 2048),
            trunk_blocks=(3, 4, 9, 4),
        ),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the network says. The softmax of a map of logits over its cells is the heatmap of Eq 1."""

    logits: tuple[Float[Tensor, "b k _ _"], ...]
    """Strides 4, 8, 16 (and 32 for -l); the finest is refined by SPI."""
    coarse: Float[Tensor, "b k h w"]
    """The finest logits before SPI; the same as ``logits[0]`` without it."""
    visibility_logit: Float[Tensor, "b k"]
    confidence_logit: Float[Tensor, "b k"]
    """Whether the finest peak is where the keypoint is."""
    attention: tuple[Float[Tensor, "b m _ _"], ...]
    """Of every level, in [0, 1]; empty without AFL."""
    scale_weights: Float[Tensor, " s"]
    """Learnt share of each scale in the loss; they sum to 1."""


class Sapenet(nn.Module):
    """P = f(I; Theta), Eq 5: a trunk, whose features can be kept, and the head that is SAPENet's own.

    RGB in [0, 1]; height and width are multiples of 32.
    """

    def __init__(self, config: SapenetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.neck_widths
        self.trunk, channels = _trunk(config)
        self.neck = Neck(config, channels)
        self.heads = nn.ModuleList(nn.Conv2d(width, N_KEYPOINTS, 1) for width in widths[: config.n_scales])
        self.visibility = nn.Sequential(
            nn.Linear(widths[3] + widths[0], 128), nn.ReLU(inplace=True), nn.Linear(128, N_KEYPOINTS)
        )
        self.refiner = Refiner(widths[0], *config.refiner) if config.spi else None
        width, self.confidence_level = config.confidence
        self.confidence = Confidence(widths[self.confidence_level], width) if config.akcr else None
        self.scale_logits = nn.Parameter(torch.zeros(config.n_scales))

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        prior: Float[Tensor, "b k h8 w8"] | None = None,
        inverse_depth: Float[Tensor, "b 1 h w"] | None = None,
    ) -> Prediction:
        """``prior``: where each keypoint is expected (``heatmaps.prior_maps``, stride 8); zeros say nothing."""
        return self.head(self.features(image), prior, inverse_depth)

    def features(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b _ _ _"], ...]:
        """The trunk's four maps: all that a frozen trunk contributes, so they can be computed once and kept."""
        if image.shape[-2] % 32 or image.shape[-1] % 32:
            raise DetectionError(
                f"A picture of {image.shape[-1]}x{image.shape[-2]} px was given to {self.config.name}. "
                "Needed are a width and a height that are multiples of 32: cut the crops to 192x256."
            )
        return self.trunk(image)

    def head(
        self,
        features: Maps,
        prior: Float[Tensor, "b k h8 w8"] | None = None,
        inverse_depth: Float[Tensor, "b 1 h w"] | None = None,
    ) -> Prediction:
        """The prediction from the trunk's maps."""
        levels, attention = self.neck(features, prior, inverse_depth)
        logits = [head(level) for head, level in zip(self.heads, levels, strict=False)]
        coarse = logits[0]
        if self.refiner is not None:
            logits[0] = coarse + self.refiner(levels[0], coarse)
        visibility = self.visibility(torch.cat([levels[3].mean((2, 3)), levels[0].amax((2, 3))], 1))
        confidence = visibility
        if self.confidence is not None:
            confidence = self.confidence(levels[self.confidence_level], logits[0])
        weights = torch.softmax(self.scale_logits, 0)
        return Prediction(tuple(logits), coarse, visibility, confidence, tuple(attention), weights)


class Neck(nn.Module):
    """Features from coarse to fine: laterals, what is above, a refinement and attention on every level."""

    def __init__(self, config: SapenetConfig, channels: Sequence[int]) -> None:
        super().__init__()
        widths = config.neck_widths
        self.laterals = nn.ModuleList(convolution(c, w, 1) for c, w in zip(channels, widths, strict=True))
        self.ups = nn.ModuleList(
            nn.Identity() if fine == above else nn.Conv2d(above, fine, 1) for fine, above in pairwise(widths)
        )
        self.refine = nn.ModuleList(
            nn.Sequential(*(Basic(w) for _ in range(n))) if n else convolution(w, w, 3)
            for w, n in zip(widths, config.neck_blocks, strict=True)
        )
        heads = config.attention_heads
        self.attention = nn.ModuleList(LocalisationAttention(w, heads) for w in widths) if config.afl else None
        self.prior = nn.Conv2d(N_KEYPOINTS, widths[1], 1, bias=False) if config.prior else None
        if self.prior is not None:
            nn.init.zeros_(self.prior.weight)  # says nothing until it has learnt what a prediction is worth
        self.depth = DepthEncoder(widths[:2]) if config.depth else None
        self.join = nn.ModuleList(CrossModalAttention(w) for w in widths[:2]) if config.depth else None

    def forward(
        self, features: Maps, prior: Tensor | None, inverse_depth: Tensor | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Four levels, fine to coarse, and their attention maps."""
        laterals = [lateral(x) for lateral, x in zip(self.laterals, features, strict=True)]
        if self.prior is not None and prior is not None:
            laterals[1] = laterals[1] + self.prior(prior)
        if self.depth is not None and self.join is not None and inverse_depth is not None:
            for level, (join, depth) in enumerate(zip(self.join, self.depth(inverse_depth), strict=True)):
                laterals[level] = join(laterals[level], depth)
        levels, attention = [], []
        for level in (3, 2, 1, 0):
            x = laterals[level]
            if levels:
                x = x + F.interpolate(self.ups[level](levels[0]), scale_factor=2.0, mode="bilinear")
            x = self.refine[level](x)
            if self.attention is not None:
                x, weights = self.attention[level](x)
                attention.insert(0, weights)
            levels.insert(0, x)
        return levels, attention


class LocalisationAttention(nn.Module):
    """AFL: where to look. M heads, each on its own channels, local and global, and the features themselves kept."""

    of_head: Float[Tensor, "m c"]
    """1 where a channel is the head's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        per_head = width // heads
        self.weight = nn.Parameter(torch.randn(heads, per_head, 3, 3) * (9 * per_head) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(heads))
        self.gate = nn.Linear(width, heads)
        self.mix = nn.Parameter(torch.zeros(heads))
        self.register_buffer("of_head", torch.eye(heads).repeat_interleave(per_head, 1), persistent=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b m h w"]]:
        """F'' = F' + F (Eq 12), F' the heads' channels times their maps (Eq 9, Eq 11); and those maps A_final."""
        weights = self.maps(x)
        # A fixed 1x1 convolution spreads heads over channels: repeating them would give up channels_last.
        spread = F.conv2d(weights, self.of_head.t()[:, :, None, None].to(weights.dtype))
        return torch.addcmul(x, x, spread.to(x.dtype)), weights

    def maps(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m h w"]:
        """a A + (1 - a) g (Eq 15): A = sigmoid(W * F + b) (Eq 8) per head (Eq 10), g from the mean of F (Eq 14).

        The paper adds a vector of channels to a scalar map; here g is one number per head.
        """
        # One dense convolution with a block-diagonal kernel: grouped ones of few channels are slow on every device.
        kernel = self.weight.repeat(1, self.weight.shape[0], 1, 1) * self.of_head[:, :, None, None]
        local = torch.sigmoid(F.conv2d(x, kernel, self.bias, padding=1))
        shared = torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        mix = torch.sigmoid(self.mix)[:, None, None].to(local.dtype)
        return mix * local + (1 - mix) * shared.to(local.dtype)


class Refiner(nn.Module):
    """SPI at inference, the generator of the paper's Figure 2: what the joints together say of each heatmap."""

    def __init__(self, width: int, fine: int, coarse: int, blocks: int, kernel: int) -> None:
        super().__init__()
        self.from_features = nn.Conv2d(width, fine, kernel, padding=kernel // 2)
        self.from_maps = nn.Conv2d(N_KEYPOINTS, fine, kernel, padding=kernel // 2, bias=False)
        self.down = convolution(fine, coarse, 3, 2)
        self.blocks = nn.Sequential(*(Basic(coarse) for _ in range(blocks)))
        self.tokens = nn.Conv2d(coarse, 4 * N_KEYPOINTS, 1)
        hidden = min(256, 2 * coarse)
        self.graph = nn.Sequential(nn.Linear(4 * N_KEYPOINTS, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, coarse))
        self.up = nn.ConvTranspose2d(coarse, fine, 4, 2, 1, bias=False)
        leave: list[nn.Module] = [nn.BatchNorm2d(fine), nn.ReLU(inplace=True)]
        leave += [convolution(fine, fine, 3)] if kernel > 1 else []
        last = nn.Conv2d(fine, N_KEYPOINTS, 1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # starts as the identity
        self.leave = nn.Sequential(*leave, last)

    def forward(self, x: Float[Tensor, "b c h w"], logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """What to add to the logits."""
        # Two convolutions and a sum are one of what would be concatenated, without the copy (1.2 ms of -s on a CPU).
        fine = F.relu(self.from_features(x) + self.from_maps(skeleton_image(logits).to(x.dtype)))
        coarse = self.blocks(self.down(fine))
        coarse = coarse + self.graph(self.tokens(coarse).mean((2, 3)))[:, :, None, None]
        return self.leave(self.up(coarse) + fine)


class Confidence(nn.Module):
    """AKCR at inference, the paper's Figure 4: point-wise, dilated and axial convolutions, read where the peaks are."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.point = convolution(width_in, width, 1)
        self.dilated = nn.Conv2d(width, width, 3, padding=2, dilation=2)
        self.axial = nn.Sequential(
            nn.Conv2d(width, width, (1, 7), padding=(0, 3), groups=width),
            nn.Conv2d(width, width, (7, 1), padding=(3, 0), groups=width),
            nn.Conv2d(width, width, 1),
        )
        self.keypoint = nn.Parameter(torch.zeros(N_KEYPOINTS, width))
        self.read = nn.Sequential(nn.Linear(width, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))
        self.peak = nn.Linear(2, 1)

    def forward(self, x: Float[Tensor, "b c h w"], logits: Float[Tensor, "b k h4 w4"]) -> Float[Tensor, "b k"]:
        """Logit of each keypoint. The heatmaps get no gradient: they shall not move to where confidence is high."""
        x = self.point(x)
        x = F.relu(x + self.dilated(x) + self.axial(x))
        probability = torch.softmax(logits.detach().flatten(2).float(), -1)
        form = torch.stack([probability.amax(-1), probability.square().sum(-1)], -1)
        here = probability.view(logits.shape)
        if x.shape[-2:] != logits.shape[-2:]:
            here = 4 * F.avg_pool2d(here, 2)
        pooled = torch.bmm(here.flatten(2).to(x.dtype), x.flatten(2).transpose(1, 2)) + self.keypoint
        return (self.read(pooled) + self.peak(form)).squeeze(-1)


class DepthEncoder(nn.Module):
    """The second backbone of the paper's Figure 1: one picture of inverse depth in 1/m, to strides 4 and 8."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        fine, coarse = widths
        self.fine = nn.Sequential(convolution(1, 32, 3, 2), convolution(32, fine, 3, 2), Basic(fine))
        self.coarse = nn.Sequential(convolution(fine, coarse, 3, 2), Basic(coarse))

    def forward(self, inverse_depth: Float[Tensor, "b 1 h w"]) -> tuple[Tensor, Tensor]:
        """The two maps."""
        fine = self.fine(inverse_depth)
        return fine, self.coarse(fine)


class CrossModalAttention(nn.Module):
    """How much picture and how much depth, cell by cell; what they say together is added to the picture's features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.choose = nn.Conv2d(2 * width, 2, 1)
        self.join = convolution(2 * width, width, 3)

    def forward(self, image: Float[Tensor, "b c h w"], depth: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Features of the picture, with depth."""
        share = torch.softmax(self.choose(torch.cat([image, depth], 1)), 1)
        return image + self.join(torch.cat([image * share[:, :1], depth * share[:, 1:]], 1))


class Discriminator(nn.Module):
    """Figure 2's judge of heatmaps, real or predicted. For training only, and off by default: see ``losses``."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (N_KEYPOINTS, width, 2 * width, 4 * width)
        layers = [
            nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2))
            for a, b in pairwise(widths)
        ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))

    def forward(self, heatmaps: Float[Tensor, "b k h w"]) -> Float[Tensor, "b h8 w8"]:
        """Above 0 where a patch looks like a person; heatmaps as ``skeleton_image`` gives them."""
        return self.layers(heatmaps).squeeze(1)


class ResidualTrunk(nn.Module):
    """A stem to stride 4 and four stages; bottlenecks (ResNet) or, plain, a strided convolution and basic blocks."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], *, bottleneck: bool) -> None:
        super().__init__()
        stem, width = (64, 64) if bottleneck else (widths[0], widths[0])
        self.stem = nn.Sequential(convolution(3, stem // 2, 3, 2), convolution(stem // 2, stem, 3, 2))
        self.stages = nn.ModuleList()
        for level, (c, n) in enumerate(zip(widths, blocks, strict=True)):
            stride = 2 if level else 1
            first = Bottleneck(width, c, stride) if bottleneck else convolution(width, c, 3, stride)
            rest = (Bottleneck(c, c, 1) if bottleneck else Basic(c) for _ in range(n - bottleneck))
            self.stages.append(nn.Sequential(first, *rest))
            width = c

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b _ _ _"], ...]:
        """Maps at strides 4, 8, 16 and 32."""
        x, maps = self.stem(4 * image - 2), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


class Bottleneck(nn.Module):
    """He et al. (2016): 1x1, 3x3 and 1x1 convolutions beside the identity."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        middle = c_out // 4
        self.body = nn.Sequential(
            convolution(c_in, middle, 1),
            convolution(middle, middle, 3, stride),
            convolution(middle, c_out, 1, relu=False),
        )
        same = c_in == c_out and stride == 1
        self.skip = nn.Identity() if same else convolution(c_in, c_out, 1, stride, relu=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """The block's output, not negative."""
        return F.relu(self.body(x) + self.skip(x))


class Basic(nn.Module):
    """He et al. (2016): two 3x3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(convolution(width, width, 3), convolution(width, width, 3, relu=False))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The block's output, not negative."""
        return F.relu(x + self.body(x))


def convolution(c_in: int, c_out: int, kernel: int, stride: int = 1, *, relu: bool = True) -> nn.Sequential:
    """Convolution, batch norm and, if asked, ReLU."""
    layers = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(c_out)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


def skeleton_image(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
    """Heatmaps in [0, 1], about 1 at the peak of a sure keypoint."""
    probability = torch.softmax(logits.flatten(2).float(), -1).view(logits.shape)
    return (PEAK_CELLS * probability).clamp(max=1)


def _trunk(config: SapenetConfig) -> tuple[nn.Module, tuple[int, ...]]:
    """The trunk and its channels at strides 4, 8, 16 and 32."""
    kind, _, size = config.trunk.partition("-")
    if kind == "blazepose":
        from mocap3d.detection.blazepose import Trunk

        trunk = Trunk(size)
        return trunk, trunk.channels
    trunk = ResidualTrunk(config.trunk_widths, config.trunk_blocks, bottleneck=kind == "resnet")
    return trunk, config.trunk_widths
