"""Who is who over time: MOTA, its parts, and IDF1.

Sources: Bernardin & Stiefelhagen (2008), CLEAR MOT; Ristani et al. (2016), IDF1. A pair may be the same person where
their distance is at most a limit; people are numbered by their columns, NaN where absent.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_FAR = 1e9


@dataclass(frozen=True, slots=True)
class Identities:
    """Sums over all frames."""

    mota: float
    motp: float
    """Mean distance of the matched, in the unit of the distances."""
    idf1: float
    misses: int
    false_positives: int
    switches: int
    n_true: int


def identities(
    distance: Float[Tensor, "t d g"], found: Bool[Tensor, "t d"], true: Bool[Tensor, "t g"], limit: float
) -> Identities:
    """From the distances of all pairs, and who of the found d and the true people g is there in each frame."""
    both = found[:, :, None] & true[:, None]
    apart = torch.where(both & distance.isfinite(), distance, torch.inf).numpy()
    n_found, n_true = int(found.sum()), int(true.sum())
    kept: dict[int, int] = {}
    switches = n_matched = 0
    total = 0.0
    for table in apart:
        pairs = _matches(table, kept, limit)
        for d, g in pairs:
            switches += g in kept and kept[g] != d
            kept[g] = d
            total += table[d, g]
        n_matched += len(pairs)
    misses, false = n_true - n_matched, n_found - n_matched
    mota = 1 - (misses + false + switches) / n_true if n_true else float("nan")
    motp = total / n_matched if n_matched else float("nan")
    idf1 = _idf1(apart, n_found, n_true, limit)
    return Identities(mota, motp, idf1, misses, false, switches, n_true)


def _matches(table: np.ndarray, kept: dict[int, int], limit: float) -> list[tuple[int, int]]:
    """Who was matched stays so while near enough; the others are assigned at least distance."""
    near = table <= limit
    pairs = [(d, g) for g, d in kept.items() if near[d, g]]
    pairs = list({d: (d, g) for d, g in reversed(pairs)}.values())
    rows = [d for d in range(table.shape[0]) if d not in {d for d, _ in pairs}]
    columns = [g for g in range(table.shape[1]) if g not in {g for _, g in pairs}]
    if rows and columns:
        cost = np.where(near, table, _FAR)[np.ix_(rows, columns)]
        for r, c in zip(*linear_sum_assignment(cost), strict=True):
            if cost[r, c] < _FAR:
                pairs.append((rows[r], columns[c]))
    return pairs


def _idf1(apart: np.ndarray, n_found: int, n_true: int, limit: float) -> float:
    """2 IDTP / (found + true), for the assignment of whole tracks that makes IDTP the most."""
    if n_found + n_true == 0:
        return float("nan")
    agree = (apart <= limit).sum(0)
    rows, columns = linear_sum_assignment(-agree)
    return 2 * float(agree[rows, columns].sum()) / (n_found + n_true)


def mean_distances(found_m: Float[Tensor, "t d j c"], true_m: Float[Tensor, "t g j c"]) -> Float[Tensor, "t d g"]:
    """Mean distance of every pair over the joints that both have; NaN where they share none."""
    return (found_m[:, :, None] - true_m[:, None]).norm(dim=-1).nanmean(-1)
