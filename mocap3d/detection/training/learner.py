"""What one batch does to a network: loss, gradients, learning rates, the average that follows."""

import copy
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from mocap3d.detection.heatmaps import prior_maps
from mocap3d.detection.losses import Target, total
from mocap3d.detection.multiview import Fuse
from mocap3d.detection.sapenet import Sapenet
from mocap3d.detection.training.batches import Batch
from mocap3d.detection.training.depthwise import quicken_depthwise
from mocap3d.detection.training.judge import Judge
from mocap3d.detection.training.network import optimiser_of
from mocap3d.detection.training.options import TrainOptions
from mocap3d.detection.training.proportion import Proportional
from mocap3d.detection.training.schedule import Schedule
from mocap3d.detection.training.start import Start
from mocap3d.errors import DetectionError

PATIENCE = 50
"""Steps in a row whose gradient may be infinite before the run is given up."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is."""

    step: int = 0
    elapsed_s: float = 0.0
    """All sessions together."""
    trunk_since: int | None = None
    """Step at which the trunk began to learn; None = it does not yet."""


Network = TypeVar("Network", bound=nn.Module)


class Averaged(Generic[Network]):
    """A moving average of a network's weights: a second network whose weights follow the first one's."""

    def __init__(self, model: Network, memory: float):
        self.model, self._memory = copy.deepcopy(model).eval().requires_grad_(requires_grad=False), memory

    def follow(self, model: nn.Module, step: int) -> None:
        """One step towards ``model``: 1 - min(memory, (1 + step) / (10 + step)) of the way; counters are copied."""
        share = 1 - min(self._memory, (1 + step) / (10 + step))
        own, new = self.model.state_dict(), model.state_dict()
        for name, value in own.items():
            if value.is_floating_point():
                value.lerp_(new[name], share)
            else:
                value.copy_(new[name])


class Learner:
    """A network that learns, its average, its optimiser, and how far they are."""

    lost = 0
    """Steps in a row without a finite gradient."""

    def __init__(
        self, options: TrainOptions, model: Sapenet, device: torch.device, schedule: Schedule, fuse: Fuse | None = None
    ):
        self.options, self.device, self.schedule, self.fuse = options, device, schedule, fuse
        self.model = model.to(device)
        self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]: torch's own example
        if device.type == "cpu":
            quicken_depthwise(self.model)
        self.start = Start(self.model)
        self.average = Averaged(self.model, options.optimiser.ema)
        self.optimiser = optimiser_of(self.model, options.optimiser)
        self.proportional = Proportional(self.model.trunk) if options.optimiser.trunk_in_proportion else None
        self.judge = Judge(device) if options.loss.adversarial else None
        self.place = Place()

    @property
    def progress(self) -> float:
        """0 at the start, 1 where the budget is used up."""
        return self.schedule.progress(self.place.step, self.place.elapsed_s)

    @property
    def lr(self) -> tuple[float, float]:
        """The learning rates of the last step: of all else, and of the trunk, 0 while that is frozen."""
        head, trunk = (group["lr"] for group in self.optimiser.param_groups)
        return head, trunk if self.place.trunk_since is not None else 0.0

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One optimiser step; the terms of its loss and the norms of its gradient."""
        options, learns = self.options.optimiser, self._trunk_learns()
        progress = self.progress
        self._set_lr(progress)
        self.model.train()
        self.model.trunk.train(learns)
        batch = batch.to(self.device)
        target, critic = _target(batch), None if self.judge is None else self.judge.net
        image = batch.image.float().div(255).contiguous(memory_format=torch.channels_last)
        prior = prior_maps(batch.prior_uv_px, self.options.size_px) if self.model.config.prior else None
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.bf16):
            with torch.set_grad_enabled(learns):
                features = self.model.features(image)
            prediction = self.model.head(features, prior, batch.inverse_depth)
            loss, terms = total(prediction, target, self.options.loss, progress=progress, fuse=self.fuse, critic=critic)
            if learns and options.distil and self.options.init is not None:
                terms["distil"] = self.start.drift(image, features, share=options.distil_share, step=self.place.step)
                loss = loss + options.distil * terms["distil"]
        if options.anchor:
            terms["anchor"] = self.start.distance(self.model, with_trunk=learns)
            loss = loss + options.anchor * terms["anchor"]
        terms |= {"loss": loss.detach(), **self._descend(loss)}
        if self.judge is not None:
            terms["judge"] = self.judge.learn(prediction, target)
        return terms

    def _trunk_learns(self) -> bool:
        """Whether the trunk learns in this step; once it does, it goes on doing so."""
        frozen_for = self.options.budget.freeze_trunk_for
        if self.place.trunk_since is None and frozen_for < 1 and self.progress >= frozen_for:
            self.place = replace(self.place, trunk_since=self.place.step)
        return self.place.trunk_since is not None

    def _set_lr(self, progress: float) -> None:
        head, trunk = self.optimiser.param_groups
        lr, step = self.options.optimiser.lr, self.place.step
        head["lr"] = lr * self.schedule.lr_factor(progress, step)
        since = step if self.place.trunk_since is None else step - self.place.trunk_since
        trunk["lr"] = lr * self.options.optimiser.trunk_lr * self.schedule.lr_factor(progress, since)

    def _descend(self, loss: Tensor) -> dict[str, Tensor]:
        """Gradients, each part's in its bounds, and a step, if all of them are finite."""
        options = self.options.optimiser
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        head, trunk = (group["params"] for group in self.optimiser.param_groups)
        norms = {"gradient": nn.utils.clip_grad_norm_(head, options.clip)}
        if self.place.trunk_since is not None:
            norms["trunk_gradient"] = nn.utils.clip_grad_norm_(trunk, options.trunk_clip)
        if all(bool(norm.isfinite()) for norm in norms.values()):
            self.lost = 0
            learns = self.place.trunk_since is not None
            with self.proportional.steps() if learns and self.proportional else nullcontext():
                self.optimiser.step()
            self.average.follow(self.model, self.place.step)
        else:
            self._give_up_after(PATIENCE)
        return norms

    def _give_up_after(self, patience: int) -> None:
        self.lost += 1
        if self.lost >= patience:
            raise DetectionError(
                f"The training diverged: the gradient was not finite {patience} times in a row, at step "
                f"{self.place.step}. Lower [optimiser] lr or trunk_lr; the state in {self.options.out} is from before."
            )


def _target(batch: Batch) -> Target:
    return Target(
        batch.uv_px, batch.visibility, batch.weight, batch.p_in_cam, batch.matrix, batch.cam_from_world,
        batch.instant, batch.clip, batch.frame,
    )  # fmt: skip
