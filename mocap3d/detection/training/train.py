"""Training SAPENet: a loop that can be killed at any time and goes on where it was."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn

from mocap3d.detection import weights
from mocap3d.detection.doubt import fit_calibration
from mocap3d.detection.heatmaps import Calibration, Modes, prior_maps
from mocap3d.detection.losses import Target, total
from mocap3d.detection.multiview import Fuse
from mocap3d.detection.runtime import choose_device
from mocap3d.detection.sapenet import Sapenet
from mocap3d.detection.training.batches import Batch, Batches
from mocap3d.detection.training.card import card_of
from mocap3d.detection.training.data import Heap, read_heap
from mocap3d.detection.training.depthwise import quicken_depthwise
from mocap3d.detection.training.judge import Judge
from mocap3d.detection.training.log import Events, Table
from mocap3d.detection.training.meter import Clock, Meter, Progress
from mocap3d.detection.training.network import config_of, initialise, optimiser_of
from mocap3d.detection.training.options import TrainOptions, check_complete
from mocap3d.detection.training.proportion import Proportional
from mocap3d.detection.training.schedule import Schedule
from mocap3d.detection.training.sheet import sheet
from mocap3d.detection.training.start import Start
from mocap3d.detection.training.state import Averaged, Place, load_state, save_state
from mocap3d.detection.training.validate import Answers, Scores, answers_of, scores
from mocap3d.errors import DetectionError
from mocap3d.session.files import written_aside

log = logging.getLogger("mocap3d")

STATE, LOG, VALIDATION = "state.safetensors", "log.csv", "validation.csv"
LOG_EVERY = 50
"""Steps per row of the log."""
PATIENCE = 50
"""Steps in a row whose gradient may be infinite before the run is given up."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to."""

    place: Place
    is_finished: bool
    """False where it was asked to stop: run it again and it goes on."""
    weights: Path | None
    """The averaged weights, where some were written."""
    scores: Mapping[str, Scores]
    """By folder of held-out pictures."""


def train(
    options: TrainOptions,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    fuse: Fuse | None = None,
) -> Trained:
    """Trains, or goes on training; ``stop`` is asked after every step and may end the session early.

    ``fuse`` takes the place of triangulation where a batch has several views of one moment.
    """
    check_complete(options)
    config = config_of(options)
    with deterministic(options):
        heaps = [read_heap(folder, depth=config.depth) for folder in options.data]
        held_out = [read_heap(folder, depth=config.depth) for folder in options.val]
        model = Sapenet(config)
        initialise(model, options.init)
        return Run(options, model, heaps, held_out, fuse=fuse).run(progress, stop)


@contextmanager
def deterministic(options: TrainOptions) -> Iterator[None]:
    """PyTorch seeded and on so many threads, OpenCV on one (the batches have threads of their own); as before after."""
    threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    with torch.random.fork_rng():
        try:
            torch.manual_seed(options.seed)
            cv2.setNumThreads(1)
            if options.threads:
                torch.set_num_threads(options.threads)
            yield
        finally:
            torch.set_num_threads(threads)
            cv2.setNumThreads(cv2_threads)


