"""Rigid motions: the axioms of a group in every batch shape, and exp and log where they are delicate."""

import oracles
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import pi
from torch.autograd import gradcheck

from mocap3d.geometry.rigid import (
    Rigid,
    quaternion_from_rotation,
    rotation_from_quaternion,
    rotation_from_rotvec,
    rotvec_from_rotation,
)

BATCHES = [(), (1,), (7,), (3, 1, 2), (0,)]
# From nothing at all, over the joints of series and closed forms, to within a rounding of half a turn.
ANGLES = [0.0, 1e-300, 1e-16, 1e-9, 1e-7, 1e-4, 0.0632, 0.4999, 0.5001, 1.0, 3.0, pi - 1e-4, pi - 1e-8, pi - 1e-13]


def a_twist(*batch: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*batch, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def difference(one: Rigid, other: Rigid) -> float:
    """The largest of all differences of their entries; 0 for empty batches."""
    rotation, translation = one.rotation - other.rotation, one.translation - other.translation
    return float(torch.cat([rotation.flatten(), translation.flatten(), torch.zeros(1)]).abs().max())


def an_axis(seed: int = 3) -> torch.Tensor:
    axis = a_twist(seed=seed)[:3]
    return axis / axis.norm()


@pytest.mark.parametrize("batch", BATCHES)
def test_group_axioms(batch):
    a, b, c = (Rigid.exp(a_twist(*batch, seed=seed)) for seed in (1, 2, 3))
    identity = Rigid.identity(*batch)
    assert (a @ b).rotation.shape == (*batch, 3, 3)
    assert difference((a @ b) @ c, a @ (b @ c)) < 1e-13
    assert difference(a @ identity, a) == 0
    assert difference(identity @ a, a) == 0
    assert difference(a @ a.inverse(), identity) < 1e-14
    assert difference(a.inverse() @ a, identity) < 1e-14
    assert difference((a @ b).inverse(), b.inverse() @ a.inverse()) < 1e-14


@pytest.mark.parametrize("batch", BATCHES)
def test_motions_act_on_points(batch):
    a, b = (Rigid.exp(a_twist(*batch, seed=seed)) for seed in (1, 2))
    p = a_twist(*batch, seed=4)[..., :3]
    assert torch.allclose((a @ b).apply(p), a.apply(b.apply(p)), rtol=0, atol=1e-14)
    assert torch.allclose(a.inverse().apply(a.apply(p)), p, rtol=0, atol=1e-14)


def test_batches_broadcast():
    many, one, points = Rigid.exp(a_twist(4)), Rigid.exp(a_twist(seed=1)), a_twist(5, 1, seed=2)[..., :3]
    assert (many @ one).translation.shape == (4, 3)
    assert (one @ many).translation.shape == (4, 3)
    assert (many[:, None] @ many[None]).translation.shape == (4, 4, 3)
    assert many.apply(points).shape == (5, 4, 3)
    assert difference((many @ one)[2], many[2] @ one) < 1e-15
    assert Rigid.from_rotvec(points[:, 0], torch.zeros(3, dtype=torch.float64)).translation.shape == (5, 3)


@pytest.mark.parametrize("angle", ANGLES)
def test_log_undoes_exp(angle):
    """Measured 2e-15; the rotation part also keeps its relative digits near 0."""
    twist = torch.cat([a_twist()[:3], angle * an_axis()])
    back = Rigid.exp(twist).log()
    assert torch.allclose(back, twist, rtol=0, atol=2e-14)
    if 1e-150 < angle < 1e-3:
        assert torch.allclose(back[3:], twist[3:], rtol=1e-12, atol=0)


@pytest.mark.parametrize("axis", [*torch.eye(3, dtype=torch.float64), an_axis(), -an_axis(5)])
def test_half_a_turn_keeps_its_axis(axis):
    """At pi itself either sign is right; exp must give the same motion."""
    motion = Rigid.from_rotvec(pi * axis, torch.ones(3, dtype=torch.float64))
    assert float(motion.rotvec().norm()) == pytest.approx(pi, abs=1e-14)
    assert float((motion.rotvec() / pi @ axis).abs()) == pytest.approx(1, abs=1e-14)
    assert difference(Rigid.exp(motion.log()), motion) < 1e-14


@pytest.mark.parametrize("angle", [a for a in ANGLES if a > 1e-20])
def test_exp_matches_the_matrix_exponential(angle):
    twist = torch.cat([a_twist()[:3], angle * an_axis()])
    truth, motion = oracles.matrix_exponential(twist), Rigid.exp(twist)
    assert torch.allclose(motion.rotation, truth[:3, :3], rtol=0, atol=1e-14)
    assert torch.allclose(motion.translation, truth[:3, 3], rtol=0, atol=1e-14)


def test_conversions_match_scipy():
    rotations = Rotation.random(1000, random_state=0)
    matrix = torch.from_numpy(rotations.as_matrix())
    quaternion, rotvec = rotations.as_quat(canonical=True), rotations.as_rotvec()
    assert torch.allclose(quaternion_from_rotation(matrix), torch.from_numpy(quaternion), rtol=0, atol=1e-14)
    assert torch.allclose(rotation_from_quaternion(3 * torch.from_numpy(quaternion)), matrix, rtol=0, atol=1e-14)
    assert torch.allclose(rotvec_from_rotation(matrix), torch.from_numpy(rotvec), rtol=0, atol=1e-12)
    assert torch.allclose(rotation_from_rotvec(torch.from_numpy(rotvec)), matrix, rtol=0, atol=1e-14)


def test_rotations_stay_proper():
    rotation = Rigid.exp(10 * a_twist(1000)).rotation
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(1000, dtype=torch.float64), rtol=0, atol=1e-14)
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-14)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 0.3, 0.6, 3.0, pi - 1e-3])
def test_gradients(angle):
    """At the identity too, where the formulas read 0/0; log is taken of a motion that stays one."""
    twist = torch.cat([a_twist()[:3], angle * an_axis()]).requires_grad_()
    nudge = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: (Rigid.exp(x).rotation, Rigid.exp(x).translation), twist)
    assert gradcheck(lambda x: (Rigid.exp(x) @ Rigid.exp(twist.detach())).log(), nudge)
    assert gradcheck(lambda x: Rigid.exp(x).apply(torch.ones(3, dtype=torch.float64)), twist)


def test_second_derivatives_at_the_identity():
    nudge = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: Rigid.exp(x).apply(x[:3] + 1), nudge)
