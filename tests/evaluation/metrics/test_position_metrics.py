"""Position measures against plain loops and scipy, frame by frame."""

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.transform import Rotation

from mocap3d.evaluation.metrics.positions import aligned, distances_mm, mpjpe_mm, n_mpjpe_mm, pa_mpjpe_mm, pve_mm

RNG = np.random.default_rng(5)
TIGHT = 1e-9


def some(n: int = 20, j: int = 14, spread: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    true = RNG.normal(0, 0.5, (n, j, 3))
    return torch.from_numpy(true + RNG.normal(0, spread, true.shape)), torch.from_numpy(true)


def procrustes_by_scipy(p: np.ndarray, q: np.ndarray, *, scale: bool) -> float:
    """Mean distance after alignment: scipy's orthogonal Procrustes, made proper by the reflection of least cost."""
    a, b = p - p.mean(0), q - q.mean(0)
    turn, _ = orthogonal_procrustes(a, b)
    if np.linalg.det(turn) < 0:
        u, _, vt = np.linalg.svd(a.T @ b)
        turn = u @ np.diag([1, 1, -1]) @ vt
    factor = (a @ turn * b).sum() / (a * a).sum() if scale else 1.0
    return 1000 * np.linalg.norm(factor * a @ turn - b, axis=1).mean()


def test_mpjpe_is_the_loop_of_its_definition():
    p, q = some()
    for frame, value in enumerate(mpjpe_mm(p, q, (2, 3))):
        total = 0.0
        for joint in range(p.shape[1]):
            a = p[frame, joint] - (p[frame, 2] + p[frame, 3]) / 2
            b = q[frame, joint] - (q[frame, 2] + q[frame, 3]) / 2
            total += sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True)) ** 0.5
        assert float(value) == pytest.approx(1000 * total / p.shape[1], abs=TIGHT)


@pytest.mark.parametrize("scale", [True, False])
def test_pa_mpjpe_is_scipys_procrustes(scale):
    p, q = some()
    ours = pa_mpjpe_mm(p, q, scale=scale).numpy()
    assert ours == pytest.approx(
        [procrustes_by_scipy(a, b, scale=scale) for a, b in zip(p.numpy(), q.numpy(), strict=True)], abs=TIGHT
    )


def test_a_mirrored_prediction_is_not_forgiven():
    _, q = some()
    mirrored = q * torch.tensor([-1.0, 1.0, 1.0])
    ours = pa_mpjpe_mm(mirrored, q).numpy()
    assert ours == pytest.approx(
        [procrustes_by_scipy(a, b, scale=True) for a, b in zip(mirrored.numpy(), q.numpy(), strict=True)], abs=TIGHT
    )
    assert ours.min() > 50


def test_any_similarity_is_forgiven():
    _, q = some()
    turn = torch.from_numpy(Rotation.random(rng=np.random.default_rng(0)).as_matrix())
    moved = 1.7 * q @ turn.mT + torch.tensor([3.0, -2.0, 1.0])
    assert pa_mpjpe_mm(moved, q).max() < TIGHT
    assert pa_mpjpe_mm(moved, q, scale=False).min() > 50


def test_n_mpjpe_is_the_best_scale():
    p, q = some(4)
    for a, b, value in zip(p, q, n_mpjpe_mm(p, q, 0), strict=True):
        a, b = a - a[0], b - b[0]
        factor = np.linalg.lstsq(a.reshape(-1, 1).numpy(), b.reshape(-1).numpy(), rcond=None)[0][0]
        assert float(value) == pytest.approx(1000 * float((factor * a - b).norm(dim=-1).mean()), abs=TIGHT)


def test_missing_joints_count_nothing():
    p, q = some()
    p[:, 3] = torch.nan
    q[0, 5] = torch.nan
    keep = [j for j in range(14) if j != 3]
    assert mpjpe_mm(p, q, 0)[1:].numpy() == pytest.approx(mpjpe_mm(p[1:, keep], q[1:, keep], 0).numpy(), abs=TIGHT)
    left = [j for j in keep if j != 5]
    assert float(mpjpe_mm(p, q, 0)[0]) == pytest.approx(float(mpjpe_mm(p[:1, left], q[:1, left], 0)), abs=TIGHT)
    assert pa_mpjpe_mm(p, q)[1:].numpy() == pytest.approx(pa_mpjpe_mm(p[1:, keep], q[1:, keep]).numpy(), abs=TIGHT)


def test_a_missing_person_is_nan_and_one_joint_is_moved_only():
    p, q = some(2)
    p[0] = torch.nan
    assert pa_mpjpe_mm(p, q).isnan().tolist() == [True, False]
    assert mpjpe_mm(p, q, 0).isnan().tolist() == [True, False]
    alone = torch.full_like(p[1:], torch.nan)
    alone[:, 4] = p[1:, 4]
    assert aligned(alone, q[1:])[0, 4].numpy() == pytest.approx(q[1, 4].numpy(), abs=TIGHT)


def test_vertices_are_compared_as_they_are_or_from_their_roots():
    p, q = some(3, 100)
    assert pve_mm(p, q).numpy() == pytest.approx(distances_mm(p, q).mean(-1).numpy(), abs=TIGHT)
    offset = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    root = torch.zeros(3, 3, dtype=torch.float64)
    assert pve_mm(p + offset, q, root + offset, root).numpy() == pytest.approx(pve_mm(p, q).numpy(), abs=TIGHT)