class Run:
    """One training run: the network, its average, its optimiser, and where it is."""

    def __init__(
        self, options: TrainOptions, model: Sapenet, heaps: list[Heap], held_out: list[Heap], fuse: Fuse | None = None
    ):
        self.options, self.held_out, self.fuse = options, held_out, fuse
        self.device = choose_device(options.device)
        self.model = model.to(self.device)
        self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]: torch's own example
        if self.device.type == "cpu" and options.bf16:
            quicken_depthwise(self.model)
        self.start = Start(self.model)
        self.average = Averaged(self.model, options.optimiser.ema)
        self.optimiser = optimiser_of(self.model, options.optimiser)
        self.proportional = Proportional(self.model.trunk) if options.optimiser.trunk_in_proportion else None
        self.judge = Judge(self.device) if options.loss.adversarial else None
        self.batches = Batches(
            heaps, options.size_px, options.batches, options.augment, seed=options.seed, depth=self.model.config.depth
        )
        self.schedule = Schedule(options.budget, self.batches.steps_per_epoch)
        self.place, self.scores = Place(), {}
        if (state := options.out / STATE).exists():
            self.place = load_state(state, self.model, self.average.model, self.optimiser, self.judge)
            log.info("going on at step %d, after %.1f minutes", self.place.step, self.place.elapsed_s / 60)
        self.table = Table(options.out / LOG, keep_to=self.place.step)
        self.validation = Table(options.out / VALIDATION, keep_to=self.place.step)
        self.events = Events(options.out / "events")

    def run(self, progress: Progress | None = None, stop: Callable[[], bool] | None = None) -> Trained:
        """Steps until the budget is used up or ``stop`` says so."""
        clock = Clock(self.place.elapsed_s)
        looked_s = saved_s = clock.elapsed_s
        meter, is_stopped = Meter(progress, self._progress()), False
        stream = self.batches.stream(self.place.step)
        while self._progress() < 1 and not is_stopped:
            with meter.waiting():
                batch = next(stream)
            meter.add(self.step(batch), len(batch.image))
            self.place = replace(self.place, step=self.place.step + 1, elapsed_s=clock.elapsed_s)
            is_stopped = stop is not None and stop()
            if self.place.step % LOG_EVERY == 0:
                self._note(meter)
            if self._is_due(looked_s) and self._progress() < 1:
                self.look(meter)
                looked_s = clock.elapsed_s
            if clock.elapsed_s - saved_s > 60 * self.options.budget.save_every_minutes:
                self.save()
                saved_s = clock.elapsed_s
        stream.close()
        self.save()
        is_finished = self._progress() >= 1
        if is_finished:
            self.look(meter)
        return Trained(self.place, is_finished, self.weights_path if self.weights_path.exists() else None, self.scores)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One optimiser step; the terms of its loss and the norms of its gradient."""
        options, learns = self.options.optimiser, self._trunk_learns()
        progress = self._progress()
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

    def look(self, meter: Meter) -> None:
        """Validates the averaged weights: scores, pictures, and the best weights so far with their calibration."""
        found: list[Answers] = []
        for heap in self.held_out:
            meter.say(f"looking at {heap.name}", self._progress())
            answers = answers_of(
                self.average.model, heap, self.options.size_px, n=self.options.max_val, bf16=self.options.bf16
            )
            found.append(answers)
            self.scores[heap.name] = scores(answers)
            where = {"step": self.place.step, "minutes": round(self.place.elapsed_s / 60, 2), "folder": heap.name}
            row = {**where, **self.scores[heap.name].as_row()}
            self.validation.add(row)
            self.events.add(heap.name, row)
            with written_aside(self.options.out / f"{heap.name}.jpg") as aside:
                cv2.imwrite(str(aside), cv2.cvtColor(sheet(answers), cv2.COLOR_RGB2BGR))
            meter.say(f"{heap.name}: {self.scores[heap.name]}", self._progress())
        if not self._is_best():
            meter.say(f"{self.weights_path.name} stays: an earlier step did better", self._progress())
            return
        card = card_of(self.options, self.model.config, self.place, self.scores, calibration_of(found))
        weights.save(self.weights_path, self.average.model.state_dict(), card)

    def save(self) -> None:
        """The state, whole or as before."""
        save_state(self.options.out / STATE, self.model, self.average.model, self.optimiser, self.place, self.judge)

    def _is_best(self) -> bool:
        """Whether no earlier look found more, by PCK@0.1 of all keypoints, mean of the folders."""
        at_step: dict[int, list[float]] = {}
        for row in self.validation.rows:
            at_step.setdefault(int(row["step"]), []).append(float(row["pck0.1_all"]))
        means = {step: sum(pck) / len(pck) for step, pck in at_step.items()}
        return not means or means[self.place.step] >= max(means.values())

    @property
    def weights_path(self) -> Path:
        """Where the averaged weights go that did best on held-out pictures; the last ones, where there are none."""
        return self.options.out / f"{self.options.network}{weights.SUFFIX}"

    def _note(self, meter: Meter) -> None:
        """A row of the log, and a line for whoever watches."""
        head, trunk = (group["lr"] for group in self.optimiser.param_groups)
        where = {"step": self.place.step, "minutes": round(self.place.elapsed_s / 60, 3)}
        row = {**where, "lr": head, "trunk_lr": trunk if self.place.trunk_since is not None else 0.0, **meter.row()}
        self.table.add(row)
        self.events.add("training", row)
        meter.say(meter.line(self.place.step, row, self._progress()), self._progress())

    def _progress(self) -> float:
        return self.schedule.progress(self.place.step, self.place.elapsed_s)

    def _is_due(self, looked_s: float) -> bool:
        budget = self.options.budget
        if budget.validate_every_steps:
            return self.place.step % budget.validate_every_steps == 0
        return self.place.elapsed_s - looked_s > 60 * budget.validate_every_minutes

    def _trunk_learns(self) -> bool:
        """Whether the trunk learns in this step; once it does, it goes on doing so."""
        frozen_for = self.options.budget.freeze_trunk_for
        if self.place.trunk_since is None and frozen_for < 1 and self._progress() >= frozen_for:
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

    lost = 0
    """Steps in a row without a finite gradient."""

    def _give_up_after(self, patience: int) -> None:
        self.lost += 1
        if self.lost >= patience:
            raise DetectionError(
                f"The training diverged: the gradient was not finite {patience} times in a row, at step "
                f"{self.place.step}. Lower [optimiser] lr or trunk_lr; {self.options.out / STATE} is from before."
            )


def calibration_of(found: Sequence[Answers]) -> Calibration | None:
    """What the covariances must be multiplied by to be true on held-out pictures; None where there are none."""
    if not found:
        return None
    uv_px, cov_px2, log_weight, confidence, truth_px = (
        torch.cat([getattr(answers, name) for answers in found])
        for name in ("uv_px", "cov_px2", "log_weight", "confidence_logit", "known_uv_px")
    )
    return fit_calibration(Modes(uv_px, cov_px2, log_weight), torch.sigmoid(confidence), truth_px)


def _target(batch: Batch) -> Target:
    return Target(
        batch.uv_px, batch.visibility, batch.weight, batch.p_in_cam, batch.matrix, batch.cam_from_world,
        batch.instant, batch.clip, batch.frame,
    )  # fmt: skip
