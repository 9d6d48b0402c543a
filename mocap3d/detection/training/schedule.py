"""How far a training run is, and how large its steps are then."""

import math
from dataclasses import dataclass

from mocap3d.detection.training.options import BudgetOptions

FLOOR = 0.02
"""Of the learning rate, at the end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A budget made definite by the size of the data."""

    budget: BudgetOptions
    steps_per_epoch: float

    @property
    def warmup_steps(self) -> int:
        """Steps of rising learning rate."""
        return max(self.budget.warmup_steps, math.ceil(self.budget.warmup_epochs * self.steps_per_epoch))

    @property
    def n_steps(self) -> int | None:
        """All steps; None where the time decides."""
        if self.budget.epochs is not None:
            return math.ceil(self.budget.epochs * self.steps_per_epoch)
        return self.budget.steps

    def progress(self, step: int, elapsed_s: float) -> float:
        """0 at the start, 1 where the budget is used up."""
        if self.budget.minutes is not None:
            return min(1.0, elapsed_s / (60 * self.budget.minutes))
        return min(1.0, step / self.n_steps) if self.n_steps else 1.0

    def lr_factor(self, progress: float, steps_since: int) -> float:
        """Warm-up over the first ``steps_since``, times a cosine down to :data:`FLOOR`."""
        rise = min(1.0, (steps_since + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        return rise * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * progress)))
