"""The network of a training run: built, filled, and its parameters handed to an optimiser."""

from dataclasses import replace

import torch

from mocap3d.detection import weights
from mocap3d.detection.sapenet import CONFIGS, Sapenet, SapenetConfig
from mocap3d.detection.training.options import OptimiserOptions, TrainOptions
from mocap3d.errors import DetectionError
from mocap3d.session.views import did_you_mean, listed


def config_of(options: TrainOptions) -> SapenetConfig:
    """The network asked for, with parts left out or added."""
    if options.network not in CONFIGS:
        raise DetectionError(
            f"There is no network '{options.network}'.{did_you_mean(options.network, CONFIGS)} "
            f"Known: {listed(CONFIGS)}."
        )
    return replace(CONFIGS[options.network], depth=options.depth, **dict.fromkeys(options.without, False))


def initialise(model: Sapenet, init: str | None) -> None:
    """Fills in a whole network, or the trunk alone, from a weights file; without one it stays random."""
    if init is None:
        return
    file = weights.load(init)
    in_trunk = {name.removeprefix("trunk."): value for name, value in file.tensors.items() if name.startswith("trunk.")}
    if file.tensors.keys() == model.state_dict().keys():
        weights.fill(model, file)
    else:
        weights.fill(model.trunk, replace(file, tensors=in_trunk) if in_trunk else file)


def optimiser_of(model: Sapenet, options: OptimiserOptions) -> torch.optim.Optimizer:
    """AdamW over two groups, all else and the trunk. A frozen trunk has no gradients, which AdamW passes over."""
    trunk = list(model.trunk.parameters())
    in_trunk = set(map(id, trunk))
    rest = [p for p in model.parameters() if id(p) not in in_trunk]
    groups = [{"params": rest}, {"params": trunk}]
    return torch.optim.AdamW(groups, lr=options.lr, weight_decay=options.weight_decay, betas=(0.9, 0.99))
