"""Alignment: the motion that was made comes back, SciPy agrees, and the gradients hold where an SVD's do not."""

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck

from mocap3d.geometry import Rigid
from mocap3d.geometry.align import rigid_align, similarity_align

BATCHES = [(), (1,), (4, 2)]


def random_numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("n", [3, 4, 17])
def test_a_similarity_comes_back(batch, n):
    """Three points, a plane, are enough."""
    p, true_q_from_p, true_scale = random_numbers(*batch, n, 3), Rigid.exp(random_numbers(*batch, 6, seed=1)), 1.7
    q = true_scale * p @ true_q_from_p.rotation.mT + true_q_from_p.translation[..., None, :]
    scale, q_from_p = similarity_align(p, q)
    assert torch.allclose(scale, torch.full(batch, true_scale, dtype=torch.float64), rtol=1e-13)
    assert torch.allclose(q_from_p.rotation, true_q_from_p.rotation, rtol=0, atol=1e-13)
    assert torch.allclose(q_from_p.translation, true_q_from_p.translation, rtol=0, atol=1e-13)


def test_rigid_align_matches_scipy():
    p, q, weights = random_numbers(9, 3), random_numbers(9, 3, seed=1), random_numbers(9, seed=2).abs()
    q_from_p = rigid_align(p, q, weights)
    p_mean, q_mean = ((weights[:, None] * x).sum(0) / weights.sum() for x in (p, q))
    truth, _ = Rotation.align_vectors((q - q_mean).numpy(), (p - p_mean).numpy(), weights.numpy())
    assert torch.allclose(q_from_p.rotation, torch.from_numpy(truth.as_matrix()), rtol=0, atol=1e-12)
    assert torch.allclose(q_from_p.apply(p_mean), q_mean, rtol=0, atol=1e-14)


def test_no_nearby_similarity_is_better():
    p, q, weights = random_numbers(9, 3), random_numbers(9, 3, seed=1), random_numbers(9, seed=2).abs()

    def cost(scale, q_from_p):
        return float((weights * (q - q_from_p.apply(scale * p)).square().sum(-1)).sum())

    scale, q_from_p = similarity_align(p, q, weights)
    for nudge in 1e-3 * torch.cat([torch.eye(6), -torch.eye(6)]).double():
        assert cost(scale, Rigid.exp(nudge) @ q_from_p) > cost(scale, q_from_p)
    assert min(cost(scale * 1.001, q_from_p), cost(scale / 1.001, q_from_p)) > cost(scale, q_from_p)


def test_a_mirror_image_is_not_a_rotation():
    p = random_numbers(20, 3)
    rotation = rigid_align(p, p * torch.tensor([-1.0, 1.0, 1.0])).rotation
    assert float(torch.linalg.det(rotation)) == pytest.approx(1, abs=1e-14)


def test_missing_points_count_nothing():
    p, q = random_numbers(2, 8, 3), random_numbers(2, 8, 3, seed=1)
    p[0, 0], q[0, 1, 2], p[1] = torch.nan, torch.nan, torch.nan
    q_from_p = rigid_align(p, q)
    assert torch.allclose(q_from_p.rotation[0], rigid_align(p[0, 2:], q[0, 2:]).rotation, rtol=0, atol=1e-14)
    assert q_from_p.translation[1].isnan().all()
    assert q_from_p.rotation[1].isnan().all()
    scale, _ = similarity_align(p, q)
    assert scale.isnan().tolist() == [False, True]


def test_points_on_a_line_still_meet():
    """The turn about the line is open; any will do."""
    p = random_numbers(5, 1) * torch.tensor([1.0, 2.0, -1.0])
    true_q_from_p = Rigid.exp(random_numbers(6, seed=1))
    q_from_p = rigid_align(p, true_q_from_p.apply(p))
    assert torch.allclose(q_from_p.apply(p), true_q_from_p.apply(p), rtol=0, atol=1e-13)


def _flat(p, q, weights):
    scale, q_from_p = similarity_align(p, q, weights)
    rigid = rigid_align(p, q, weights)
    return scale, q_from_p.rotation, q_from_p.translation, rigid.rotation, rigid.translation


def test_gradients():
    inputs = random_numbers(2, 6, 3), random_numbers(2, 6, 3, seed=1), random_numbers(2, 6, seed=2).abs()
    assert gradcheck(_flat, [x.requires_grad_() for x in inputs], fast_mode=True)


def test_gradients_where_singular_values_are_equal():
    """An octahedron against itself: the gradient of an SVD is NaN there, that of the rotation is not."""
    p = torch.cat([torch.eye(3), -torch.eye(3)]).double()
    weights = torch.ones(6, dtype=torch.float64)
    assert gradcheck(_flat, [x.requires_grad_() for x in (p.clone(), p.clone(), weights)], fast_mode=True)
