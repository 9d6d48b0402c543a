"""People in 3D against a data set's truth: matched frame by frame, then the field's measures as one table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mocap3d.errors import FormatError
from mocap3d.evaluation.datasets.labels import Truth3D
from mocap3d.evaluation.metrics.identity import identities, mean_distances
from mocap3d.evaluation.metrics.movement import acceleration_error_mm_frame2
from mocap3d.evaluation.metrics.positions import distances_mm, n_mpjpe_mm, pa_mpjpe_mm, rooted
from mocap3d.evaluation.metrics.thresholds import auc_mean, pck3d, pcp
from mocap3d.evaluation.score_table import Score, ScoreTable, scored
from mocap3d.evaluation.suspicions import check_metres, mirror_notes

MATCH_M = 0.5
"""Mean distance of the joints, beyond which two are not the same person."""
AUC_MM = torch.arange(0, 151, 5, dtype=torch.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Of one sequence: for every true person at every frame the predicted joints, NaN where nobody is near."""

    truth: Truth3D
    predicted_m: Float[Tensor, "n p j 3"]
    n_predicted: int
    n_true: int
    n_matched: int
    mota: float
    idf1: float


def matched(truth: Truth3D, predicted_m: Float[Tensor, "n q j 3"]) -> Matched:
    """Frame by frame at least mean distance; with one person on either side, that one whatever the distance."""
    if predicted_m.shape[0] != len(truth.p_m) or predicted_m.shape[2:] != truth.p_m.shape[2:]:
        raise FormatError(
            f"{truth.name}: predicted are {tuple(predicted_m.shape)}. Needed: ({len(truth.p_m)} frames, people, "
            f"{len(truth.joints)} joints, 3) in metres, joints in the order {', '.join(truth.joints)}."
        )
    check_metres(truth.name, predicted_m, truth.p_m)
    alone = predicted_m.shape[1] == 1 and truth.p_m.shape[1] == 1
    distance = mean_distances(predicted_m, truth.p_m)
    found, there = (p.isfinite().all(-1).any(-1) & truth.counts[:, None] for p in (predicted_m, truth.p_m))
    limit = np.inf if alone else MATCH_M
    out = torch.full_like(truth.p_m, torch.nan)
    n_matched = 0
    for frame in (found.any(1) & there.any(1)).nonzero().flatten().tolist():
        cost = distance[frame].nan_to_num(1e6).numpy()
        for q, p in zip(*linear_sum_assignment(np.where(cost <= limit, cost, 1e6)), strict=True):
            if cost[q, p] <= limit and cost[q, p] < 1e6:
                out[frame, p] = predicted_m[frame, q]
                n_matched += 1
    who = identities(distance, found, there, limit=1e5 if alone else MATCH_M)
    return Matched(truth, out, int(found.sum()), int(there.sum()), n_matched, who.mota, who.idf1)


def score_3d(title: str, results: Sequence[Matched]) -> ScoreTable:
    """All sequences together; whole sequences are drawn for the intervals."""
    pairs = [_pairs(result) for result in results]
    root = results[0].truth.root
    error = [distances_mm(rooted(p, root), rooted(q, root)) for p, q in pairs]
    every = _errors_of_all(results)
    n_joints = int((~every.isnan()).sum())
    n_true, n_predicted, n_matched = (
        sum(getattr(r, key) for r in results) for key in ("n_true", "n_predicted", "n_matched")
    )
    joints = results[0].truth.joints[root]
    about = f"relative to {joints}"
    several = max(result.truth.p_m.shape[1] for result in results) > 1
    near = "@500mm" if several else ""
    rows = [
        scored("MPJPE", "mm", [e.nanmean(-1) for e in error], about),
        scored("PA-MPJPE", "mm", [pa_mpjpe_mm(p, q) for p, q in pairs], "similarity per frame"),
        scored("PA-MPJPE rigid", "mm", [pa_mpjpe_mm(p, q, scale=False) for p, q in pairs], "rigid motion per frame"),
        scored("N-MPJPE", "mm", [n_mpjpe_mm(p, q, root) for p, q in pairs], about),
        scored("absolute MPJPE", "mm", [distances_mm(p, q).nanmean(-1) for p, q in pairs], "in the world"),
        scored("acceleration error", "mm/frame^2", [_acceleration(result) for result in results], "absolute"),
        Score("3D-PCK@150mm", 100 * float(pck3d(every)), "%", n=n_joints, about=about),
        Score("AUC 0-150 mm", 100 * float(auc_mean(every, AUC_MM)), "%", n=n_joints, about=about),
        Score(f"recall{near}", 100 * n_matched / max(n_true, 1), "%", n=n_true, about="people and frames"),
        Score(f"precision{near}", 100 * n_matched / max(n_predicted, 1), "%", n=n_predicted),
    ]
    if several:
        rows.append(
            Score("MOTA", 100 * float(np.mean([result.mota for result in results])), "%", about="mean of sequences")
        )
        rows.append(
            Score("IDF1", 100 * float(np.mean([result.idf1 for result in results])), "%", about="mean of sequences")
        )
    return ScoreTable(title, (*rows, *_pcp(results)), _notes(results, pairs, n_true - n_matched))


