"""When somebody is there: what is measured on a sample must be measured there, and only there is anything to solve."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool


def runs_of(there: Bool[np.ndarray, " t"], *, bridged: int = 0) -> list[slice]:
    """Stretches of instants that are True, with the gaps of at most ``bridged`` instants between them."""
    at = np.flatnonzero(there)
    if not len(at):
        return []
    last = np.flatnonzero(np.diff(at) > bridged + 1)
    return [slice(int(a), int(b) + 1) for a, b in zip(at[np.r_[0, last + 1]], at[np.r_[last, -1]], strict=True)]


def up_to_the_ends(runs: Sequence[slice], n_times: int, *, near: int) -> list[slice]:
    """The runs, those that begin or end at most ``near`` instants from an end of the recording drawn out to there."""
    return [slice(run.start * (run.start > near), run.stop if run.stop < n_times - near else n_times) for run in runs]


def spread_over(runs: Sequence[slice], count: int, length: int) -> list[slice]:
    """``count`` stretches of ``length`` instants whose middles are spread evenly over the instants of the runs.

    These must hold ``count * length`` instants or more.
    """
    at = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    starts = at[np.linspace(0, len(at) - length, count).round().astype(int) + length // 2] - length // 2
    return [slice(int(start), int(start) + length) for start in starts]
