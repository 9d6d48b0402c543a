"""MOTA and IDF1 on tracks whose mistakes are counted by hand, and IDF1 against every assignment tried."""

from itertools import permutations

import numpy as np
import pytest
import torch

from mocap3d.evaluation.metrics.identity import identities, mean_distances


def tracks(*rows: list[float | None]) -> tuple[torch.Tensor, torch.Tensor]:
    """People on a line: where each is in every frame, None where absent; and who is there."""
    x = torch.tensor([[np.nan if v is None else v for v in row] for row in rows], dtype=torch.float64).T
    return torch.stack([x, 0 * x, 0 * x], -1)[:, :, None], x.isfinite()


def test_counted_by_hand():
    """Frame 2: the first is missed. Frame 3: both are taken for each other, two switches. A ghost in frame 0."""
    true, there = tracks([0, 0, 0, 0], [5, 5, 5, 5])
    found, seen = tracks([0.1, 0.1, None, 5], [5, 5, 5, 0], [9, None, None, None])
    result = identities(mean_distances(found, true), seen, there, limit=0.5)
    assert (result.misses, result.false_positives, result.switches, result.n_true) == (1, 1, 2, 8)
    assert result.mota == pytest.approx(1 - 4 / 8)
    assert result.motp == pytest.approx(0.2 / 7)
    assert result.idf1 == pytest.approx(2 * 5 / (8 + 8))


def test_nobody_found_and_nobody_there():
    true, there = tracks([0, 0])
    nobody = torch.full_like(true, torch.nan)
    result = identities(mean_distances(nobody, true), torch.zeros_like(there), there, limit=1.0)
    assert (result.mota, result.idf1, result.misses) == (0.0, 0.0, 2)
    assert np.isnan(identities(mean_distances(nobody, nobody), ~there, ~there, limit=1.0).mota)


@pytest.mark.parametrize("seed", range(5))
def test_idf1_is_the_best_of_all_assignments(seed):
    rng = np.random.default_rng(seed)
    true = torch.from_numpy(rng.uniform(0, 3, (30, 3, 1, 3)))
    order = np.array([rng.permutation(3) if n % 10 == 0 else [0, 1, 2] for n in range(30)])
    found = torch.stack([true[n, order[n]] for n in range(30)]) + 0.05 * torch.from_numpy(rng.normal(size=true.shape))
    everybody = torch.ones(30, 3, dtype=torch.bool)
    near = (mean_distances(found, true) <= 0.4).numpy()
    best = max(sum(near[:, d, g].sum() for d, g in enumerate(way)) for way in permutations(range(3)))
    result = identities(mean_distances(found, true), everybody, everybody, limit=0.4)
    assert result.idf1 == pytest.approx(2 * best / 180, abs=1e-9)