def _notes(results: Sequence[Matched], pairs: Sequence[tuple[Tensor, Tensor]], n_missed: int) -> tuple[str, ...]:
    """What the numbers are not over, and what looks like a mistake."""
    notes = []
    if n_missed:
        notes.append(
            f"{n_missed} of {sum(result.n_true for result in results)} times somebody was not found: errors are means "
            "over those who were; PCK and AUC have all joints of the others wrong."
        )
    if never := [name for name, seen in zip(results[0].truth.joints, _predicted(results), strict=True) if not seen]:
        notes.append(f"Never predicted, and in no number: {', '.join(never)}.")
    found, true = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    return (*notes, *mirror_notes(found, true))


def _errors_of_all(results: Sequence[Matched]) -> Float[Tensor, "m j"]:
    """Of every person-frame that counts, found or not: mm, infinite where a joint was not predicted, NaN = no truth."""
    errors = []
    for result in results:
        truth = result.truth
        there = truth.p_m.isfinite().all(-1).any(-1) & truth.counts[:, None]
        p, q = (rooted(x[there], truth.root) for x in (result.predicted_m, truth.p_m))
        error = distances_mm(p, q).nan_to_num(torch.inf)
        errors.append(torch.where(q.isfinite().all(-1) & _predicted(results), error, torch.nan))
    return torch.cat(errors)


def _predicted(results: Sequence[Matched]) -> Bool[Tensor, " j"]:
    """Joints that were predicted at all; a skeleton may lack some that the data set has."""
    return torch.stack([result.predicted_m.isfinite().all(-1).flatten(0, 1).any(0) for result in results]).any(0)


def _pairs(result: Matched) -> tuple[Float[Tensor, "m j 3"], Float[Tensor, "m j 3"]]:
    """Person-frames that count and were found, in one axis."""
    there = result.predicted_m.isfinite().all(-1).any(-1) & result.truth.counts[:, None]
    there &= result.truth.p_m.isfinite().all(-1).any(-1)
    return result.predicted_m[there], result.truth.p_m[there]


def _acceleration(result: Matched) -> Float[Tensor, " s"]:
    people = range(result.truth.p_m.shape[1])
    return torch.cat(
        [
            acceleration_error_mm_frame2(result.predicted_m[:, p], result.truth.p_m[:, p], result.truth.counts)
            for p in people
        ]
    )


def _pcp(results: Sequence[Matched]) -> list[Score]:
    """By actor and on average over the actors, as Shelf and Campus are reported; people not found are wrong."""
    truth = results[0].truth
    if not truth.limbs:
        return []
    limbs = [(a, b) for _, a, b in truth.limbs]
    shares = []
    for person in range(truth.p_m.shape[1]):
        p, q = (x[truth.counts, person] for x in (results[0].predicted_m, truth.p_m))
        shares.append(100 * float(pcp(p, q, limbs, strict=False).nanmean()))
    rows = [Score(f"PCP actor {person + 1}", share, "%") for person, share in enumerate(shares)]
    return [
        *rows,
        Score("PCP", float(np.nanmean(shares)), "%", about="mean of actors; mean of both ends within half a limb"),
    ]
