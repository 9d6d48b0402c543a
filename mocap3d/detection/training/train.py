"""Training SAPENet: a loop that can be killed at any time and goes on where it was."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch

from mocap3d.detection import weights
from mocap3d.detection.doubt import fit_calibration
from mocap3d.detection.heatmaps import Calibration, Modes
from mocap3d.detection.multiview import Fuse
from mocap3d.detection.runtime import choose_device
from mocap3d.detection.sapenet import Sapenet
from mocap3d.detection.training.batches import Batches
from mocap3d.detection.training.card import card_of
from mocap3d.detection.training.data import Heap, read_heap
from mocap3d.detection.training.learner import Learner, Place
from mocap3d.detection.training.log import Events, Table
from mocap3d.detection.training.meter import Clock, Meter, Progress
from mocap3d.detection.training.network import config_of, initialise
from mocap3d.detection.training.options import TrainOptions, check_complete
from mocap3d.detection.training.schedule import Schedule
from mocap3d.detection.training.sheet import sheet
from mocap3d.detection.training.state import load_state, save_state
from mocap3d.detection.training.validate import Answers, Scores, answers_of, scores
from mocap3d.session.files import written_aside

log = logging.getLogger("mocap3d")

STATE, LOG, VALIDATION = "state.safetensors", "log.csv", "validation.csv"
LOG_EVERY = 50
"""Steps per row of the log."""


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
    """One training run: a learner, the batches it is given, and what is written of it."""

    def __init__(
        self, options: TrainOptions, model: Sapenet, heaps: list[Heap], held_out: list[Heap], fuse: Fuse | None = None
    ):
        self.options, self.held_out = options, held_out
        self.batches = Batches(
            heaps, options.size_px, options.batches, options.augment, seed=options.seed, depth=model.config.depth
        )
        schedule = Schedule(options.budget, self.batches.steps_per_epoch)
        self.learner = Learner(options, model, choose_device(options.device), schedule, fuse)
        self.scores: dict[str, Scores] = {}
        if (state := options.out / STATE).exists():
            load_state(state, self.learner)
            log.info("going on at step %d, after %.1f minutes", self.place.step, self.place.elapsed_s / 60)
        self.table = Table(options.out / LOG, keep_to=self.place.step)
        self.validation = Table(options.out / VALIDATION, keep_to=self.place.step)
        self.events = Events(options.out / "events")

    def run(self, progress: Progress | None = None, stop: Callable[[], bool] | None = None) -> Trained:
        """Steps until the budget is used up or ``stop`` says so."""
        clock = Clock(self.place.elapsed_s)
        looked_s = saved_s = clock.elapsed_s
        meter, is_stopped = Meter(progress, self.learner.progress), False
        stream = self.batches.stream(self.place.step)
        while self.learner.progress < 1 and not is_stopped:
            with meter.waiting():
                batch = next(stream)
            meter.add(self.learner.step(batch), len(batch.image))
            self.learner.place = replace(self.place, step=self.place.step + 1, elapsed_s=clock.elapsed_s)
            is_stopped = stop is not None and stop()
            if self.place.step % LOG_EVERY == 0:
                self._note(meter)
            if self._is_due(looked_s) and self.learner.progress < 1:
                self.look(meter)
                looked_s = clock.elapsed_s
            if clock.elapsed_s - saved_s > 60 * self.options.budget.save_every_minutes:
                self.save()
                saved_s = clock.elapsed_s
        stream.close()
        self.save()
        is_finished = self.learner.progress >= 1
        if is_finished:
            self.look(meter)
        return Trained(self.place, is_finished, self.weights_path if self.weights_path.exists() else None, self.scores)

    def look(self, meter: Meter) -> None:
        """Validates the averaged weights: scores, pictures, and the best weights so far with their calibration."""
        options, average, found = self.options, self.learner.average.model, list[Answers]()
        for heap in self.held_out:
            meter.say(f"looking at {heap.name}", self.learner.progress)
            answers = answers_of(average, heap, options.size_px, n=options.max_val, bf16=options.bf16)
            found.append(answers)
            self.scores[heap.name] = scores(answers)
            where = {"step": self.place.step, "minutes": round(self.place.elapsed_s / 60, 2), "folder": heap.name}
            row = {**where, **self.scores[heap.name].as_row()}
            self.validation.add(row)
            self.events.add(heap.name, row)
            with written_aside(options.out / f"{heap.name}.jpg") as aside:
                cv2.imwrite(str(aside), cv2.cvtColor(sheet(answers), cv2.COLOR_RGB2BGR))
            meter.say(f"{heap.name}: {self.scores[heap.name]}", self.learner.progress)
        if not self._is_best():
            meter.say(f"{self.weights_path.name} stays: an earlier step did better", self.learner.progress)
            return
        card = card_of(options, average.config, self.place, self.scores, calibration_of(found))
        weights.save(self.weights_path, average.state_dict(), card)

    def save(self) -> None:
        """The state, whole or as before."""
        save_state(self.options.out / STATE, self.learner)

    def _is_best(self) -> bool:
        """Whether no earlier look found more, by PCK@0.1 of all keypoints, mean of the folders."""
        at_step: dict[int, list[float]] = {}
        for row in self.validation.rows:
            at_step.setdefault(int(row["step"]), []).append(float(row["pck0.1_all"]))
        means = {step: sum(pck) / len(pck) for step, pck in at_step.items()}
        return not means or means[self.place.step] >= max(means.values())

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.learner.place

    @property
    def weights_path(self) -> Path:
        """Where the averaged weights go that did best on held-out pictures; the last ones, where there are none."""
        return self.options.out / f"{self.options.network}{weights.SUFFIX}"

    def _note(self, meter: Meter) -> None:
        """A row of the log, and a line for whoever watches."""
        head, trunk = self.learner.lr
        where = {"step": self.place.step, "minutes": round(self.place.elapsed_s / 60, 3)}
        row = {**where, "lr": head, "trunk_lr": trunk, **meter.row()}
        self.table.add(row)
        self.events.add("training", row)
        meter.say(meter.line(self.place.step, row, self.learner.progress), self.learner.progress)

    def _is_due(self, looked_s: float) -> bool:
        budget = self.options.budget
        if budget.validate_every_steps:
            return self.place.step % budget.validate_every_steps == 0
        return self.place.elapsed_s - looked_s > 60 * budget.validate_every_minutes


def calibration_of(found: Sequence[Answers]) -> Calibration | None:
    """What the covariances must be multiplied by to be true on held-out pictures; None where there are none."""
    if not found:
        return None
    uv_px, cov_px2, log_weight, confidence, truth_px = (
        torch.cat([getattr(answers, name) for answers in found])
        for name in ("uv_px", "cov_px2", "log_weight", "confidence_logit", "known_uv_px")
    )
    return fit_calibration(Modes(uv_px, cov_px2, log_weight), torch.sigmoid(confidence), truth_px)
