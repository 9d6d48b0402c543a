"""HRNet and SimpleBaseline, re-implemented from their papers to be counted and timed beside SAPENet; no weights.

Sources: Sun et al. (2019), HRNet for pose; Xiao et al. (2018), SimpleBaseline; He et al. (2016), ResNet. That they are
the networks they claim to be is told by their numbers of parameters: 28.5, 63.6 and 34.0 million are published.
"""

import torch
from torch import Tensor, nn

MOMENTUM = 0.1


def conv(inside: int, outside: int, size: int = 3, stride: int = 1, *, relu: bool = True) -> nn.Sequential:
    """Convolution, batch norm and, if wanted, ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class Residual(nn.Module):
    """Basic block of two 3x3, or bottleneck of 1x1, 3x3, 1x1."""

    def __init__(self, inside: int, width: int, *, bottleneck: bool, stride: int = 1):
        super().__init__()
        outside = 4 * width if bottleneck else width
        if bottleneck:
            self.way = nn.Sequential(
                conv(inside, width, 1), conv(width, width, 3, stride), conv(width, outside, 1, relu=False)
            )
        else:
            self.way = nn.Sequential(conv(inside, width, 3, stride), conv(width, outside, relu=False))
        same = inside == outside and stride == 1
        self.short = nn.Identity() if same else conv(inside, outside, 1, stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """The sum, rectified."""
        return torch.relu(self.way(x) + self.short(x))


class Exchange(nn.Module):
    """Branches of four basic blocks each, then every resolution to every other (or to the finest alone)."""

    def __init__(self, widths: list[int], *, finest_only: bool = False):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Residual(w, w, bottleneck=False) for _ in range(4))) for w in widths
        )
        targets = widths[:1] if finest_only else widths
        self.fuse = nn.ModuleList(
            nn.ModuleList(self._path(widths, source, target) for source in range(len(widths)))
            for target in range(len(targets))
        )

    @staticmethod
    def _path(widths: list[int], source: int, target: int) -> nn.Module:
        if source == target:
            return nn.Identity()
        if source > target:
            up = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
            return nn.Sequential(conv(widths[source], widths[target], 1, relu=False), up)
        steps = [conv(widths[source], widths[source], 3, 2) for _ in range(target - source - 1)]
        return nn.Sequential(*steps, conv(widths[source], widths[target], 3, 2, relu=False))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """As many resolutions as go out."""
        features = [branch(x) for branch, x in zip(self.branches, features, strict=True)]
        return [
            torch.relu(torch.stack([path(x) for path, x in zip(paths.children(), features, strict=True)]).sum(0))
            for paths in self.fuse
        ]


class HRNet(nn.Module):
    """HRNet-W``width`` for pose."""

    def __init__(self, width: int, n_keypoints: int = 17):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 64, 3, 2), conv(64, 64, 3, 2))
        blocks = [Residual(64 if n == 0 else 256, 64, bottleneck=True) for n in range(4)]
        self.stage1 = nn.Sequential(*blocks)
        widths = [width * 2**n for n in range(4)]
        self.first = nn.ModuleList([conv(256, widths[0]), conv(256, widths[1], 3, 2)])
        self.stage2 = Exchange(widths[:2])
        self.down3 = conv(widths[1], widths[2], 3, 2)
        self.stage3 = nn.ModuleList(Exchange(widths[:3]) for _ in range(4))
        self.down4 = conv(widths[2], widths[3], 3, 2)
        self.stage4 = nn.ModuleList(Exchange(widths, finest_only=n == 2) for n in range(3))
        self.head = nn.Conv2d(widths[0], n_keypoints, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Heatmaps at a quarter of the resolution."""
        x = self.stage1(self.stem(picture))
        features = self.stage2([branch(x) for branch in self.first])
        features = [*features, self.down3(features[-1])]
        for module in self.stage3:
            features = module(features)
        features = [*features, self.down4(features[-1])]
        for module in self.stage4:
            features = module(features)
        return self.head(features[0])


class SimpleBaseline(nn.Module):
    """ResNet-50 and three transposed convolutions."""

    def __init__(self, n_keypoints: int = 17):
        super().__init__()
        layers: list[nn.Module] = [conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
        inside = 64
        for stage, n_blocks in enumerate((3, 4, 6, 3)):
            for block in range(n_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(Residual(inside, 64 * 2**stage, bottleneck=True, stride=stride))
                inside = 256 * 2**stage
        for _ in range(3):
            layers += [nn.ConvTranspose2d(inside, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU(inplace=True)]
            inside = 256
        self.net = nn.Sequential(*layers, nn.Conv2d(256, n_keypoints, 1))

    def forward(self, picture: Tensor) -> Tensor:
        """Heatmaps at a quarter of the resolution."""
        return self.net(picture)


NETWORKS = {
    "SimpleBaseline (ResNet-50), re-implemented": (SimpleBaseline, 34.0),
    "HRNet-W32, re-implemented": (lambda: HRNet(32), 28.5),
    "HRNet-W48, re-implemented": (lambda: HRNet(48), 63.6),
}
"""With the published number of parameters, in millions."""
